// Package standby makes PostgreSQL sessions outside of a pool and lets a later pgx connect take one over.
//
// pgxpool has no way to be given a connection: it dials, and whoever made it dial waits for TLS and SCRAM.
// Here the session is logged in first, by the caller of [Dial], with whatever waiting and retrying that
// takes; then a pgx connect that was prepared by [Route] adopts it in microseconds. Only documented hooks of
// pgconn.Config and the wire protocol's greeting are used: DialFunc hands over the socket, BuildFrontend
// reads a greeting that repeats what the server said at login, and swallows the startup message.
package standby

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// goodbyeTimeout bounds the farewell to a session that nobody adopted.
const goodbyeTimeout = time.Second

// Session is a logged-in PostgreSQL session that no pgx connection owns yet. Whoever holds it either gives it
// to a connect (see [Route]) or closes it. It is not safe for concurrent use.
type Session struct {
	conn      net.Conn
	config    *pgconn.Config // what the session was made with, and what its connection will show
	tlsConfig *tls.Config
	greeting  []byte

	// Attached is the owner's note on the session; this package does not look at it.
	Attached any
}

// Dial logs in as config says. Hooks that belong to the connection's owner (AfterConnect) are left to the
// connect that adopts the session; those that decide whether the server is acceptable (ValidateConnect,
// RequireAuth, ChannelBinding, SSLCertMode, AfterNetConnect) take effect here.
func Dial(ctx context.Context, config *pgconn.Config) (*Session, error) {
	used := config.Copy()
	used.AfterConnect = nil
	conn, err := pgconn.ConnectConfig(ctx, used)
	if err != nil {
		return nil, err
	}
	return FromConn(ctx, conn, config)
}

// FromConn takes over an idle connection, made with config, and makes it unusable to its former owner. On
// failure the connection is closed.
func FromConn(ctx context.Context, conn *pgconn.PgConn, config *pgconn.Config) (*Session, error) {
	if conn.TxStatus() != 'I' {
		conn.Close(ctx)
		return nil, errors.New("standby: connection is inside a transaction")
	}
	// A write that took long has left a reader behind, which would take the next owner's first answer.
	if err := conn.SyncConn(ctx); err != nil {
		conn.Close(ctx)
		return nil, fmt.Errorf("standby: settling the connection: %w", err)
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		conn.Close(ctx)
		return nil, fmt.Errorf("standby: taking over the connection: %w", err)
	}
	greeting, err := encodeGreeting(hijacked)
	if err != nil {
		hijacked.Conn.Close()
		return nil, err
	}
	return &Session{conn: hijacked.Conn, config: config, tlsConfig: hijacked.TLSConfig, greeting: greeting}, nil
}

// Close says goodbye to the server and closes the socket.
func (s *Session) Close() {
	s.conn.SetDeadline(time.Now().Add(goodbyeTimeout))
	if goodbye, err := (&pgproto3.Terminate{}).Encode(nil); err == nil {
		s.conn.Write(goodbye)
	}
	s.conn.Close()
}

// encodeGreeting writes what a server sends between a successful login and its first ReadyForQuery.
func encodeGreeting(hc *pgconn.HijackedConn) ([]byte, error) {
	messages := []pgproto3.BackendMessage{&pgproto3.AuthenticationOk{}}
	for name, value := range hc.ParameterStatuses {
		messages = append(messages, &pgproto3.ParameterStatus{Name: name, Value: value})
	}
	messages = append(messages,
		&pgproto3.BackendKeyData{ProcessID: hc.PID, SecretKey: hc.SecretKey},
		&pgproto3.ReadyForQuery{TxStatus: 'I'},
	)
	var out []byte
	for _, m := range messages {
		var err error
		if out, err = m.Encode(out); err != nil {
			return nil, fmt.Errorf("standby: encoding the greeting: %w", err)
		}
	}
	return out, nil
}
