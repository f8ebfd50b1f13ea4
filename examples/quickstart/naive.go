package main

import (
	"context"
	"database/sql"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rekeyhq/rekey/internal/testenv"
)

// naive is what many a service does: a *sql.DB behind a lock. A new login gets a new one, pinged; it takes
// the old one's place, and the old one is closed. But whoever waits in the old one's line for a connection, or
// has just got hold of it, is then told that the database is closed.
type naive struct {
	connString string
	conns      int

	mu sync.RWMutex // guards db
	db *sql.DB
}

// DB returns the database of the moment.
func (n *naive) DB() *sql.DB {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.db
}

// swap opens a database with another login. It pings and closes outside the lock, which is kinder than usual.
func (n *naive) swap(ctx context.Context, login testenv.Login) error {
	next, err := n.open(login)
	if err != nil {
		return err
	}
	if err := next.PingContext(ctx); err != nil {
		next.Close()
		return err
	}
	n.mu.Lock()
	old := n.db
	n.db = next
	n.mu.Unlock()
	if old == nil {
		return nil
	}
	return old.Close()
}

func (n *naive) open(login testenv.Login) (*sql.DB, error) {
	config, err := pgx.ParseConfig(n.connString)
	if err != nil {
		return nil, err
	}
	config.User, config.Password = login.User, login.Password
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(n.conns)
	db.SetMaxIdleConns(n.conns)
	return db, nil
}

// rotation is one that swaps with every new login.
func (n *naive) rotation(issuer *testenv.Issuer) *rotation {
	r := newRotation(issuer, nil)
	r.publish = func(ctx context.Context, next testenv.Login) error {
		before := r.user()
		if err := n.swap(ctx, next); err != nil {
			return err
		}
		r.adopted(next.User)
		r.drained(before)
		return nil
	}
	return r
}

func (n *naive) close() {
	if db := n.DB(); db != nil {
		db.Close()
	}
}
