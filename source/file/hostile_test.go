//go:build unix

package file_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/file"
)

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		make      func(t *testing.T, path string)
		want      string // in the error; "": it is read
		permanent bool
	}{
		{"FIFO", func(t *testing.T, path string) {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not a regular file", true},
		{"endless device", func(t *testing.T, path string) { symlink(t, "/dev/zero", path) }, "not a regular file", true},
		{"terminal", func(t *testing.T, path string) { symlink(t, "/dev/tty", path) }, "not a regular file", true},
		{"directory", func(t *testing.T, path string) { mkdir(t, path) }, "not a regular file", true},
		{"links in a circle", func(t *testing.T, path string) { symlink(t, path, path) }, "links", false},
		{"link to nothing", func(t *testing.T, path string) { symlink(t, path+".no", path) }, "no such file", false},
		{"missing", func(*testing.T, string) {}, "no such file", false},
		{"a file where a directory should be", func(t *testing.T, path string) { remove(t, filepath.Dir(path)); write(t, filepath.Dir(path), "") }, "not a directory", false},
		{"empty", func(t *testing.T, path string) { write(t, path, "") }, "the file is empty", false},
		{"too large", func(t *testing.T, path string) { write(t, path, jsonText(1)+strings.Repeat(" ", 64<<10)) }, "larger than 65536 bytes", true},
		{"just small enough", func(t *testing.T, path string) {
			write(t, path, jsonText(1)+strings.Repeat(" ", 64<<10-len(jsonText(1))))
		}, "", false},
		{"writable by its group", func(t *testing.T, path string) { write(t, path, jsonText(1)); chmod(t, path, 0o620) }, "may write to it (mode 0620)", true},
		{"writable by all", func(t *testing.T, path string) { write(t, path, jsonText(1)); chmod(t, path, 0o602) }, "may write to it", true},
		{"link to a writable file", func(t *testing.T, path string) {
			write(t, path+".real", jsonText(1))
			chmod(t, path+".real", 0o666)
			symlink(t, path+".real", path)
		}, "may write to it", true},
		{"link", func(t *testing.T, path string) { write(t, path+".real", jsonText(1)); symlink(t, path+".real", path) }, "", false},
		{"of another user", func(t *testing.T, path string) { write(t, path, jsonText(1)); chown(t, path, 12345) }, "belongs to another user", true},
		{"of a user in Owners", func(t *testing.T, path string) { write(t, path, jsonText(1)); chown(t, path, 100) }, "", false},
		{"not readable", func(t *testing.T, path string) {
			if os.Geteuid() == 0 {
				t.Skip("root reads everything")
			}
			write(t, path, jsonText(1))
			chmod(t, path, 0o000)
		}, "permission denied", true},
		{"hole where it was cut", func(t *testing.T, path string) {
			write(t, path, "PGUSER=u PGPASSWORD='\x00\x00\x00'\n")
		}, "holds a NUL byte", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "sub", "db.json")
			mkdir(t, filepath.Dir(path))
			test.make(t, path)
			src := open(t, path, &file.Options{PollInterval: noPoll, Owners: []int{100}})
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := src.Fetch(ctx)
			if test.want == "" {
				if err != nil {
					t.Errorf("Fetch: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Fetch: error %v, want one that says %q and the path", err, test.want)
			}
			if source.IsPermanent(err) != test.permanent {
				t.Errorf("%v: permanent %v, want %v", err, !test.permanent, test.permanent)
			}
		})
	}
}

func chown(t *testing.T, path string, uid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	if err := os.Chown(path, uid, -1); err != nil {
		t.Fatal(err)
	}
}

// A FIFO put in the place of the file blocks neither a Fetch nor the watch, and a good file is taken again.
func TestFIFOInPlaceOfTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db.json")
	write(t, path, jsonText(1))
	src := open(t, path, &file.Options{PollInterval: noPoll})
	wantLogin(t, src, 1)
	changed := src.Changed()
	if err := syscall.Mkfifo(path+".next", 0o600); err != nil {
		t.Fatal(err)
	}
	rename(t, path+".next", path)
	wantError(t, src, "not a regular file")
	wantChange(t, changed)
	changed = src.Changed()
	replace(t, path, jsonText(2))
	wantChange(t, changed)
	wantLogin(t, src, 2)
}

func TestWorldReadableIsWorthOneWarning(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db.json")
	write(t, path, jsonText(1))
	chmod(t, path, 0o644)
	log := &logBuffer{}
	src := open(t, path, &file.Options{PollInterval: noPoll, Logger: log.logger()})
	for range 3 {
		wantLogin(t, src, 1)
	}
	if got := strings.Count(log.String(), "everybody on this machine may read"); got != 1 {
		t.Errorf("%d warnings: %s", got, log)
	}
	wantSilent(t, "the log", log.String(), 1)
}
