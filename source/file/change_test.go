package file_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/source/file"
)

// Every way in which such a file changes, found by events alone.
func TestChanges(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		// start puts login 1 under dir and returns the path to open and a func that puts login n there.
		start func(t *testing.T, dir string) (path string, put func(n int))
	}{
		{"rewritten in place", func(t *testing.T, dir string) (string, func(int)) {
			path := filepath.Join(dir, "db.json")
			return path, func(n int) { write(t, path, jsonText(n)) }
		}},
		{"env rewritten in place", func(t *testing.T, dir string) (string, func(int)) {
			path := filepath.Join(dir, "db.env")
			return path, func(n int) { write(t, path, envText(n)) }
		}},
		{"env without a newline at the end", func(t *testing.T, dir string) (string, func(int)) {
			path := filepath.Join(dir, "db.env")
			return path, func(n int) { write(t, path, envText(n)[:len(envText(n))-1]) }
		}},
		{"written in pieces", func(t *testing.T, dir string) (string, func(int)) {
			path := filepath.Join(dir, "db.json")
			return path, func(n int) {
				f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				for _, b := range []byte(jsonText(n)) {
					if _, err := f.Write([]byte{b}); err != nil {
						t.Fatal(err)
					}
				}
			}
		}},
		{"replaced by rename", func(t *testing.T, dir string) (string, func(int)) {
			path := filepath.Join(dir, "db.json")
			return path, func(n int) { replace(t, path, jsonText(n)) }
		}},
		{"replaced by rename from elsewhere", func(t *testing.T, dir string) (string, func(int)) {
			path, other := filepath.Join(dir, "db.json"), filepath.Join(t.TempDir(), "next")
			return path, func(n int) { write(t, other, jsonText(n)); rename(t, other, path) }
		}},
		{"deleted and created again", func(t *testing.T, dir string) (string, func(int)) {
			path := filepath.Join(dir, "db.json")
			return path, func(n int) { remove(t, path); write(t, path, jsonText(n)) }
		}},
		{"Kubernetes' swap", func(t *testing.T, dir string) (string, func(int)) {
			v := &volume{dir: dir}
			return filepath.Join(dir, "db.json"), func(n int) { v.publish(t, map[string]string{"db.json": jsonText(n)}) }
		}},
		{"behind a link to Kubernetes' volume", func(t *testing.T, dir string) (string, func(int)) {
			v := &volume{dir: filepath.Join(dir, "volume")}
			mkdir(t, v.dir)
			symlink(t, "volume/db.json", filepath.Join(dir, "link"))
			return filepath.Join(dir, "link"), func(n int) { v.publish(t, map[string]string{"db.json": jsonText(n)}) }
		}},
		{"directory removed and made again", func(t *testing.T, dir string) (string, func(int)) {
			sub := filepath.Join(dir, "a", "b")
			path := filepath.Join(sub, "db.json")
			return path, func(n int) { remove(t, filepath.Join(dir, "a")); mkdir(t, sub); write(t, path, jsonText(n)) }
		}},
		{"directory renamed into place", func(t *testing.T, dir string) (string, func(int)) {
			sub := filepath.Join(dir, "current")
			return filepath.Join(sub, "db.json"), func(n int) {
				next := filepath.Join(dir, "next")
				mkdir(t, next)
				write(t, filepath.Join(next, "db.json"), jsonText(n))
				remove(t, sub)
				rename(t, next, sub)
			}
		}},
		{"directory moved away", func(t *testing.T, dir string) (string, func(int)) {
			sub := filepath.Join(dir, "current")
			return filepath.Join(sub, "db.json"), func(n int) {
				_ = os.Rename(sub, filepath.Join(dir, user(n)))
				mkdir(t, sub)
				write(t, filepath.Join(sub, "db.json"), jsonText(n))
			}
		}},
		{"link to a directory turned", func(t *testing.T, dir string) (string, func(int)) {
			link := filepath.Join(dir, "current")
			return filepath.Join(link, "db.json"), func(n int) {
				next := filepath.Join(dir, user(n))
				mkdir(t, next)
				write(t, filepath.Join(next, "db.json"), jsonText(n))
				symlink(t, next, link+".next")
				rename(t, link+".next", link)
			}
		}},
		{"link in the middle of a chain turned", func(t *testing.T, dir string) (string, func(int)) {
			far := t.TempDir()
			middle := filepath.Join(far, "middle")
			symlink(t, middle, filepath.Join(dir, "db.json"))
			return filepath.Join(dir, "db.json"), func(n int) {
				write(t, filepath.Join(far, user(n)), jsonText(n))
				symlink(t, user(n), middle+".next")
				rename(t, middle+".next", middle)
			}
		}},
		{"permissions repaired", func(t *testing.T, dir string) (string, func(int)) {
			path := filepath.Join(dir, "db.json")
			return path, func(n int) {
				write(t, path, jsonText(n))
				chmod(t, path, 0o666)
				chmod(t, path, 0o600)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path, put := test.start(t, t.TempDir())
			put(1)
			src := open(t, path, &file.Options{PollInterval: noPoll})
			changed := src.Changed()
			before := wantLogin(t, src, 1)
			for n := 2; n <= 4; n++ {
				put(n)
				wantChange(t, changed)
				changed = src.Changed()
				c := wantLogin(t, src, n)
				if c.Version == before.Version {
					t.Fatal("the Version stayed")
				}
				before = c
			}
		})
	}
}

