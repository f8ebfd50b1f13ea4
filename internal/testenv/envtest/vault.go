package envtest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv"
)

// buildPatience is for building the Vault server where nobody has done it before: "make test" does.
const buildPatience = 14 * time.Minute

// sharedVault is the Vault server of this test binary, started at its first use.
var sharedVault struct {
	once   sync.Once
	server *testenv.Vault
	err    error
}

// Vault returns the Vault server that all tests of this binary share, initialized and unsealed. Tests that stop, seal,
// pause or kill it take [OwnVault]. Where it cannot be built or started the test fails, with what to do: it is never
// skipped.
func Vault(t testing.TB) *testenv.Vault {
	t.Helper()
	sharedVault.once.Do(func() { sharedVault.server, sharedVault.err = startVault() })
	if sharedVault.err != nil {
		t.Fatalf("no Vault for this test: %v", sharedVault.err)
	}
	return sharedVault.server
}

// OwnVault returns a Vault server for this test alone, stopped when the test ends.
func OwnVault(t testing.TB) *testenv.Vault {
	t.Helper()
	server, err := startVault()
	if err != nil {
		t.Fatalf("no Vault for this test: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("stopping Vault: %v", err)
		}
	})
	return server
}

// VaultDatabase mounts a database engine for the issuer's database on a server. When the test ends its leases are
// revoked and it is unmounted, unless the server is the test's own. nil opts means the zero value.
func VaultDatabase(t testing.TB, server *testenv.Vault, issuer *testenv.Issuer, opts *testenv.VaultDatabaseOptions) *testenv.VaultDatabase {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	db, err := server.MountDatabase(ctx, issuer, opts)
	if err != nil {
		t.Fatal(err)
	}
	if server != sharedVault.server {
		return db
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := db.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return db
}

// startVault builds the server first, because that takes longer than anybody waits for a server to start.
func startVault() (*testenv.Vault, error) {
	building, cancel := context.WithTimeout(context.Background(), buildPatience)
	defer cancel()
	if _, err := testenv.VaultProgram(building); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return testenv.StartVault(ctx)
}

func stopVault() error {
	if sharedVault.server == nil {
		return nil
	}
	if err := sharedVault.server.Stop(); err != nil {
		return fmt.Errorf("stopping Vault: %w", err)
	}
	return nil
}

// closeIdleVault ends the goroutines of connections that nobody uses.
func closeIdleVault() {
	if sharedVault.server != nil {
		sharedVault.server.CloseIdleConnections()
	}
}
