package main

import (
	"context"
	"fmt"

	"github.com/hashicorp/vault/api"
	"github.com/jackc/pgx/v5/pgxpool"
)

// witness asks PostgreSQL, as its superuser, and Vault, as root, what is there. The pool is not asked.
type witness struct {
	db    *pgxpool.Pool
	vault *api.Client
}

func newWitness(ctx context.Context, adminDSN string, vault *api.Client) (*witness, error) {
	db, err := pgxpool.New(ctx, adminDSN)
	return &witness{db: db, vault: vault}, err
}

// sessions counts those of Vault's users in this database, dropped users included.
func (w *witness) sessions(ctx context.Context) (int, error) {
	return w.number(ctx, `
		SELECT count(*) FROM pg_stat_get_activity(NULL)
		WHERE backend_type = 'client backend'
		AND datid = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND usesysid NOT IN (SELECT oid FROM pg_roles WHERE rolname IN (current_user, 'vault_engine'))`)
}

// users counts those that Vault has made.
func (w *witness) users(ctx context.Context) (int, error) {
	return w.number(ctx, `SELECT count(*) FROM pg_roles WHERE rolname LIKE 'v-%'`)
}

func (w *witness) number(ctx context.Context, sql string) (n int, err error) {
	err = w.db.QueryRow(ctx, sql).Scan(&n)
	return n, err
}

// leases counts those that Vault knows.
func (w *witness) leases(ctx context.Context) (int, error) {
	list, err := w.vault.Logical().ListWithContext(ctx, "sys/leases/lookup/database/creds/app")
	if err != nil || list == nil {
		return 0, err
	}
	keys, ok := list.Data["keys"].([]any)
	if !ok {
		return 0, fmt.Errorf("a list of leases without keys: %v", list.Data)
	}
	return len(keys), nil
}

func (w *witness) close() { w.db.Close() }
