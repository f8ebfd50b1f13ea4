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
			group.Go(func() { writeInPieces(ctx, t, path, text) })
			var fetches, errs atomic.Int64
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
							t.Errorf("the login of %s with a password of %d characters", c.Username, len(got))
						}
					}
				})
			}
			group.Wait()
			t.Logf("%d credentials, %d errors, in %d reads", fetches.Load(), errs.Load(), file.Looks(src))
			if fetches.Load() == 0 {
				t.Error("no credential was read at all")
			}
		})
	}
}

func writeInPieces(ctx context.Context, t *testing.T, path string, text func(int) string) {
	for n := 2; ctx.Err() == nil; n++ {
		f, err := os.OpenFile(path, os.O_TRUNC|os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
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
		time.Sleep(time.Duration(n%4) * 6 * time.Millisecond)
	}
}
