package secretsmanager

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

const (
	contentType  = "application/x-amz-json-1.1"
	targetPrefix = "secretsmanager."

	// largestBody is more than the largest secret, in base64.
	largestBody = 1 << 20
)

// answer is a response that nobody has sent yet.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ServeHTTP answers a request from a socket.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestBody))
	if err != nil {
		return // the client is gone, or sends what no client of the service would
	}
	a, err := s.serve(r, body)
	if errors.Is(err, errCut) {
		reset(w)
		return
	}
	if err != nil {
		return // the client is gone
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	w.Write(a.body) // fails when the client is gone
}

// reset ends the connection in a way that the client sees at once.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the next best end
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// RoundTrip answers a request without a socket, on the caller's goroutine.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if err := s.ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: "memory", Err: syscall.ECONNREFUSED}
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	a, err := s.serve(r.WithContext(ctx), body)
	if errors.Is(err, errCut) {
		return nil, &net.OpError{Op: "read", Net: "memory", Err: syscall.ECONNRESET}
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status: fmt.Sprint(a.status, " ", http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, ContentLength: int64(len(a.body)), Request: r,
		Body: io.NopCloser(bytes.NewReader(a.body)),
	}, nil
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer r.Body.Close()
	return io.ReadAll(r.Body)
}

// serve does what a request asks. It fails only where there is nobody or nothing to answer.
func (s *Server) serve(r *http.Request, body []byte) (*answer, error) {
	entry := Request{At: time.Now(), Operation: strings.TrimPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)}
	if err := s.delay(r.Context(), entry.Operation); err != nil {
		entry.Err = "canceled"
		s.record(entry)
		return nil, err
	}
	fault := s.fault(entry.Operation)
	var out any
	err := fault.err()
	if err == nil {
		out, err = s.perform(r, body, &entry)
	}
	if fault == CutAfter {
		err = errCut
	}
	entry.Err = errName(err)
	s.record(entry)
	if errors.Is(err, errCut) {
		return nil, err
	}
	return s.answer(out, err), nil
}

func errName(err error) string {
	if failed, ok := errors.AsType[*apiError](err); ok {
		return failed.name
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// perform authenticates, authorizes and runs an operation, and fills in the log's entry.
func (s *Server) perform(r *http.Request, body []byte, entry *Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.purge()
	key, err := s.authenticate(r, body)
	if err != nil {
		return nil, err
	}
	entry.KeyID = key.ID
	run, known := operations[entry.Operation]
	if !known {
		return nil, &apiError{name: "UnknownOperationException", plain: true}
	}
	var subject subject
	if err := decode(body, &subject); err != nil {
		return nil, err
	}
	subject.describe(s, entry)
	if err := s.authorize(key, *entry, subject.id()); err != nil {
		return nil, err
	}
	return run(s, body)
}

// subject is what the requests of all operations say about their secret.
type subject struct {
	SecretID     string `json:"SecretId"`
	Name         string
	VersionID    string `json:"VersionId"`
	VersionStage string
}

func (sub subject) id() string {
	if sub.SecretID != "" {
		return sub.SecretID
	}
	return sub.Name
}

// describe fills in a log entry. The caller holds the server's mu.
func (sub subject) describe(s *Server, entry *Request) {
	entry.Secret, entry.VersionID, entry.VersionStage = sub.id(), sub.VersionID, sub.VersionStage
	if known, err := s.find(sub.id()); err == nil {
		entry.Secret = known.name
	}
}

// decode never repeats what it could not read: it may be a secret's value.
func decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return &apiError{name: "SerializationException", message: "The request is not the JSON that the operation takes.", plain: true}
	}
	return nil
}

func (s *Server) answer(out any, err error) *answer {
	a := &answer{status: http.StatusOK, header: http.Header{}}
	if failed, ok := errors.AsType[*apiError](err); ok {
		a.status = failed.code()
		a.header.Set("X-Amzn-Errortype", failed.name)
		out = failed.body()
	}
	a.body = encode(out)
	s.mu.Lock()
	defer s.mu.Unlock()
	a.header.Set("Content-Type", contentType)
	a.header.Set("X-Amzn-Requestid", newUUID())
	a.header.Set("Date", s.now().Format(http.TimeFormat))
	return a
}

func encode(out any) []byte {
	text, err := json.Marshal(out)
	if err != nil {
		panic(err) // the types of this package can all be encoded
	}
	return text
}

func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
