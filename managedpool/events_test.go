package managedpool_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
)

// heard keeps events in their order.
type heard struct {
	mu     sync.Mutex
	events []rekey.Event
}

func (h *heard) hear(e rekey.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// words tells the hand-overs, and what they follow, in short.
func (h *heard) words() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var words []string
	for _, e := range h.events {
		switch e := e.(type) {
		case rekey.AdoptedEvent:
			words = append(words, fmt.Sprintf("adopted %d", e.Generation))
		case rekey.HandOverBegunEvent:
			words = append(words, fmt.Sprintf("begun %d", e.Generation))
		case rekey.DrainedEvent:
			words = append(words, fmt.Sprintf("drained %d", e.Generation))
		case rekey.HandOverEndedEvent:
			words = append(words, fmt.Sprintf("ended %d overtaken=%t", e.Generation, e.Overtaken))
		}
	}
	return strings.Join(words, ", ")
}

// TestHandOversAreTold: one that is overtaken by the next, whose end is that of both; and none for a new password.
func TestHandOversAreTold(t *testing.T) {
	for _, mode := range []managedpool.Mode{managedpool.InPlace, managedpool.Replace} {
		t.Run(mode.String(), func(t *testing.T) {
			s := newSite(t, nil)
			var h heard
			first := s.issue(t)
			src := newFeed(first)
			pool := s.managed(t, src, &managedpool.Options{Mode: mode, OnEvent: h.hear}, nil)
			changed, err := s.issuer.AlterPassword(context.Background(), first)
			if err != nil {
				t.Fatal(err)
			}
			src.set(changed)
			envtest.Eventually(t, patience, func() bool { return pool.Status().Generation == 2 }, "a new password is adopted")
			held, err := pool.Acquire(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				login := s.issue(t)
				src.set(login)
				envtest.Eventually(t, patience, func() bool { return pool.Status().Username == login.User }, "a new login is adopted")
			}
			held.Release()
			envtest.Eventually(t, patience, func() bool { return strings.Contains(h.words(), "ended 4") }, "the hand-over has ended")
			got := h.words()
			for _, order := range [][2]string{
				{"adopted 3", "begun 3"}, {"begun 3", "ended 3 overtaken=true"}, {"ended 3 overtaken=true", "begun 4"},
				{"drained 2", "ended 4 overtaken=false"},
			} {
				before, after := strings.Index(got, order[0]), strings.Index(got, order[1])
				if before < 0 || after < before {
					t.Errorf("%q does not follow %q in %q", order[1], order[0], got)
				}
			}
			if strings.Contains(got, "begun 1") || strings.Contains(got, "begun 2") {
				t.Errorf("a hand-over where none is needed: %q", got)
			}
		})
	}
}

// TestNoLinePerQuery: queries add nothing to the log, whatever its level.
func TestNoLinePerQuery(t *testing.T) {
	s := newSite(t, nil)
	src := newFeed(s.issue(t))
	var mu sync.Mutex
	var lines bytes.Buffer
	write := writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return lines.Write(p)
	})
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return bytes.Count(lines.Bytes(), []byte("\n"))
	}
	pool := s.managed(t, src, &managedpool.Options{
		Logger: slog.New(slog.NewTextHandler(write, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}, func(c *pgxpool.Config) { c.MaxConns = 2 })
	next := s.issue(t)
	src.set(next)
	uses(t, pool, next)
	envtest.Eventually(t, patience, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Contains(lines.String(), "hand-over ended")
	}, "the hand-over is logged")
	before := count()
	for range 50 {
		if _, err := pool.Exec(context.Background(), "select 1"); err != nil {
			t.Fatal(err)
		}
	}
	if after := count(); after != before {
		t.Errorf("%d lines for 50 queries", after-before)
	}
}

// writerFunc is an io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
