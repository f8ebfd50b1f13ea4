package testenv

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// program says what to start, and as whom.
type program struct {
	path    string
	args    []string
	dir     string
	account *account
	input   *os.File       // nil: /dev/null
	output  *os.File       // nil: /dev/null; never our own, or "go test" would wait for the child to close it
	outlive bool           // the child ends by itself after us
	dieOf   syscall.Signal // what it gets when we are gone; 0: SIGQUIT
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

// ended reports whether the child has ended, or never was.
func (p *process) ended() bool {
	if p == nil {
		return true
	}
	select {
	case <-p.done:
		return true
	default:
		return false
	}
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

func (p *process) signal(sig os.Signal) error {
	if p == nil {
		return os.ErrProcessDone
	}
	return p.cmd.Process.Signal(sig)
}

// end asks the child to stop and waits until it has, or kills it. There may be no child.
func (p *process) end(how os.Signal) {
	if p == nil {
		return
	}
	p.signal(how)
	if !p.waitFor(stopGrace) {
		p.signal(syscall.SIGKILL)
		<-p.done
	}
}

// childEnv is our environment without what steers the servers' programs: a developer's PGPORT or VAULT_TOKEN must
// not reach a private server. Messages are in English, because tests read the log.
func childEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return slices.ContainsFunc([]string{"PG", "MYSQL", "MARIADB", "VAULT_", "LC_", "LANG"}, func(prefix string) bool {
			return strings.HasPrefix(kv, prefix)
		})
	})
	return append(env, "LC_ALL=C", "TZ=UTC")
}
