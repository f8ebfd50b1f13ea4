-- create.sql: a member of the group that has the grants. It does not SET ROLE.
CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE app_users;
