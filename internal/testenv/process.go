package testenv

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// program says what to start, and as whom.
type program struct {
	path    string
	args    []string
	dir     string
	account *account
	input   *os.File // nil: /dev/null
	output  *os.File // nil: /dev/null; never our own, or "go test" would wait for the child to close it
	outlive bool     // the child ends by itself after us
}

// process is a running child that the kernel ends when we are gone (see sysproc_linux.go).
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child has ended
	err  error         // how it ended; read after done
}

// startProcess starts p. The child's goroutine keeps its OS thread for as long as the child lives: the
// parent-death signal is sent when the *thread* that forked the child ends, not the process.
func startProcess(p program) (*process, error) {
	proc := &process{cmd: exec.Command(p.path, p.args...), done: make(chan struct{})}
	proc.cmd.Dir = p.dir
	proc.cmd.Env = childEnv()
	proc.cmd.SysProcAttr = childAttributes(p)
	if p.input != nil {
		proc.cmd.Stdin = p.input
	}
	if p.output != nil {
		proc.cmd.Stdout, proc.cmd.Stderr = p.output, p.output
	}
	started := make(chan error)
	go proc.run(started)
	if err := <-started; err != nil {
		return nil, err
	}
	return proc, nil
}

func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

func (p *process) wait() error {
	<-p.done
	return p.err
}

// waitFor reports whether the child ended within d.
func (p *process) waitFor(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

func (p *process) signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// childEnv is our environment without what steers PostgreSQL's programs: a developer's PGDATA or PGPORT must
// not reach a private cluster. Messages are in English, because tests read the log.
func childEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, "PG") || strings.HasPrefix(kv, "LC_") || strings.HasPrefix(kv, "LANG")
	})
	return append(env, "LC_ALL=C", "TZ=UTC")
}
