package e2e_test

import (
	"context"
	"testing"

	"github.com/lib/pq"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/sourcetest"
	"github.com/rekeyhq/rekey/sqladapter"
	"github.com/rekeyhq/rekey/sqladapter/libpq"
	"github.com/rekeyhq/rekey/sqladapter/mysql"
	"github.com/rekeyhq/rekey/statuspage"
)

// issuer makes logins, of PostgreSQL or of MariaDB.
type issuer interface {
	Issue(context.Context) (testenv.Login, error)
}

// anyPool is one of any kind, and how a connection is taken out of it until it is given back.
type anyPool struct {
	statuspage.Pool
	take     func(context.Context) (giveBack func(), err error)
	shutdown func(context.Context) error
}

// opener opens one on a source whose first credential issuer has made.
type opener func(*testing.T, source.Source, func(rekey.Event)) (anyPool, error)

// kinds are all that there are: in each a function that gives the issuer, and how to open.
var kinds = map[string]func(*testing.T) (issuer, opener){
	"InPlace": func(t *testing.T) (issuer, opener) { return managed(t, managedpool.InPlace) },
	"Replace": func(t *testing.T) (issuer, opener) { return managed(t, managedpool.Replace) },
	"libpq": func(t *testing.T) (issuer, opener) {
		issuer := envtest.Issuer(t)
		config, err := pq.NewConfig(issuer.DSN(testenv.Login{User: "nobody"}))
		if err != nil {
			t.Fatal(err)
		}
		return issuer, overSQL(libpq.New(config))
	},
	"mysql": func(t *testing.T) (issuer, opener) {
		issuer := envtest.MariaIssuer(t)
		return issuer, overSQL(mysql.New(issuer.Config(testenv.Login{User: "nobody"})))
	},
}

func managed(t *testing.T, mode managedpool.Mode) (issuer, opener) {
	issuer := envtest.Issuer(t)
	return issuer, func(t *testing.T, src source.Source, observe func(rekey.Event)) (anyPool, error) {
		pool, err := managedpool.New(t.Context(), issuer.DSN(testenv.Login{}), src, &managedpool.Options{Mode: mode, OnEvent: observe})
		if err != nil {
			return anyPool{}, err
		}
		return anyPool{Pool: pool, shutdown: pool.Shutdown, take: func(ctx context.Context) (func(), error) {
			conn, err := pool.Acquire(ctx)
			if err != nil {
				return nil, err
			}
			return conn.Release, nil
		}}, nil
	}
}

func overSQL(driver sqladapter.Driver) opener {
	return func(t *testing.T, src source.Source, observe func(rekey.Event)) (anyPool, error) {
		db, err := sqladapter.Open(t.Context(), sqladapter.Config{Source: src, Driver: driver, OnEvent: observe})
		if err != nil {
			return anyPool{}, err
		}
		return anyPool{Pool: db, shutdown: db.Shutdown, take: func(ctx context.Context) (func(), error) {
			conn, err := db.Conn(ctx)
			if err != nil {
				return nil, err
			}
			return func() { conn.Close() }, nil
		}}, nil
	}
}

// TestEveryKindOfPool: a rotation is shown, whatever the pool is made of: the next generation, the one before while a
// connection of it is in use, and its end.
func TestEveryKindOfPool(t *testing.T) {
	s := newSite(t, nil)
	b := newTab(t, look{})
	b.open(s.url())
	for name, begin := range kinds {
		t.Run(name, func(t *testing.T) { showsRotation(t, s, b, name, begin) })
	}
	b.wantQuiet()
}

func showsRotation(t *testing.T, s *site, b *tab, name string, begin func(*testing.T) (issuer, opener)) {
	issuer, open := begin(t)
	issue := func() source.Credential {
		login, err := issuer.Issue(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return source.Credential{Username: login.User, Password: source.NewSecret(login.Password), Version: "of " + login.User}
	}
	first, second := issue(), issue()
	fake := sourcetest.New(first, sourcetest.Notifies)
	pool, err := open(t, fake.Source(), s.page.Observe(name))
	if err != nil {
		t.Fatal(err)
	}
	defer s.page.Remove(name)
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := pool.shutdown(ctx); err != nil {
			t.Errorf("closing: %v", err)
		}
		b.untilText(".badge", "closed")
	}()
	if err := s.page.Add(name, pool.Pool); err != nil {
		t.Fatal(err)
	}
	b.untilText("h2", name)
	b.untilText("[data-phase=current] .who", first.Username)
	giveBack, err := pool.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { giveBack() }()
	fake.Rotate(second)
	b.untilText("[data-phase=current] .who", second.Username)
	b.untilText("[data-phase=draining] .number", "1 connection")
	b.untilText("[data-phase=draining] .who", first.Username)
	b.untilText(".log", "Generation 2 adopted: "+second.Username)
	giveBack()
	giveBack = func() {}
	b.untilText("[data-phase=gone] .story", "drained in")
	b.untilText(".refreshes", "Adopted as generation 2 announced by the source")
	b.untilText("dd.user", second.Username)
	if _, counts := pool.Pool.(interface{ PoolStats() rekey.PoolStats }); counts {
		b.untilText(".counts", "0 in use")
	}
}
