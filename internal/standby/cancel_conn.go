package standby

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
)

// Codes of the two messages that may open a connection instead of a startup message.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
const (
	cancelRequestCode = 80877102
	sslRequestCode    = 80877103
)

// cancelConn puts TLS under a cancel request, which names the session's secret key. Anything else that is
// written first is a connect that brings its own TLS, and passes untouched.
//
// The socket itself is never replaced: pgx sets deadlines on it from another goroutine.
type cancelConn struct {
	net.Conn
	tls     *tls.Config
	direct  bool // TLS without asking first (sslnegotiation=direct)
	decided bool
	secure  *tls.Conn // what a cancel request goes through
}

func (c *cancelConn) Write(p []byte) (int, error) {
	if !c.decided {
		c.decided = true
		if isCancelRequest(p) {
			if err := c.encrypt(); err != nil {
				return 0, err
			}
		}
	}
	if c.secure != nil {
		return c.secure.Write(p)
	}
	return c.Conn.Write(p)
}

func (c *cancelConn) Read(p []byte) (int, error) {
	if c.secure != nil {
		return c.secure.Read(p)
	}
	return c.Conn.Read(p)
}

func (c *cancelConn) encrypt() error {
	if !c.direct {
		if err := askForTLS(c.Conn); err != nil {
			return err
		}
	}
	c.secure = tls.Client(c.Conn, c.tls)
	return nil
}

func askForTLS(conn net.Conn) error {
	var request [8]byte
	binary.BigEndian.PutUint32(request[:4], uint32(len(request)))
	binary.BigEndian.PutUint32(request[4:], sslRequestCode)
	if _, err := conn.Write(request[:]); err != nil {
		return err
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return err
	}
	if answer[0] != 'S' {
		return errors.New("standby: the server refused TLS for a cancel request")
	}
	return nil
}

func isCancelRequest(p []byte) bool {
	return len(p) >= 8 && binary.BigEndian.Uint32(p[4:8]) == cancelRequestCode
}

// tlsForCancel is the TLS of a session as a cancel request of pgx would use it: without a client certificate
// where sslcertmode says so.
func tlsForCancel(config *tls.Config, certMode string) *tls.Config {
	if certMode != "disable" {
		return config
	}
	config = config.Clone()
	config.Certificates = nil
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return new(tls.Certificate), nil
	}
	return config
}
