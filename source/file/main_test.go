package file_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/file"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child()
		return
	}
	goleak.VerifyTestMain(m)
}

// childVariable makes the test binary run child instead of tests.
const childVariable = "REKEY_FILE_TEST_CHILD"

// patience is for what should take milliseconds; the machine may be busy.
const patience = 20 * time.Second

// noPoll makes a test rely on events.
const noPoll = time.Duration(-1)

// password n is unlike any other text, and its end tells whether it was cut.
func password(n int) string {
	return fmt.Sprintf("planted-%06d-%s-%06d", n, strings.Repeat("q", 40), n)
}

func user(n int) string { return fmt.Sprintf("user%06d", n) }

func jsonText(n int) string {
	b, err := json.Marshal(map[string]any{"username": user(n), "password": password(n), "port": 5432})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func envText(n int) string {
	return fmt.Sprintf("# written by an agent\nPGUSER=%s\nPGPASSWORD='%s'\n", user(n), password(n))
}

// write replaces a file in place.
func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace renames a new file over the old one.
func replace(t testing.TB, path, text string) {
	t.Helper()
	next := path + ".next"
	write(t, next, text)
	rename(t, next, path)
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t testing.TB, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func symlink(t testing.TB, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// volume plays the kubelet: it publishes files as Kubernetes' atomic writer does.
type volume struct {
	dir string
	n   int
}

func (v *volume) publish(t testing.TB, files map[string]string) {
	t.Helper()
	v.n++
	stamp := fmt.Sprintf("..2025_%d", v.n)
	mkdir(t, filepath.Join(v.dir, stamp))
	for name, text := range files {
		write(t, filepath.Join(v.dir, stamp, name), text)
		if _, err := os.Lstat(filepath.Join(v.dir, name)); err != nil {
			symlink(t, filepath.Join("..data", name), filepath.Join(v.dir, name))
		}
	}
	old, _ := os.Readlink(filepath.Join(v.dir, "..data"))
	symlink(t, stamp, filepath.Join(v.dir, "..data_tmp"))
	rename(t, filepath.Join(v.dir, "..data_tmp"), filepath.Join(v.dir, "..data"))
	if old != "" {
		remove(t, filepath.Join(v.dir, old))
	}
}

func pair(n int) map[string]string {
	return map[string]string{"username": user(n), "password": password(n) + "\n"}
}

func open(t testing.TB, path string, opts *file.Options) *file.Source {
	t.Helper()
	src, err := file.Open(path, opts)
	return opened(t, src, err)
}

func openDir(t testing.TB, dir string, opts *file.Options) *file.Source {
	t.Helper()
	src, err := file.OpenDir(dir, opts)
	return opened(t, src, err)
}

func opened(t testing.TB, src *file.Source, err error) *file.Source {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	})
	return src
}

// wantLogin fetches login n.
func wantLogin(t testing.TB, src source.Source, n int) source.Credential {
	t.Helper()
	c, err := src.Fetch(context.Background())
	if err != nil {
		t.Fatalf("Fetch: %v", err)
	}
	if c.Username != user(n) || c.Password.Reveal() != password(n) {
		t.Fatalf("Fetch = login of %s, want %s", c.Username, user(n))
	}
	return c
}

// wantChange waits until changed is closed, and returns how long that took.
func wantChange(t testing.TB, changed <-chan struct{}) time.Duration {
	t.Helper()
	start := time.Now()
	select {
	case <-changed:
	case <-time.After(patience):
		t.Fatal("Changed was not closed")
	}
	return time.Since(start)
}
