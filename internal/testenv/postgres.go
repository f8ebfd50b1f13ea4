package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// AdminUser is the superuser of every private cluster.
const AdminUser = "admin"

const (
	stopGrace    = 15 * time.Second      // how long a server may take to stop before it is killed
	readyPoll    = 10 * time.Millisecond // how often a starting server is looked at
	startRetries = 20                    // how many ports are tried; others may take one between our look and the bind
)

// Postgres is a private PostgreSQL cluster: its own data folder, a free port on 127.0.0.1, TLS that clients can
// verify, SCRAM for everybody, every statement in a log that tests can read. It ends with the process that
// started it, even when that is killed.
type Postgres struct {
	// Host and Port are where it listens. There is no way in without TLS.
	Host string
	Port uint16

	// CAFile is the certificate authority for sslmode=verify-full. The server's certificate is good for
	// 127.0.0.1 and localhost.
	CAFile string

	// DataDir holds the cluster's files (pg_hba.conf among them), LogFile what the server says.
	DataDir string
	LogFile string

	dir           string // everything; removed by Stop
	bin           string
	account       *account
	adminPassword string
	janitor       *janitor

	mu      sync.Mutex // guards proc and stopped; held while the server starts and stops
	proc    *process
	stopped bool
}

// StartPostgres makes a cluster and starts it; ctx bounds that. Run as root it uses the user postgres, or
// nobody. Without installed binaries the error wraps [ErrNoPostgres], whose text has the install command.
func StartPostgres(ctx context.Context) (*Postgres, error) {
	bin, err := binaryFolder()
	if err != nil {
		return nil, err
	}
	acct, err := serverAccount()
	if err != nil {
		return nil, err
	}
	dir, err := makeFolder(acct, "pg")
	if err != nil {
		return nil, err
	}
	p := &Postgres{
		Host:          "127.0.0.1",
		CAFile:        filepath.Join(dir, "ca.crt"),
		DataDir:       filepath.Join(dir, "data"),
		LogFile:       filepath.Join(dir, "postgres.log"),
		dir:           dir,
		bin:           bin,
		account:       acct,
		adminPassword: rand.Text(),
	}
	if err := p.create(ctx); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// create fills the folder and starts the server. Stop undoes it, however far it came.
func (p *Postgres) create(ctx context.Context) (err error) {
	if p.janitor, err = startJanitor(p.dir, p.pidFile(), "QUIT"); err != nil {
		return err
	}
	if err := p.initialize(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return onFreePort(&p.Port, func() error { return p.start(ctx) })
}

// onFreePort starts a server on a free port, and on another where somebody else was faster.
func onFreePort(port *uint16, start func() error) (err error) {
	for range startRetries {
		if *port, err = freePort(); err != nil {
			return err
		}
		if err = start(); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

// initialize runs initdb and writes the configuration and the certificates.
func (p *Postgres) initialize() error {
	secret := filepath.Join(p.dir, "initial-password")
	if err := p.account.writeFile(secret, []byte(p.adminPassword+"\n")); err != nil {
		return err
	}
	defer os.Remove(secret)
	err := runTool(program{
		path: filepath.Join(p.bin, "initdb"),
		args: []string{"--pgdata", p.DataDir, "--username", AdminUser, "--pwfile", secret, "--no-sync",
			"--auth-local", "scram-sha-256", "--auth-host", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"},
		dir:     p.dir,
		account: p.account,
	}, filepath.Join(p.dir, "initdb.log"))
	if err != nil {
		return err
	}
	return p.configure()
}

func (p *Postgres) configure() error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	files := map[string][]byte{
		p.CAFile:                                ca.caPEM,
		filepath.Join(p.DataDir, "server.crt"):  ca.certPEM,
		filepath.Join(p.DataDir, "server.key"):  ca.keyPEM,
		filepath.Join(p.DataDir, "pg_hba.conf"): []byte(hbaConf),
		filepath.Join(p.DataDir, "rekey.conf"):  []byte(serverConf(p.dir)),
	}
	for path, content := range files {
		if err := p.account.writeFile(path, content); err != nil {
			return err
		}
	}
	return appendFile(filepath.Join(p.DataDir, "postgresql.conf"), "\ninclude 'rekey.conf'\n")
}

// errPortTaken: somebody else was faster.
var errPortTaken = errors.New("the port is taken")

// start starts the server on p.Port and returns when it answers. The caller holds mu.
func (p *Postgres) start(ctx context.Context) error {
	offset, err := p.LogOffset()
	if err != nil {
		return err
	}
	log, err := openLog(p.LogFile)
	if err != nil {
		return err
	}
	defer log.Close()
	p.proc, err = startProcess(program{
		path:    filepath.Join(p.bin, "postgres"),
		args:    []string{"-D", p.DataDir, "-p", fmt.Sprint(p.Port)},
		dir:     p.dir,
		account: p.account,
		output:  log,
	})
	if err != nil {
		return err
	}
	if err := p.awaitReady(ctx); err != nil {
		p.proc.end(syscall.SIGQUIT)
		return p.startError(err, offset)
	}
	return nil
}

// awaitReady waits for the server's own word and then logs in once: verify-full proves that it is our server.
func (p *Postgres) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for !p.saysReady() {
		select {
		case <-p.proc.done:
			return fmt.Errorf("the server ended: %w", p.proc.err)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	conn, err := pgx.Connect(ctx, p.AdminDSN("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// saysReady reads the status line of the server's lock file, as pg_ctl does.
func (p *Postgres) saysReady() bool {
	text, err := os.ReadFile(p.pidFile())
	if err != nil {
		return false
	}
	lines := strings.Split(string(text), "\n")
	return len(lines) > 7 && strings.TrimSpace(lines[7]) == "ready" &&
		lines[0] == fmt.Sprint(p.proc.cmd.Process.Pid)
}

// pidFile is the server's lock file, with its process id in the first line.
func (p *Postgres) pidFile() string { return filepath.Join(p.DataDir, "postmaster.pid") }

// startError adds what the server said.
func (p *Postgres) startError(err error, offset int64) error {
	said, logErr := p.LogSince(offset)
	if logErr != nil {
		return errors.Join(err, logErr)
	}
	if strings.Contains(said, "could not bind") || strings.Contains(said, "could not create any TCP/IP sockets") {
		return fmt.Errorf("%w: %s", errPortTaken, said)
	}
	return fmt.Errorf("starting PostgreSQL: %w: %s", err, said)
}

// Stop shuts the server down at once and removes its folder. Calling it again does nothing.
func (p *Postgres) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil
	}
	p.stopped = true
	p.proc.end(syscall.SIGQUIT)
	err := os.RemoveAll(p.dir)
	if p.janitor != nil {
		p.janitor.dismiss()
	}
	return err
}

// Restart ends all sessions, stops the server, and starts it again on the same port.
func (p *Postgres) Restart(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return errors.New("the server was stopped")
	}
	p.proc.end(syscall.SIGINT) // sessions are ended in order
	err := p.start(ctx)
	for errors.Is(err, errPortTaken) && ctx.Err() == nil {
		time.Sleep(10 * readyPoll)
		err = p.start(ctx)
	}
	return err
}

// Reload makes the server read its configuration and pg_hba.conf again. Logins that begin after it returns
// see the new ones; open sessions follow within moments.
func (p *Postgres) Reload(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return errors.New("the server was stopped")
	}
	offset, err := p.LogOffset()
	if err != nil {
		return err
	}
	if err := p.proc.signal(syscall.SIGHUP); err != nil {
		return err
	}
	for {
		// The server's only thread writes this line and reloads before it takes the next connection.
		said, err := p.LogSince(offset)
		if err != nil || strings.Contains(said, "received SIGHUP") {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(readyPoll):
		}
	}
}

// DSN returns a connection string for a login, with the server's certificate verified.
func (p *Postgres) DSN(user, password, database string) string {
	return p.DSNAt(p.Port, user, password, database)
}

// DSNAt is DSN for another port of the same host, such as that of a [Proxy] in front of the server.
func (p *Postgres) DSNAt(port uint16, user, password, database string) string {
	return fmt.Sprintf("host=%s port=%d user=%s password=%s dbname=%s sslmode=verify-full sslrootcert=%s",
		quoteConn(p.Host), port, quoteConn(user), quoteConn(password), quoteConn(database), quoteConn(p.CAFile))
}

// AdminDSN returns a connection string for the superuser.
func (p *Postgres) AdminDSN(database string) string {
	return p.DSN(AdminUser, p.adminPassword, database)
}

// Addr is host:port, what [StartProxy] takes.
func (p *Postgres) Addr() string { return net.JoinHostPort(p.Host, fmt.Sprint(p.Port)) }
