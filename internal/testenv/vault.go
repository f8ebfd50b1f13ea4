package testenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/hashicorp/vault/api"
)

// Vault is a private Vault server: its own storage folder, a free port of 127.0.0.1 with plain HTTP, one unseal key,
// and engines that nobody else uses. It ends with the process that started it, even when that is killed. It is safe
// for concurrent use.
//
// The tests of a binary may share one: what its methods make has a name of its own each time.
type Vault struct {
	// LogFile holds what the server says.
	LogFile string

	dir     string // everything; removed by Stop
	program vaultProgram
	janitor *janitor
	port    uint16
	admin   *api.Client

	// Known once the server was initialized, which is before anybody else has it.
	unsealKey string
	rootToken string

	mu      sync.Mutex // guards proc and stopped; held while the server starts and stops
	proc    *process
	stopped bool

	clients vaultClients
}

// StartVault makes a server, starts, initializes and unseals it; ctx bounds that. Without a vault on PATH the server
// is built first, which takes minutes once: see [VaultProgram].
func StartVault(ctx context.Context) (*Vault, error) {
	program, err := findVault(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := makeFolder(nil, "vault")
	if err != nil {
		return nil, err
	}
	v := &Vault{LogFile: filepath.Join(dir, "vault.log"), dir: dir, program: program}
	if err := v.create(ctx); err != nil {
		return nil, errors.Join(err, v.Stop())
	}
	return v, nil
}

// create fills the folder and starts the server. Stop undoes it, however far it came.
func (v *Vault) create(ctx context.Context) (err error) {
	if v.janitor, err = startJanitor(v.dir, v.pidFile(), "KILL"); err != nil {
		return err
	}
	if err := os.Mkdir(v.storage(), 0o700); err != nil {
		return err
	}
	if err := v.firstStart(ctx); err != nil {
		return err
	}
	if v.admin, err = v.newClient(); err != nil {
		return err
	}
	if err := v.initialize(ctx); err != nil {
		return err
	}
	v.admin.SetToken(v.rootToken)
	return v.Unseal(ctx)
}

// firstStart finds a port.
func (v *Vault) firstStart(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return onFreePort(&v.port, func() error { return v.start(ctx) })
}

// start starts the server on v.port and returns when it serves. The caller holds mu.
func (v *Vault) start(ctx context.Context) error {
	offset, err := logSize(v.LogFile)
	if err != nil {
		return err
	}
	args, err := v.program.args(v)
	if err != nil {
		return err
	}
	log, err := openLog(v.LogFile)
	if err != nil {
		return err
	}
	defer log.Close()
	// It has no privileges to lose: as root it runs as root. A stopped process acts on no signal but SIGKILL.
	v.proc, err = startProcess(program{path: v.program.path, args: args, dir: v.dir, output: log, dieOf: syscall.SIGKILL})
	if err != nil {
		return err
	}
	err = os.WriteFile(v.pidFile(), fmt.Appendln(nil, v.proc.cmd.Process.Pid), 0o600)
	if err == nil {
		err = v.awaitReady(ctx, offset)
	}
	if err != nil {
		v.proc.end(syscall.SIGKILL)
		return v.startError(err, offset)
	}
	return nil
}

// awaitReady waits for the server's own word: another server may answer on the port.
func (v *Vault) awaitReady(ctx context.Context, offset int64) error {
	return poll(ctx, func() (bool, error) {
		if v.proc.ended() {
			return false, fmt.Errorf("the server ended: %w", v.proc.err)
		}
		said, err := v.LogSince(offset)
		return strings.Contains(said, v.program.ready()), err
	})
}

// startError adds what the server said.
func (v *Vault) startError(err error, offset int64) error {
	said, logErr := v.LogSince(offset)
	if logErr != nil {
		return errors.Join(err, logErr)
	}
	if strings.Contains(said, "address already in use") {
		return fmt.Errorf("%w: %s", errPortTaken, said)
	}
	return fmt.Errorf("starting Vault (%s): %w: %s", v.program, err, said)
}

// Stop ends the server, removes its folder and closes what its clients have open. Calling it again does nothing.
func (v *Vault) Stop() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stopped {
		return nil
	}
	v.stopped = true
	v.proc.signal(syscall.SIGTERM)
	v.proc.resume() // it may be paused; and when it is gone, that is what we want
	v.proc.end(syscall.SIGTERM)
	err := os.RemoveAll(v.dir)
	if v.janitor != nil {
		v.janitor.dismiss()
	}
	v.CloseIdleConnections()
	return err
}

// Kill ends the server at once, with SIGKILL. Its data stays for [Vault.Start].
func (v *Vault) Kill() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.proc.end(syscall.SIGKILL)
}

// Start starts a server that was killed, on the same port and with the same data, and unseals it.
func (v *Vault) Start(ctx context.Context) error {
	if err := v.startAgain(ctx); err != nil {
		return err
	}
	return v.Unseal(ctx)
}

func (v *Vault) startAgain(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stopped {
		return errors.New("the Vault server was stopped, and its data is gone; start another one")
	}
	if !v.proc.ended() {
		return errors.New("the Vault server is running; call Kill before Start")
	}
	err := v.start(ctx)
	for errors.Is(err, errPortTaken) && pause(ctx, 10*readyPoll) == nil {
		err = v.start(ctx)
	}
	return err
}

// Pause stops the server without ending it (SIGSTOP): connections to it are accepted, and nobody answers.
func (v *Vault) Pause() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.proc.pause()
}

// Resume lets a paused server go on (SIGCONT).
func (v *Vault) Resume() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.proc.resume()
}

// Addr is the server's address, such as http://127.0.0.1:8200. It stays the same when the server is started again.
func (v *Vault) Addr() string { return "http://" + v.hostPort() }

func (v *Vault) hostPort() string { return net.JoinHostPort("127.0.0.1", fmt.Sprint(v.port)) }

// String is the address: a Vault holds secrets, and gets printed by failing tests.
func (v *Vault) String() string { return v.Addr() }

// GoString is the address.
func (v *Vault) GoString() string { return v.Addr() }

func (v *Vault) storage() string { return filepath.Join(v.dir, "data") }
func (v *Vault) pidFile() string { return filepath.Join(v.dir, "pid") }

// Log returns everything that the server has written to its log.
func (v *Vault) Log() (string, error) { return v.LogSince(0) }

// LogOffset is where the log ends now; give it to LogSince later.
func (v *Vault) LogOffset() (int64, error) { return logSize(v.LogFile) }

// LogSince returns what the server has written since offset.
func (v *Vault) LogSince(offset int64) (string, error) { return logSince(v.LogFile, offset) }
