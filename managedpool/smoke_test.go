package managedpool_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
)

func TestMain(m *testing.M) { envtest.Main(m) }

type slot struct {
	mu  sync.Mutex
	c   source.Credential
	chg chan struct{}
}

func (s *slot) Fetch(context.Context) (source.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.c, nil
}
func (s *slot) Changed() <-chan struct{} { s.mu.Lock(); defer s.mu.Unlock(); return s.chg }
func (s *slot) set(l testenv.Login) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.c = source.Credential{Username: l.User, Password: source.NewSecret(l.Password), Version: l.User}
	close(s.chg)
	s.chg = make(chan struct{})
}

func TestSmoke(t *testing.T) {
	envtest.NoLeak(t)
	is := envtest.Issuer(t)
	ctx := context.Background()
	l, err := is.Issue(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s := &slot{chg: make(chan struct{})}
	s.set(l)
	dsn := envtest.Postgres(t).DSN("nobody", "", is.Database().Name)
	p, err := managedpool.New(ctx, dsn+" pool_max_conns=10", s, &managedpool.Options{OnEvent: func(e managedpool.Event) { t.Log(time.Now().Format("05.000"), e.Name(), e.Attrs()) }})
	if err != nil {
		t.Fatal(err)
	}
	var n, failed atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var x int
				if err := p.QueryRow(ctx, "select count(*) from app.accounts").Scan(&x); err != nil {
					if failed.Add(1) < 5 {
						t.Error(err)
					}
				}
				n.Add(1)
			}
		})
	}
	maxS := 0
	for range 8 {
		time.Sleep(300 * time.Millisecond)
		next, err := is.Issue(ctx)
		if err != nil {
			t.Fatal(err)
		}
		s.set(next)
		for k := 0; k < 60; k++ {
			c, _ := is.AllSessions(ctx)
			maxS = max(maxS, c)
			time.Sleep(5 * time.Millisecond)
		}
		if err := is.Revoke(ctx, l); err != nil {
			t.Fatal(err)
		}
		l = next
	}
	t.Log(p.Status())
	close(stop)
	wg.Wait()
	sctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := p.Shutdown(sctx); err != nil {
		t.Error(err)
	}
	t.Log(n.Load(), failed.Load(), "max", maxS)
}
