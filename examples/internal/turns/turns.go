// Package turns lets the login of an example change while it works.
package turns

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/sourcetest"
)

// patience bounds each wait; machines that run tests are slow at times.
const patience = 30 * time.Second

// Program is an example: it works with the credentials of src until ctx ends, and counts what it has done. dsn names no
// login.
type Program func(ctx context.Context, src source.Source, dsn string, done *atomic.Int64) error

// Three runs a program through three rotations: each old login is dropped once it has no session, and the program goes on
// with the new one. prepare, if any, gives a login what it needs beyond the application's tables.
func Three(t *testing.T, issuer *testenv.Issuer, prepare func(testenv.Login), program Program) {
	t.Helper()
	login := issue(t, issuer, prepare)
	src := sourcetest.New(credential(login), sourcetest.Notifies)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var done atomic.Int64
	ended := make(chan error, 1)
	go func() { ended <- program(ctx, src.Source(), issuer.DSN(testenv.Login{User: "nobody"}), &done) }()
	works(t, &done, ended)
	for range 3 {
		old := login
		login = issue(t, issuer, prepare)
		src.Rotate(credential(login))
		envtest.Eventually(t, patience, func() bool {
			return sessions(t, issuer, login) > 0 && sessions(t, issuer, old) == 0
		}, "the program uses ", login.User, " only")
		if err := issuer.Exec(t.Context(), fmt.Sprintf(`DROP OWNED BY %q; DROP ROLE %q`, old.User, old.User)); err != nil {
			t.Fatal(err)
		}
		works(t, &done, ended)
	}
	stop()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	envtest.Eventually(t, patience, func() bool { return sessions(t, issuer, login) == 0 }, "no session is left")
}

// works waits until the program has done some more work.
func works(t *testing.T, done *atomic.Int64, ended chan error) {
	t.Helper()
	want := done.Load() + 10
	envtest.Eventually(t, patience, func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the program has ended: %v", err)
		default:
		}
		return done.Load() >= want
	}, "the program works")
}

func issue(t *testing.T, issuer *testenv.Issuer, prepare func(testenv.Login)) testenv.Login {
	t.Helper()
	login, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(login)
	}
	return login
}

func sessions(t *testing.T, issuer *testenv.Issuer, login testenv.Login) int {
	t.Helper()
	n, err := issuer.Sessions(context.Background(), login)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func credential(l testenv.Login) source.Credential {
	return source.Credential{Username: l.User, Password: source.NewSecret(l.Password)}
}