func chmod(t testing.TB, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestRenameIsSeenInMilliseconds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db.json")
	replace(t, path, jsonText(1))
	src := open(t, path, &file.Options{PollInterval: noPoll})
	best := patience
	for n := 2; n <= 20; n++ {
		changed := src.Changed()
		replace(t, path, jsonText(n))
		best = min(best, wantChange(t, changed))
	}
	t.Logf("fastest: %v", best)
	if best > 25*time.Millisecond { // the fastest of many: the machine may be busy
		t.Errorf("the fastest of 19 changes took %v to be seen", best)
	}
}

func TestAppearsLater(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "not", "yet", "there", "db.json")
	src := open(t, path, &file.Options{PollInterval: noPoll})
	changed := src.Changed()
	wantError(t, src, "no such file")
	mkdir(t, filepath.Dir(path))
	write(t, path, jsonText(1))
	wantChange(t, changed)
	wantLogin(t, src, 1)
}

// Without events, as on a file system that makes none or with the same content but for the poll to find.
func TestPoll(t *testing.T) {
	old, next := t.TempDir(), t.TempDir()
	dir := filepath.Join(t.TempDir(), "mount")
	symlink(t, old, dir)
	path := filepath.Join(dir, "db.json")
	write(t, path, jsonText(1))
	file.WithoutEvents(t)
	src := open(t, path, &file.Options{PollInterval: 10 * time.Millisecond})
	changed := src.Changed()
	wantLogin(t, src, 1)
	write(t, filepath.Join(next, "db.json"), jsonText(2))
	symlink(t, next, dir+".next")
	rename(t, dir+".next", dir)
	wantChange(t, changed)
	wantLogin(t, src, 2)

	if _, err := file.Open(path, &file.Options{PollInterval: noPoll}); err == nil {
		t.Error("Open without events and poll returned no error")
	}
}

func TestSameContentTellsNobody(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db.json")
	replace(t, path, jsonText(1))
	src := open(t, path, &file.Options{PollInterval: noPoll})
	changed := src.Changed()
	c := wantLogin(t, src, 1)
	looks := file.Looks(src)
	for range 10 {
		replace(t, path, jsonText(1))
	}
	waitUntil(t, "the files are looked at", func() bool { return file.Looks(src) > looks })
	if again := wantLogin(t, src, 1); again.Version != c.Version {
		t.Error("the Version changed with the same content")
	}
	select {
	case <-changed:
		t.Error("Changed was closed for the same content")
	default:
	}
}

// A writer that was caught in the middle is not waited for longer than it takes.
func TestSlowWriterIsSeenSoonAfterItsEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db.json")
	replace(t, path, jsonText(1))
	src := open(t, path, &file.Options{PollInterval: noPoll})
	best := patience
	for n := 2; n <= 8; n++ {
		changed, looks := src.Changed(), file.Looks(src)
		write(t, path, jsonText(n)[:20])
		waitUntil(t, "half of it was seen", func() bool { return file.Looks(src) > looks })
		write(t, path, jsonText(n))
		best = min(best, wantChange(t, changed))
	}
	t.Logf("fastest: %v", best)
	if best > 150*time.Millisecond {
		t.Errorf("the fastest of 7 changes took %v to be seen", best)
	}
}

// What else happens in the directory, or in those above it, costs no reads.
func TestOtherFilesAreLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "sub", "db.json")
	mkdir(t, filepath.Dir(path))
	replace(t, path, jsonText(1))
	src := open(t, path, &file.Options{PollInterval: noPoll})
	looks := file.Looks(src)
	for n := range 20 {
		write(t, filepath.Join(dir, user(n)), "x")
		write(t, filepath.Join(dir, "sub", user(n)), "x")
	}
	changed := src.Changed()
	replace(t, path, jsonText(2))
	wantChange(t, changed)
	if more := file.Looks(src) - looks; more > 4 { // two for the change, and a few where events came late
		t.Errorf("%d reads for one change", more)
	}
}

// A broken file is told after a while, a gap while it is replaced is not, and its repair always is.
func TestBrokenAndRepaired(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db.json")
	replace(t, path, jsonText(1))
	log := &logBuffer{}
	src := open(t, path, &file.Options{PollInterval: noPoll, Logger: log.logger()})
	changed := src.Changed()
	wantLogin(t, src, 1)

	replace(t, path, jsonText(2)[:40])
	if took := wantChange(t, changed); took < 500*time.Millisecond {
		t.Errorf("a broken file was told after only %v", took)
	}
	changed = src.Changed()
	err := wantError(t, src, "not a JSON object")
	wantSilent(t, "the error", err.Error(), 2)

	replace(t, path, jsonText(1))
	wantChange(t, changed)
	wantLogin(t, src, 1)
	waitUntil(t, "the repair is logged", func() bool { return log.has("good again") })
	if !log.has("broken") {
		t.Error("the broken file was not logged")
	}
	wantSilent(t, "the log", log.String(), 1)
	wantSilent(t, "the log", log.String(), 2)
}

// A pool that found an error in a gap too short to be told hears when the file is good again.
func TestRepairIsToldToWhoSawTheError(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db.json")
	replace(t, path, jsonText(1))
	src := open(t, path, &file.Options{PollInterval: noPoll})
	changed := src.Changed()
	remove(t, path)
	wantError(t, src, "no such file")
	replace(t, path, jsonText(1))
	wantChange(t, changed)
	wantLogin(t, src, 1)
}
