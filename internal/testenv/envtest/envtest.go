// Package envtest gives tests the servers of package testenv.
package envtest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rekeyhq/rekey/internal/testenv"
)

// patience bounds each single step on the server's side; machines that run tests are slow at times.
const patience = 60 * time.Second

// shared is the cluster of this test binary, started at its first use.
var shared struct {
	once   sync.Once
	server *testenv.Postgres
	err    error
}

// Main is for TestMain: it runs the tests, stops the servers, fails when goroutines are left over, and exits.
func Main(m *testing.M, opts ...goleak.Option) {
	testenv.InMemory()
	end(m.Run(), opts)
}

// MainRounds is Main for tests that run once after each of the given functions, until they fail.
func MainRounds(m *testing.M, prepare ...func()) {
	testenv.InMemory()
	code := 0
	for _, p := range prepare {
		p()
		if code = m.Run(); code != 0 {
			break
		}
	}
	end(code, nil)
}

// Waiting is for TestMain of packages whose parallel tests mostly wait: n of them run at once, however few processors there
// are, unless -parallel says otherwise.
func Waiting(n int) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", strconv.Itoa(n))
	}
}

func end(code int, opts []goleak.Option) {
	for _, err := range []error{stopVault(), stopMariaDB(), stop()} {
		if err != nil {
			fmt.Fprintln(os.Stderr, "envtest:", err)
			code = max(code, 1)
		}
	}
	if code == 0 {
		code = checkLeaks(opts)
	}
	os.Exit(code)
}

func stop() error {
	if shared.server == nil {
		return nil
	}
	if err := shared.server.Stop(); err != nil {
		return fmt.Errorf("stopping PostgreSQL: %w", err)
	}
	return nil
}

func checkLeaks(opts []goleak.Option) int {
	if err := goleak.Find(opts...); err != nil {
		fmt.Fprintln(os.Stderr, "envtest: goroutines are left after all tests:", err)
		return 1
	}
	return 0
}

// Postgres returns the cluster that all tests of this binary share. Without installed binaries the test
// fails, with the command that installs them: it is never skipped.
func Postgres(t testing.TB) *testenv.Postgres {
	t.Helper()
	shared.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		shared.server, shared.err = testenv.StartPostgres(ctx)
	})
	if shared.err != nil {
		t.Fatalf("no PostgreSQL for this test: %v", shared.err)
	}
	return shared.server
}

// Database returns a fresh database, dropped when the test ends.
func Database(t testing.TB) *testenv.Database {
	t.Helper()
	server := Postgres(t)
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

// Issuer returns an issuer of logins in a fresh database.
func Issuer(t testing.TB) *testenv.Issuer {
	t.Helper()
	return IssuerWith(t, nil)
}

// IssuerWith is Issuer with options.
func IssuerWith(t testing.TB, opts *testenv.IssuerOptions) *testenv.Issuer {
	t.Helper()
	db := Database(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	issuer, err := testenv.NewIssuer(ctx, db, opts)
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

// Proxy returns a proxy in front of the shared cluster, closed when the test ends.
func Proxy(t testing.TB) *testenv.Proxy {
	t.Helper()
	return proxyTo(t, Postgres(t).Addr())
}

func proxyTo(t testing.TB, addr string) *testenv.Proxy {
	t.Helper()
	proxy, err := testenv.StartProxy(addr)
	if err != nil {
		t.Fatalf("starting a proxy: %v", err)
	}
	t.Cleanup(func() {
		if err := proxy.Close(); err != nil {
			t.Errorf("closing the proxy: %v", err)
		}
	})
	return proxy
}

// NoLeak fails the test when it ends with more goroutines than it has now; the servers of this package do not
// count. Call it before everything else that cleans up, and not in parallel tests.
func NoLeak(t testing.TB, opts ...goleak.Option) {
	t.Helper()
	opts = append(opts, goleak.IgnoreCurrent(),
		// A shared server may be started by this test, and outlives it.
		goleak.IgnoreAnyFunction("github.com/rekeyhq/rekey/internal/testenv.(*process).run"))
	t.Cleanup(func() {
		closeIdleVault()
		if err := goleak.Find(opts...); err != nil {
			t.Errorf("goroutines are left: %v", err)
		}
	})
}

// Eventually polls cond until it holds, and fails the test when it does not within the given time.
func Eventually(t testing.TB, within time.Duration, cond func() bool, what ...any) {
	t.Helper()
	const pause = 5 * time.Millisecond
	for deadline := time.Now().Add(within); !cond(); time.Sleep(pause) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, fmt.Sprint(what...))
		}
	}
}
