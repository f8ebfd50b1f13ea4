package envtest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/rekeyhq/rekey/internal/testenv"
)

// sharedMariaDB is the MariaDB server of this test binary, started at its first use.
var sharedMariaDB struct {
	once   sync.Once
	server *testenv.MariaDB
	err    error
}

// MariaDB returns the MariaDB server that all tests of this binary share. Where it is not installed the test fails,
// with the command that installs it: it is never skipped.
func MariaDB(t testing.TB) *testenv.MariaDB {
	t.Helper()
	sharedMariaDB.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		sharedMariaDB.server, sharedMariaDB.err = testenv.StartMariaDB(ctx)
	})
	if sharedMariaDB.err != nil {
		t.Fatalf("no MariaDB for this test: %v", sharedMariaDB.err)
	}
	return sharedMariaDB.server
}

// OwnMariaDB returns a MariaDB server for this test alone, stopped when the test ends. Tests that restart it, or
// change what holds for all its sessions, take this.
func OwnMariaDB(t testing.TB) *testenv.MariaDB {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	server, err := testenv.StartMariaDB(ctx)
	if err != nil {
		t.Fatalf("no MariaDB for this test: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("stopping MariaDB: %v", err)
		}
	})
	return server
}

// MariaDatabase returns a fresh database on the shared server, dropped when the test ends.
func MariaDatabase(t testing.TB) *testenv.MariaDatabase {
	t.Helper()
	return MariaDatabaseOn(t, MariaDB(t))
}

// MariaDatabaseOn is MariaDatabase for any server.
func MariaDatabaseOn(t testing.TB, server *testenv.MariaDB) *testenv.MariaDatabase {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db, err := server.CreateDatabase(ctx)
	if err != nil {
		t.Fatalf("creating a database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := db.Drop(ctx); err != nil {
			t.Errorf("dropping database %s: %v", db.Name, err)
		}
	})
	return db
}

// MariaIssuer returns an issuer of logins in a fresh database.
func MariaIssuer(t testing.TB) *testenv.MariaIssuer {
	t.Helper()
	return MariaIssuerWith(t, nil)
}

// MariaIssuerWith is MariaIssuer with options.
func MariaIssuerWith(t testing.TB, opts *testenv.MariaIssuerOptions) *testenv.MariaIssuer {
	t.Helper()
	return MariaIssuerFor(t, MariaDatabase(t), opts)
}

// MariaIssuerFor is MariaIssuerWith for a database that is fresh.
func MariaIssuerFor(t testing.TB, db *testenv.MariaDatabase, opts *testenv.MariaIssuerOptions) *testenv.MariaIssuer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	issuer, err := testenv.NewMariaIssuer(ctx, db, opts)
	if err != nil {
		t.Fatalf("making an issuer: %v", err)
	}
	t.Cleanup(func() {
		if err := issuer.Close(); err != nil {
			t.Errorf("closing the issuer: %v", err)
		}
	})
	return issuer
}

// MariaProxy returns a proxy in front of the shared MariaDB server, closed when the test ends.
func MariaProxy(t testing.TB) *testenv.Proxy {
	t.Helper()
	return proxyTo(t, MariaDB(t).Addr())
}

func stopMariaDB() error {
	if sharedMariaDB.server == nil {
		return nil
	}
	if err := sharedMariaDB.server.Stop(); err != nil {
		return fmt.Errorf("stopping MariaDB: %w", err)
	}
	return nil
}
