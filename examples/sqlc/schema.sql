CREATE TABLE app.accounts (id int PRIMARY KEY, owner text NOT NULL, balance bigint NOT NULL);
CREATE TABLE app.events (id bigserial PRIMARY KEY, account_id int NOT NULL, kind text NOT NULL, at timestamptz NOT NULL DEFAULT now());
