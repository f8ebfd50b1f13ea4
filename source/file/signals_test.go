//go:build unix

package file_test

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/source/file"
)

func TestSignals(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db.json")
	write(t, path, jsonText(1))
	src := open(t, path, &file.Options{PollInterval: noPoll, Signals: []os.Signal{syscall.SIGUSR1}})
	changed := src.Changed()
	raise(t, syscall.SIGUSR1)
	wantChange(t, changed)
	wantLogin(t, src, 1)
}

// Two sources with the same signal: closing one leaves the other its own.
func TestSignalsAreGivenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db.json")
	write(t, path, jsonText(1))
	opts := &file.Options{PollInterval: noPoll, Signals: []os.Signal{syscall.SIGUSR1}}
	first, second := open(t, path, opts), open(t, path, opts)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	untouched, changed := first.Changed(), second.Changed()
	raise(t, syscall.SIGUSR1)
	wantChange(t, changed)
	select {
	case <-untouched:
		t.Error("a closed source still hears signals")
	default:
	}
}

// After Close, a signal does again what it did before: here, it ends the process.
func TestDefaultActionOfSignalsIsBack(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=1")
	out, err := cmd.CombinedOutput()
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if err == nil || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("the process ended with %v: %s", err, out)
	}
}

func child() {
	src, err := file.Open("no such file", &file.Options{Signals: []os.Signal{syscall.SIGTERM}})
	if err != nil {
		panic(err)
	}
	changed := src.Changed()
	_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
	<-changed
	_ = src.Close()
	_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
	time.Sleep(patience) // is ended before that
}

func raise(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), sig); err != nil {
		t.Fatal(err)
	}
}

// A source that was not asked to leaves SIGHUP alone: the default action would end the process, and another
// handler's is kept.
func TestNoSignalWithoutAsking(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db.json")
	write(t, path, jsonText(1))
	mine := make(chan os.Signal, 1)
	notify(t, mine, syscall.SIGHUP)
	src := open(t, path, &file.Options{PollInterval: noPoll})
	changed := src.Changed()
	raise(t, syscall.SIGHUP)
	select {
	case <-mine:
	case <-time.After(patience):
		t.Fatal("the program's own handler heard nothing")
	}
	wantLogin(t, src, 1)
	select {
	case <-changed:
		t.Error("Changed was closed by a signal that nobody asked for")
	default:
	}
}

func notify(t *testing.T, c chan os.Signal, sig os.Signal) {
	signal.Notify(c, sig)
	t.Cleanup(func() { signal.Stop(c) })
}
