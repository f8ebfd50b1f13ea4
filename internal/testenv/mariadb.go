package testenv

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

// MariaDB is a private MariaDB server: its own data folder, a free port on 127.0.0.1, TLS that clients can verify,
// every statement in a log that tests can read. It ends with the process that started it, even when that is killed.
type MariaDB struct {
	// Host and Port are where it listens. There is no way in without TLS.
	Host string
	Port uint16

	// CAFile is the certificate authority. The server's certificate is good for 127.0.0.1 and localhost.
	CAFile string

	// DataDir holds the server's files, LogFile what it says and every statement.
	DataDir string
	LogFile string

	dir           string // everything; removed by Stop
	program       mariaProgram
	account       *account
	adminPassword string
	janitor       *janitor
	tls           *tls.Config
	tlsName       string // what DSNs call tls; registered with the driver until Stop

	mu      sync.Mutex // guards proc and stopped; held while the server starts and stops
	proc    *process
	stopped bool
}

// StartMariaDB makes a server and starts it; ctx bounds that. Run as root it uses an unprivileged user. Where the
// server is not installed the error wraps [ErrNoMariaDB], whose text has the install command.
func StartMariaDB(ctx context.Context) (*MariaDB, error) {
	program, err := findMariaDB()
	if err != nil {
		return nil, err
	}
	acct, err := serverAccount()
	if err != nil {
		return nil, err
	}
	dir, err := makeFolder(acct, "mariadb")
	if err != nil {
		return nil, err
	}
	m := &MariaDB{
		Host:          "127.0.0.1",
		CAFile:        filepath.Join(dir, "ca.crt"),
		DataDir:       filepath.Join(dir, "data"),
		LogFile:       filepath.Join(dir, "mariadb.log"),
		dir:           dir,
		program:       program,
		account:       acct,
		adminPassword: rand.Text(),
	}
	if err := m.create(ctx); err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	return m, nil
}

// create fills the folder and starts the server. Stop undoes it, however far it came.
func (m *MariaDB) create(ctx context.Context) (err error) {
	if m.janitor, err = startJanitor(m.dir, m.pidFile(), "KILL"); err != nil {
		return err
	}
	if err := m.configure(); err != nil {
		return err
	}
	if err := m.initialize(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return onFreePort(&m.Port, func() error { return m.start(ctx) })
}

// configure writes the configuration and the certificates, and tells the driver whom to trust.
func (m *MariaDB) configure() error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	files := map[string][]byte{
		m.CAFile:     ca.caPEM,
		m.certFile(): ca.certPEM,
		m.keyFile():  ca.keyPEM,
		m.confFile(): []byte(mariaConf(m)),
		m.LogFile:    nil, // the server opens it itself, besides being given it
	}
	for path, content := range files {
		if err := m.account.writeFile(path, content); err != nil {
			return err
		}
	}
	return m.trust(ca)
}

// trust registers the authority with the driver, under a name that no other server has.
func (m *MariaDB) trust(ca *authority) error {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca.caPEM) {
		return errors.New("the authority's certificate cannot be read")
	}
	m.tls = &tls.Config{RootCAs: roots, ServerName: m.Host, MinVersion: tls.VersionTLS12}
	m.tlsName = filepath.Base(m.dir)
	return mysql.RegisterTLSConfig(m.tlsName, m.tls)
}

// initialize makes the system tables.
func (m *MariaDB) initialize() error {
	if err := os.Mkdir(m.DataDir, 0o700); err != nil {
		return err
	}
	if err := m.account.own(m.DataDir); err != nil {
		return err
	}
	statements, err := mariaBootstrap(m.program, m.adminPassword)
	if err != nil {
		return err
	}
	script := filepath.Join(m.dir, "bootstrap.sql")
	if err := m.account.writeFile(script, statements); err != nil {
		return err
	}
	input, err := os.Open(script)
	if err != nil {
		return err
	}
	defer input.Close()
	return runTool(program{
		path:    m.program.path,
		args:    []string{"--defaults-file=" + m.confFile(), "--bootstrap", "--skip-general-log"},
		dir:     m.dir,
		account: m.account,
		input:   input,
		dieOf:   syscall.SIGKILL,
	}, filepath.Join(m.dir, "bootstrap.log"))
}

