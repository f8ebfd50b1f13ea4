package sqladapter_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
)

// TestHungNetwork: a server that takes connections and says nothing holds up neither the refresh nor the end.
func TestHungNetwork(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, func(c *sqladapter.Config) { c.VerifyTimeout = 300 * time.Millisecond })
		r.warm(t, 1)
		r.proxy.Pause()
		r.rotate(t)
		envtest.Eventually(t, patience, func() bool { return r.db.Status().Failures > 0 }, "the verification has failed")
		if s := r.db.Status(); s.State != rekey.StateDegraded || s.LastError == "" {
			t.Errorf("%+v", s)
		}
		r.proxy.Resume()
		r.adoptedLast(t, patience)
		must(t, r.db.Ping())
		r.proxy.Pause()
		r.rotate(t)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		must(t, r.db.Shutdown(ctx))
		r.proxy.Resume()
	})
}

// TestLimitIsKept: a framework that raises SetMaxOpenConns is told of, and costs nobody anything.
func TestLimitIsKept(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		for _, limit := range []int{0, 2 * poolSize} {
			r := newRig(t, k, nil)
			r.db.SetMaxOpenConns(limit)
			var callers sync.WaitGroup
			for range 3 * poolSize {
				callers.Go(func() {
					for range 3 {
						if err := r.readRows(context.Background()); err != nil {
							t.Error(err)
						}
					}
				})
			}
			callers.Wait()
			envtest.Eventually(t, patience, func() bool {
				told := 0
				for _, w := range loadtest.Find[rekey.WarningEvent](r.diary) {
					if w.Field == "MaxOpenConns" {
						told++
					}
				}
				return told == 1
			}, "it is told of once")
			if n := r.db.Stats().MaxOpenConnections; n != poolSize {
				t.Errorf("the limit is %d", n)
			}
		}
	})
}

// TestErrorsAreWhole: what goes wrong on the way to a server is told in full, whatever the password is.
func TestErrorsAreWhole(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, nil)
		r.proxy.Close()
		r.source.Rotate(source.Credential{Username: "nobody", Password: source.NewSecret("connect-2024"), Version: "next"})
		envtest.Eventually(t, patience, func() bool { return r.db.Status().Failures > 0 }, "the verification has failed")
		if got := r.db.Status().LastError; strings.Contains(got, "withheld") || !strings.Contains(got, "127.0.0.1") {
			t.Errorf("the error: %s", got)
		}
	})
}

// TestCutOffSaysWhy: whoever has a connection that is closed under him is told.
func TestCutOffSaysWhy(t *testing.T) {
	r := newRig(t, kinds[0], func(c *sqladapter.Config) { c.DrainTimeout = 100 * time.Millisecond })
	conn, err := r.db.Conn(t.Context())
	must(t, err)
	defer conn.Close()
	waited := make(chan error, 1)
	go func() {
		waited <- conn.Raw(func(c any) error {
			_, err := c.(*stdlib.Conn).Conn().WaitForNotification(context.Background())
			return err
		})
	}()
	r.rotate(t)
	if err := <-waited; !errors.Is(err, rekey.ErrCutOff) || !errors.Is(err, net.ErrClosed) {
		t.Errorf("the wait that was cut off: %v", err)
	}
	r.adoptedLast(t, patience)
}
