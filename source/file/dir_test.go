package file_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/source/file"
)

func TestDir(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"volume", "plain"} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			v := &volume{dir: dir}
			put := func(files map[string]string) {
				if kind == "volume" {
					v.publish(t, files)
					return
				}
				for name, text := range files {
					replace(t, filepath.Join(dir, name), text)
				}
			}
			put(pair(1))
			src := openDir(t, dir, &file.Options{PollInterval: noPoll})
			wantLogin(t, src, 1)

			changed := src.Changed()
			put(pair(2))
			wantChange(t, changed)
			waitUntil(t, "both files are new", func() bool {
				c, err := src.Fetch(t.Context())
				return err == nil && c.Username == user(2) && c.Password.Reveal() == password(2)
			})

			put(map[string]string{
				"username": "u", "password": "p\r\n", "host": "h\n", "port": "6432", "dbname": "d", "uri": "x",
			})
			c, err := src.Fetch(t.Context())
			if err != nil || c.Username != "u" || c.Password.Reveal() != "p" || c.Host != "h" || c.Port != 6432 || c.Database != "d" {
				t.Errorf("Fetch = %+v, %v", c, err)
			}
		})
	}
}

func TestDirNames(t *testing.T) {
	t.Parallel()
	v := &volume{dir: t.TempDir()}
	v.publish(t, map[string]string{"PGUSER": user(1), "PGPASSWORD": password(1)})
	src := openDir(t, v.dir, &file.Options{Names: file.Names{Username: "PGUSER", Password: "PGPASSWORD"}})
	wantLogin(t, src, 1)
}

func TestDirErrors(t *testing.T) {
	t.Parallel()
	v := &volume{dir: t.TempDir()}
	src := openDir(t, v.dir, &file.Options{PollInterval: noPoll})
	wantError(t, src, "no such file")
	v.publish(t, map[string]string{"username": user(1)})
	wantError(t, src, "no such file")
	v.publish(t, map[string]string{"username": user(1), "password": "\n"})
	wantError(t, src, "password is missing or empty")
	changed := src.Changed()
	v.publish(t, pair(1))
	wantChange(t, changed)
	wantLogin(t, src, 1)
}

// The kubelet swaps as fast as it can; no username meets another's password.
func TestDirNeverMixes(t *testing.T) {
	t.Parallel()
	v := &volume{dir: t.TempDir()}
	v.publish(t, pair(1))
	src := openDir(t, v.dir, &file.Options{PollInterval: noPoll})
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 2; ; n++ {
			select {
			case <-stop:
				return
			default:
				v.publish(t, pair(n))
			}
		}
	}()
	const reads = 3000
	fetches, different := 0, map[string]bool{}
	for range reads {
		c, err := src.Fetch(context.Background())
		if err != nil {
			if !strings.Contains(err.Error(), "no such file") && !strings.Contains(err.Error(), "being written") {
				t.Errorf("Fetch: %v", err)
			}
			continue
		}
		fetches++
		different[c.Username] = true
		if c.Username[4:] != c.Password.Reveal()[8:14] {
			t.Fatalf("the login of %s with a password of another", c.Username)
		}
	}
	close(stop)
	<-done
	t.Logf("%d of %d reads gave a credential, %d different ones", fetches, reads, len(different))
	if fetches < reads/2 {
		t.Errorf("only %d of %d reads gave a credential", fetches, reads)
	}
}
