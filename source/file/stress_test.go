package file_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/source/file"
)

// The worst of writers truncates the file and writes it in pieces, again and again. What is read meanwhile is
// a whole credential or an error.
func TestTruncatingWriter(t *testing.T) {
	// Without quotes, so that a cut password looks like a password.
	bare := func(n int) string { return "PGUSER=" + user(n) + "\nPGPASSWORD=" + password(n) + "\n" }
	for name, text := range map[string]func(int) string{"JSON": jsonText, "env": bare} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "db")
			write(t, path, text(1))
			src := open(t, path, &file.Options{PollInterval: noPoll})
			ctx, cancel := context.WithTimeout(t.Context(), 1200*time.Millisecond)
			defer cancel()

			var group sync.WaitGroup
			var stall atomic.Int64 // the longest time that a write took
			group.Go(func() { writeInPieces(ctx, t, path, text, &stall) })
			var fetches, errs, cut atomic.Int64
			for range 24 {
				group.Go(func() {
					for ctx.Err() == nil {
						c, err := src.Fetch(ctx)
						if err != nil {
							errs.Add(1)
							continue
						}
						fetches.Add(1)
						if got := c.Password.Reveal(); len(got) != len(password(1)) || password(1)[:8] != got[:8] || got[8:14] != c.Username[4:] {
							cut.Add(1)
							t.Logf("the login of %s with a password of %d characters", c.Username, len(got))
						}
					}
				})
			}
			group.Wait()
			// A writer that stands still for a quarter of a second in the middle of a text looks as if he had finished: the
			// documentation says so. Only a very busy machine makes this one do that.
			if n := cut.Load(); n > 0 && time.Duration(stall.Load()) < 200*time.Millisecond {
				t.Errorf("%d logins that were cut, from a writer who never stood still for more than %v", n, time.Duration(stall.Load()))
			}
			t.Logf("%d credentials, %d errors, in %d reads", fetches.Load(), errs.Load(), file.Looks(src))
			if fetches.Load() == 0 {
				t.Error("no credential was read at all")
			}
		})
	}
}

func writeInPieces(ctx context.Context, t *testing.T, path string, text func(int) string, stall *atomic.Int64) {
	for n := 2; ctx.Err() == nil; n++ {
		f, err := os.OpenFile(path, os.O_TRUNC|os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		begun := time.Now()
		for content := text(n); len(content) > 0; {
			piece := min(len(content), 11)
			if _, err := f.WriteString(content[:piece]); err != nil {
				t.Error(err)
			}
			content = content[piece:]
			if n%2 == 0 {
				time.Sleep(50 * time.Microsecond)
			}
		}
		f.Close()
		stall.Store(max(stall.Load(), int64(time.Since(begun))))
		time.Sleep(time.Duration(n%4) * 6 * time.Millisecond)
	}
}
