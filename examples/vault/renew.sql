-- renew.sql
ALTER ROLE "{{name}}" VALID UNTIL '{{expiration}}';
