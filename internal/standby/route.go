package standby

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// Next gives the session that a connect adopts. It may take its time: it runs where pgx would dial, with the
// context of the connect, so a ConnectTracer times it and its error comes out as a pgconn.ConnectError.
type Next func(ctx context.Context) (*Session, error)

// Route prepares config so that one connect with it adopts the session that next gives, instead of
// dialling. Once connected, the configuration that pgx shows (Conn.Config) reads as the one that the session
// was made with: host, user, TLS, password and all. Cancel requests, and connects made from a copy of that
// configuration, dial with the DialFunc that config has when Route is called.
//
// adopted is called with the connection's handle when all else is done.
func Route(config *pgconn.Config, next Next, adopted func(*pgconn.PgConn, *Session)) {
	r := &route{original: *config, next: next, adopted: adopted}

	// Everything that login has already settled would only be in the way of the take-over.
	config.Password = ""
	config.TLSConfig = nil
	config.Fallbacks = nil
	config.SSLCertMode = ""
	config.RequireAuth = ""
	config.ChannelBinding = ""
	config.ValidateConnect = nil
	config.ConnectTimeout = 0 // next has its own limits

	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.DialFunc = r.dial
	config.AfterNetConnect = r.remember
	config.BuildFrontend = r.frontend
	config.AfterConnect = r.afterConnect
}

// route is one connect's way to its session.
type route struct {
	original pgconn.Config
	next     Next
	adopted  func(*pgconn.PgConn, *Session)

	config *pgconn.Config // the copy that the connection keeps; seen in AfterNetConnect

	mu      sync.Mutex // guards session and taken
	session *Session
	taken   bool
}

// dial hands over the session's socket, once. Later calls are cancel requests, or come from a copy of the
// connection's configuration.
func (r *route) dial(ctx context.Context, network, address string) (net.Conn, error) {
	r.mu.Lock()
	taken := r.taken
	r.taken = true
	r.mu.Unlock()
	if taken {
		return r.dialAgain(ctx, network, address)
	}
	session, err := r.next(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.session = session
	r.mu.Unlock()
	return session.conn, nil
}

// dialAgain dials as the original configuration does. The connection's pgconn believes its socket to be
// without TLS, so a cancel request that starts on the new socket is given the session's TLS here.
func (r *route) dialAgain(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := r.original.DialFunc(ctx, network, address)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	session := r.session
	r.mu.Unlock()
	if session == nil || session.tlsConfig == nil {
		return conn, nil
	}
	return &cancelConn{
		Conn:   conn,
		tls:    tlsForCancel(session.tlsConfig, session.config.SSLCertMode),
		direct: session.config.SSLNegotiation == "direct",
	}, nil
}

func (r *route) remember(_ context.Context, config *pgconn.Config, conn net.Conn) (net.Conn, error) {
	r.config = config
	return conn, nil
}

// frontend reads the greeting before the socket, and keeps the startup message from it.
func (r *route) frontend(from io.Reader, to io.Writer) *pgproto3.Frontend {
	greeting := bytes.NewReader(r.session.greeting)
	return r.original.BuildFrontend(io.MultiReader(greeting, from), &startupSink{to: to})
}

func (r *route) afterConnect(ctx context.Context, conn *pgconn.PgConn) error {
	if r.original.AfterConnect != nil {
		if err := r.original.AfterConnect(ctx, conn); err != nil {
			return err
		}
	}
	r.restore()
	r.adopted(conn, r.session)
	return nil
}

// restore makes the connection's configuration read as the session's. What pgx itself set while
// connecting stays, and so does dial, which sends cancel requests under TLS.
func (r *route) restore() {
	shown := *r.session.config
	shown.DialFunc = r.dial
	shown.BuildFrontend = r.original.BuildFrontend
	shown.AfterConnect = r.original.AfterConnect
	shown.OnNotification = r.config.OnNotification
	*r.config = shown
	r.session.greeting = nil
}
