package standby

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// cancelRequest is what pgx writes to cancel a query.
func cancelRequest() []byte {
	request := binary.BigEndian.AppendUint32(nil, 16)
	request = binary.BigEndian.AppendUint32(request, cancelRequestCode)
	return append(request, "pid key "...)
}

// certificate makes a throw-away certificate.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// served runs a server on one end of a pipe, and returns the other end and a wait for the server's end.
func served(t *testing.T, serve func(conn net.Conn) error) (client net.Conn, wait func()) {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan error, 1)
	go func() {
		defer server.Close()
		done <- serve(server)
	}()
	return client, func() {
		t.Helper()
		client.Close()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	}
}

// expect reads and compares.
func expect(conn io.Reader, want []byte) error {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return errors.New("server read something else")
	}
	return nil
}

var sslRequest = []byte{0, 0, 0, 8, 4, 210, 22, 47}

func TestCancelConnEncryptsCancelRequests(t *testing.T) {
	cert := certificate(t)
	for _, direct := range []bool{false, true} {
		client, wait := served(t, func(conn net.Conn) error {
			if !direct {
				if err := expect(conn, sslRequest); err != nil {
					return err
				}
				if _, err := conn.Write([]byte("S")); err != nil {
					return err
				}
			}
			return expect(tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}}), cancelRequest())
		})
		conn := &cancelConn{Conn: client, tls: &tls.Config{InsecureSkipVerify: true}, direct: direct}
		if n, err := conn.Write(cancelRequest()); n != len(cancelRequest()) || err != nil {
			t.Errorf("direct %v: Write = %d, %v", direct, n, err)
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("direct %v: read something from a server that has closed", direct)
		}
		wait()
	}
}

func TestCancelConnNeverFallsBackToPlain(t *testing.T) {
	client, wait := served(t, func(conn net.Conn) error {
		if err := expect(conn, sslRequest); err != nil {
			return err
		}
		if _, err := conn.Write([]byte("N")); err != nil {
			return err
		}
		if n, _ := conn.Read(make([]byte, 1)); n != 0 {
			return errors.New("the client wrote on without TLS")
		}
		return nil
	})
	conn := &cancelConn{Conn: client, tls: &tls.Config{InsecureSkipVerify: true}}
	if _, err := conn.Write(cancelRequest()); err == nil {
		t.Error("no error from a server without TLS")
	}
	wait()
}

// A connect that starts on the same socket brings its own TLS.
func TestCancelConnLeavesConnectsAlone(t *testing.T) {
	hello := []byte{0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5}
	for _, first := range [][]byte{sslRequest, hello, {0, 0, 0, 8, 0, 3, 0, 0}, {1}} {
		client, wait := served(t, func(conn net.Conn) error {
			if err := expect(conn, first); err != nil {
				return err
			}
			// Later writes pass, whatever they look like.
			return expect(conn, cancelRequest())
		})
		conn := &cancelConn{Conn: client, tls: &tls.Config{InsecureSkipVerify: true}}
		for _, p := range [][]byte{first, cancelRequest()} {
			if _, err := conn.Write(p); err != nil {
				t.Error(err)
			}
		}
		wait()
	}
}

// pgx sets deadlines from the goroutine of the context while the request is being encrypted. Under -race this
// fails if the two meet on a field.
func TestCancelConnDeadlineDuringTheHandshake(t *testing.T) {
	asked := make(chan struct{})
	client, wait := served(t, func(conn net.Conn) error {
		if err := expect(conn, sslRequest); err != nil {
			return err
		}
		if _, err := conn.Write([]byte("S")); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil { // the handshake has begun, and stalls
			return err
		}
		close(asked)
		_, err := io.Copy(io.Discard, conn)
		return err
	})
	conn := &cancelConn{Conn: client, tls: &tls.Config{InsecureSkipVerify: true}}
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Add(1)
	context.AfterFunc(ctx, func() {
		defer watching.Done()
		if err := conn.SetDeadline(time.Unix(1, 0)); err != nil {
			t.Error(err)
		}
	})
	go func() { <-asked; cancel() }()
	if _, err := conn.Write(cancelRequest()); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Write: %v", err)
	}
	watching.Wait()
	wait()
}

func TestTLSForCancel(t *testing.T) {
	config := &tls.Config{ServerName: "db", Certificates: []tls.Certificate{certificate(t)}}
	for _, mode := range []string{"", "allow", "require"} {
		if got := tlsForCancel(config, mode); got != config {
			t.Errorf("sslcertmode=%s changes the TLS configuration", mode)
		}
	}
	got := tlsForCancel(config, "disable")
	cert, err := got.GetClientCertificate(nil)
	if len(got.Certificates) != 0 || err != nil || len(cert.Certificate) != 0 || got.ServerName != "db" {
		t.Error("sslcertmode=disable lets a certificate through")
	}
	if len(config.Certificates) != 1 {
		t.Error("the session's own configuration was changed")
	}
}
