package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
)

// giver is a source of one login at a time.
type giver struct {
	mu sync.Mutex
	c  source.Credential
}

func (g *giver) Fetch(context.Context) (source.Credential, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.c, nil
}

func (g *giver) give(l testenv.Login) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.c = source.Credential{Username: l.User, Password: source.NewSecret(l.Password)}
}

// bench is a server, its issuer, and logins of it.
type bench struct {
	*testing.T
	*testenv.MariaIssuer
}

func newBench(t *testing.T, rights testenv.MariaRights) bench {
	return bench{t, envtest.MariaIssuerWith(t, &testenv.MariaIssuerOptions{Rights: rights})}
}

func (b bench) issue() testenv.Login {
	b.Helper()
	login, err := b.Issue(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return login
}

func (b bench) exec(statements string, l testenv.Login) {
	b.Helper()
	if err := b.Exec(b.Context(), replace(statements, "{db}", b.Database().Name, "{user}", fmt.Sprintf("'%s'@'%%'", l.User))); err != nil {
		b.Fatal(err)
	}
}

func replace(s string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(s) }

// open is a DB that begins with login.
func (b bench) open(login testenv.Login, d sqladapter.Driver) (*sqladapter.DB, *giver) {
	b.Helper()
	src := &giver{}
	src.give(login)
	db, err := sqladapter.Open(b.Context(), sqladapter.Config{Source: src, Driver: d, MaxOpenConns: 2})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return db, src
}

// adopts offers login to db.
func (b bench) adopts(db *sqladapter.DB, src *giver, login testenv.Login) {
	b.Helper()
	src.give(login)
	if err := db.Refresh(b.Context()); err != nil || db.Status().Username != login.User {
		b.Errorf("%s is not adopted: %v", login.User, err)
	}
}

// refuses offers login to db, which must find it lacking in that.
func (b bench) refuses(db *sqladapter.DB, src *giver, login testenv.Login, lacking string) {
	b.Helper()
	before := db.Status()
	src.give(login)
	err := db.Refresh(b.Context())
	var verify *rekey.VerifyError
	if !errors.As(err, &verify) || verify.Class != rekey.VerifyLacking || !strings.Contains(err.Error(), lacking) {
		b.Errorf("a login that lacks %s: %v", lacking, err)
	}
	if s := db.Status(); s.Username != before.Username || s.Generation != before.Generation {
		b.Errorf("in use is %+v", s)
	}
}

// TestGrants: a login that can get in, and has less than the one in use, is refused; one with the same passes.
func TestGrants(t *testing.T) {
	for name, tt := range map[string]struct {
		rights        testenv.MariaRights
		take, lacking string
	}{
		"tables":   {testenv.OnTables, "REVOKE DELETE ON {db}.events FROM {user}", "DELETE ON"},
		"function": {testenv.OnTables, "REVOKE EXECUTE ON FUNCTION {db}.balance_of FROM {user}", "EXECUTE ON FUNCTION"},
		"database": {testenv.OnDatabase, "REVOKE DELETE ON {db}.* FROM {user}", "DELETE ON"},
		"role": {testenv.ByRole, "SET DEFAULT ROLE NONE FOR {user}; GRANT SELECT ON {db}.accounts TO {user}",
			"DELETE ON"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, tt.rights)
			db, src := b.open(b.issue(), New(b.Config(testenv.Login{})))
			less := b.issue()
			b.exec(tt.take, less)
			b.refuses(db, src, less, tt.lacking)
			b.adopts(db, src, b.issue())
			b.refuses(db, src, less, tt.lacking)
			b.adopts(db, src, b.issue())
		})
	}
}

// TestGrantsOfTheSameAccount: a right that was taken from the account in use is no reason to refuse its next password.
func TestGrantsOfTheSameAccount(t *testing.T) {
	b := newBench(t, testenv.OnTables)
	login := b.issue()
	db, src := b.open(login, New(b.Config(testenv.Login{})))
	b.exec("REVOKE DELETE ON {db}.events FROM {user}", login)
	changed, err := b.AlterPassword(t.Context(), login)
	if err != nil {
		t.Fatal(err)
	}
	b.adopts(db, src, changed)
	if g := db.Status().Generation; g != 2 {
		t.Errorf("generation %d", g)
	}
}

// TestGrantsOfTwo: two DBs of one Driver and one probe do not forget, or take for their own, what the other's logins have.
func TestGrantsOfTwo(t *testing.T) {
	b := newBench(t, testenv.OnTables)
	shared := New(b.Config(testenv.Login{}))
	one, ones := b.open(b.issue(), shared)
	two, twos := b.open(b.issue(), shared)
	less := b.issue()
	b.exec("REVOKE DELETE ON {db}.events FROM {user}", less)
	for range 2 { // the other DB's verification comes between
		b.refuses(one, ones, less, "DELETE ON")
		b.refuses(two, twos, less, "DELETE ON")
		b.adopts(one, ones, b.issue())
		b.adopts(two, twos, b.issue())
	}
}

// TestNothingKnown: where the rights of the login in use are not known, a login is neither fine nor lacking.
func TestNothingKnown(t *testing.T) {
	b := newBench(t, testenv.OnTables)
	var got error
	known := Grants{}
	config := New(b.Config(testenv.Login{}))
	config.Probe = probe.Func(func(ctx context.Context, target probe.Target) error {
		if target.Current == "" {
			return nil
		}
		got = known.Check(ctx, probe.Target{Conn: target.Conn, Current: target.Current, Notes: &probe.Notes{}, CurrentNotes: &probe.Notes{}})
		return got
	})
	db, src := b.open(b.issue(), config)
	src.give(b.issue())
	if err := db.Refresh(t.Context()); err == nil || !errors.Is(got, errNothingKnown) || probe.Lacks(got) {
		t.Errorf("%v, of %v", err, got)
	}
}
