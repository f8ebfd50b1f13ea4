package file_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/source/file"
)

func TestOptionsAreValidated(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		open func() (*file.Source, error)
		want string
	}{
		{"path", func() (*file.Source, error) { return file.Open("", nil) }, "path is empty"},
		{"dir", func() (*file.Source, error) { return file.OpenDir("", nil) }, "dir is empty"},
		{"LeaseDuration", func() (*file.Source, error) {
			return file.Open("x", &file.Options{LeaseDuration: -1})
		}, "LeaseDuration"},
		{"PollInterval", func() (*file.Source, error) {
			return file.OpenDir("x", &file.Options{PollInterval: -time.Second})
		}, "PollInterval"},
		{"Signals", func() (*file.Source, error) {
			return file.Open("x", &file.Options{Signals: []os.Signal{nil}})
		}, "Signals"},
		{"Names", func() (*file.Source, error) {
			return file.Open("x", &file.Options{Names: file.Names{Username: "u"}})
		}, "Names"},
		{"Names with a path", func() (*file.Source, error) {
			return file.OpenDir("x", &file.Options{Names: file.Names{Username: "../u"}})
		}, "Names"},
		{"Parse", func() (*file.Source, error) {
			return file.OpenDir("x", &file.Options{Parse: file.Auto})
		}, "Parse"},
	} {
		t.Run(test.name, func(t *testing.T) {
			src, err := test.open()
			if err == nil || src != nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Open = %v, %v, want an error about %s", src, err, test.want)
			}
		})
	}
}

// A path counts from the working directory that the program had at Open.
func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "db.json", jsonText(1))
	src := open(t, "db.json", nil)
	t.Chdir(t.TempDir())
	wantLogin(t, src, 1)
}

func TestErrorsCanBeFound(t *testing.T) {
	t.Parallel()
	src := open(t, filepath.Join(t.TempDir(), "db.json"), &file.Options{PollInterval: noPoll})
	if err := wantError(t, src, "db.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db.json")
	versions := map[string]string{}
	for _, content := range []string{
		`{"username":"ab","password":"c"}`,
		`{"username":"a","password":"bc"}`,
		`{"username":"ab","password":"c","host":"d"}`,
		`{"username":"ab","password":"c","dbname":"d"}`,
		`{"username":"ab","password":"c","port":1}`,
	} {
		replace(t, path, content)
		c, err := open(t, path, &file.Options{PollInterval: noPoll}).Fetch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(c.Version) {
			t.Errorf("Version %q", c.Version)
		}
		if before, ok := versions[c.Version]; ok {
			t.Errorf("%s has the Version of %s", content, before)
		}
		versions[c.Version] = content
		again, err := open(t, path, &file.Options{PollInterval: noPoll}).Fetch(t.Context())
		if err != nil || again.Version != c.Version {
			t.Errorf("another source calls the same login %q, %v, want %q", again.Version, err, c.Version)
		}
	}
}

// Whoever knows the key can test guesses of the password against a logged Version.
func TestVersionsKeyIsRandom(t *testing.T) {
	t.Parallel()
	zeros := bytes.Count(file.Key(), []byte{0})
	if len(file.Key()) != 32 || zeros > 16 {
		t.Errorf("a key of %d bytes, %d of them zero", len(file.Key()), zeros)
	}
}

func TestLeaseDuration(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db.json")
	write(t, path, jsonText(1))
	written := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
	touch := func(at time.Time) {
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	touch(written)
	src := open(t, path, &file.Options{PollInterval: noPoll, LeaseDuration: time.Hour})
	c := wantLogin(t, src, 1)
	if !c.IssuedAt.Equal(written) || !c.ExpiresAt.Equal(written.Add(time.Hour)) || !c.RefreshAfter.Equal(written.Add(43*time.Minute)) {
		t.Errorf("issued %v, expires %v, refresh after %v; written %v", c.IssuedAt, c.ExpiresAt, c.RefreshAfter, written)
	}

	// Written again with the same content: the same login, for longer.
	changed := src.Changed()
	touch(written.Add(5 * time.Minute))
	wantChange(t, changed)
	again := wantLogin(t, src, 1)
	if again.Version != c.Version || !again.ExpiresAt.Equal(c.ExpiresAt.Add(5*time.Minute)) {
		t.Errorf("Version %q, expires %v; before %q, %v", again.Version, again.ExpiresAt, c.Version, c.ExpiresAt)
	}

	if c := wantLogin(t, open(t, path, nil), 1); !c.ExpiresAt.IsZero() || !c.RefreshAfter.IsZero() || c.IssuedAt.IsZero() {
		t.Errorf("without a lease: issued %v, expires %v, refresh after %v", c.IssuedAt, c.ExpiresAt, c.RefreshAfter)
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db.json")
	write(t, path, jsonText(1))
	src := open(t, path, nil)
	changed := src.Changed()
	src.Reload()
	wantChange(t, changed)
	wantLogin(t, src, 1)
}

func TestClose(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db.json")
	write(t, path, jsonText(1))
	src := open(t, path, nil)
	changed := src.Changed()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := src.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if _, err := src.Fetch(t.Context()); !errors.Is(err, file.ErrClosed) {
		t.Errorf("Fetch after Close: %v", err)
	}
	select {
	case <-changed:
		t.Error("Close closed Changed")
	default:
	}
	src.Reload() // must not panic
}

// Close ends a Fetch that waits for a file to settle.
func TestCloseEndsFetch(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db.json")
	src := open(t, path, nil) // there is no file: the first look is taken again a quarter of a second later
	result := make(chan error)
	looks := file.Looks(src)
	go func() {
		_, err := src.Fetch(context.Background())
		result <- err
	}()
	waitUntil(t, "Fetch has looked", func() bool { return file.Looks(src) > looks })
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; !errors.Is(err, file.ErrClosed) && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestFetchHonoursContext(t *testing.T) {
	t.Parallel()
	src := open(t, filepath.Join(t.TempDir(), "db.json"), nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := src.Fetch(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}
