package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/sourcetest"
	"github.com/rekeyhq/rekey/statuspage"
)

// prefix is where the page is mounted.
const prefix = "/ops/rekey/"

const poolSize = 6

// site is a server with the page.
type site struct {
	t      testing.TB
	page   *statuspage.Page
	server *httptest.Server
}

func newSite(t testing.TB, opts *statuspage.Options) *site {
	t.Helper()
	return newSiteBehind(t, opts, func(h http.Handler) http.Handler { return h })
}

// newSiteBehind puts something between the page and the browser.
func newSiteBehind(t testing.TB, opts *statuspage.Options, between func(http.Handler) http.Handler) *site {
	t.Helper()
	page, err := statuspage.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(prefix, page)
	s := &site{t: t, page: page, server: httptest.NewServer(between(mux))}
	t.Cleanup(s.server.Close)
	t.Cleanup(page.Close)
	return s
}

func (s *site) url() string { return s.server.URL + prefix }

// shop is a pool on the page, with a source that does what the test says.
type shop struct {
	t      testing.TB
	issuer *testenv.Issuer
	source *sourcetest.Fake
	pool   *managedpool.Pool
	logins []testenv.Login
	life   time.Duration
}

// open makes a pool and puts it on the page. Its credentials end after life; zero: they do not.
func (s *site) open(name string, life time.Duration) *shop {
	s.t.Helper()
	o := &shop{t: s.t, life: life, issuer: envtest.IssuerWith(s.t, &testenv.IssuerOptions{Prefix: name + "_v"})}
	o.source = sourcetest.New(o.issue(), sourcetest.Notifies, sourcetest.NamesAlternates)
	connString := fmt.Sprintf("%s pool_max_conns=%d pool_min_conns=%d pool_max_conn_lifetime=20s", o.issuer.DSN(testenv.Login{}), poolSize, poolSize)
	var err error
	o.pool, err = managedpool.New(s.t.Context(), connString, o.source.Source(), &managedpool.Options{
		OnEvent: s.page.Observe(name), BreakerFailures: 3, BreakerOpen: 2 * time.Second, Jitter: -1,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(o.close)
	if err := s.page.Add(name, o.pool); err != nil {
		s.t.Fatal(err)
	}
	return o
}

func (o *shop) issue() source.Credential {
	o.t.Helper()
	login, err := o.issuer.Issue(context.Background())
	if err != nil {
		o.t.Fatal(err)
	}
	o.logins = append(o.logins, login)
	c := source.Credential{
		Username: login.User, Password: source.NewSecret(login.Password), Version: fmt.Sprintf("lease/%s/%d", o.issuer.Database().Name, len(o.logins)),
		IssuedAt: time.Now(),
	}
	if o.life > 0 {
		c.ExpiresAt = c.IssuedAt.Add(o.life)
	}
	return c
}

// rotate issues another login, and returns its user.
func (o *shop) rotate() string {
	o.t.Helper()
	o.source.Rotate(o.issue())
	return o.logins[len(o.logins)-1].User
}

// hold takes connections out of the pool, for as long as the test lasts or until they are given back.
func (o *shop) hold(n int) (giveBack func()) {
	o.t.Helper()
	var held []*pgxpool.Conn
	for range n {
		conn, err := o.pool.Acquire(o.t.Context())
		if err != nil {
			o.t.Fatal(err)
		}
		held = append(held, conn)
	}
	giveBack = func() {
		for _, conn := range held {
			conn.Release()
		}
		held = nil
	}
	o.t.Cleanup(giveBack)
	return giveBack
}

func (o *shop) close() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := o.pool.Shutdown(ctx); err != nil {
		o.t.Errorf("closing the pool: %v", err)
	}
}

// wantNoSecret looks for the passwords in a text.
func (o *shop) wantNoSecret(where, text string) {
	o.t.Helper()
	for _, login := range o.logins {
		if strings.Contains(text, login.Password) {
			o.t.Errorf("the password of %s is in %s", login.User, where)
		}
	}
}

// fail breaks the source, and waits until the pool has noticed.
func (o *shop) fail(reason string) {
	o.t.Helper()
	o.source.FailNext(-1, errors.New(reason))
	if err := o.pool.Refresh(o.t.Context()); err == nil {
		o.t.Error("the source does not fail")
	}
}
