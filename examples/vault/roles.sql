-- What a database administrator does once: the owner of what logins leave behind, the group that has the grants, and the
-- engine's own login, whose first password is the only thing to be filled in. Vault changes it at once.
CREATE ROLE app_owner NOLOGIN;
CREATE ROLE app_users NOLOGIN;
GRANT USAGE ON SCHEMA app TO app_users;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA app TO app_users;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA app TO app_users;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA app TO app_users;

CREATE ROLE vault_engine LOGIN CREATEROLE PASSWORD '{{password}}';
GRANT app_users TO vault_engine WITH ADMIN OPTION;
GRANT app_owner TO vault_engine;

DO $$ BEGIN
	EXECUTE format('GRANT CONNECT ON DATABASE %I TO app_users, vault_engine', current_database());
END $$;