// start starts the server on m.Port and returns when it answers. The caller holds mu.
func (m *MariaDB) start(ctx context.Context) error {
	offset, err := m.LogOffset()
	if err != nil {
		return err
	}
	log, err := openLog(m.LogFile)
	if err != nil {
		return err
	}
	defer log.Close()
	m.proc, err = startProcess(program{
		path:    m.program.path,
		args:    []string{"--defaults-file=" + m.confFile(), fmt.Sprintf("--port=%d", m.Port)},
		dir:     m.dir,
		account: m.account,
		output:  log,
		dieOf:   syscall.SIGKILL,
	})
	if err != nil {
		return err
	}
	// Written here, because the server writes its own only when it is ready.
	err = m.account.writeFile(m.pidFile(), fmt.Appendln(nil, m.proc.cmd.Process.Pid))
	if err == nil {
		err = m.awaitReady(ctx, offset)
	}
	if err != nil {
		m.proc.end(syscall.SIGKILL)
		return m.startError(err, offset)
	}
	return nil
}

// awaitReady waits for the server's own word and then logs in once: the certificate proves that it is our server.
func (m *MariaDB) awaitReady(ctx context.Context, offset int64) error {
	err := poll(ctx, func() (bool, error) {
		if m.proc.ended() {
			return false, fmt.Errorf("the server ended: %w", m.proc.err)
		}
		said, err := m.LogSince(offset)
		return strings.Contains(said, "ready for connections"), err
	})
	if err != nil {
		return err
	}
	return m.adminExec(ctx, "DO 0")
}

// pidFile holds the server's process id, for the janitor.
func (m *MariaDB) pidFile() string { return filepath.Join(m.dir, "mariadb.pid") }

// startError adds what the server said.
func (m *MariaDB) startError(err error, offset int64) error {
	said, logErr := m.LogSince(offset)
	if logErr != nil {
		return errors.Join(err, logErr)
	}
	if strings.Contains(said, "Address already in use") {
		return fmt.Errorf("%w: %s", errPortTaken, said)
	}
	return fmt.Errorf("starting MariaDB: %w: %s", err, said)
}

// Stop ends the server at once and removes its folder. Calling it again does nothing.
func (m *MariaDB) Stop() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return nil
	}
	m.stopped = true
	m.proc.end(syscall.SIGKILL) // nobody needs the data: there is nothing to save
	if m.tlsName != "" {
		mysql.DeregisterTLSConfig(m.tlsName)
	}
	err := os.RemoveAll(m.dir)
	if m.janitor != nil {
		m.janitor.dismiss()
	}
	return err
}

// Restart ends all sessions, stops the server, and starts it again on the same port.
func (m *MariaDB) Restart(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return errors.New("the server was stopped")
	}
	m.proc.end(syscall.SIGTERM) // sessions are ended in order
	err := m.start(ctx)
	for errors.Is(err, errPortTaken) && ctx.Err() == nil {
		time.Sleep(10 * readyPoll)
		err = m.start(ctx)
	}
	return err
}

// Config returns the driver's configuration for a login, with the server's certificate verified. database may be
// empty. The caller may change it.
func (m *MariaDB) Config(user, password, database string) *mysql.Config {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = user, password, database
	config.Net, config.Addr = "tcp", m.Addr()
	config.TLS = m.tls.Clone()
	config.Logger = &mysql.NopLogger{} // tests break connections on purpose
	return config
}

// DSN returns a connection string for a login, with the server's certificate verified. It is good in this process,
// until Stop: the driver knows the authority by a registered name.
func (m *MariaDB) DSN(user, password, database string) string {
	return m.DSNAt(m.Port, user, password, database)
}

// DSNAt is DSN for another port of the same host, such as that of a [Proxy] in front of the server.
func (m *MariaDB) DSNAt(port uint16, user, password, database string) string {
	config := m.Config(user, password, database)
	config.Addr = net.JoinHostPort(m.Host, fmt.Sprint(port))
	config.TLS, config.TLSConfig = nil, m.tlsName
	return config.FormatDSN()
}

// AdminDSN returns a connection string for the account that may do everything.
func (m *MariaDB) AdminDSN(database string) string {
	return m.DSN(AdminUser, m.adminPassword, database)
}

// Addr is host:port, what [StartProxy] takes.
func (m *MariaDB) Addr() string { return net.JoinHostPort(m.Host, fmt.Sprint(m.Port)) }

// adminExec runs statements on a connection of their own.
func (m *MariaDB) adminExec(ctx context.Context, statements string) error {
	admin, err := m.admin("")
	if err != nil {
		return err
	}
	return errors.Join(admin.exec(ctx, statements), admin.close())
}

// admin connects to nothing yet.
func (m *MariaDB) admin(database string) (*mariaAdmin, error) {
	return newMariaAdmin(m.Config(AdminUser, m.adminPassword, database))
}
