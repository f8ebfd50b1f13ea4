-- revoke.sql: first no new sessions and no rights, then gone. Only a member of a role may give away what it owns.
ALTER ROLE "{{name}}" NOLOGIN;
REVOKE app_users FROM "{{name}}";
GRANT "{{name}}" TO CURRENT_USER;
REASSIGN OWNED BY "{{name}}" TO app_owner;
DROP OWNED BY "{{name}}";
DROP ROLE "{{name}}";
