package secretsmanager

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// Options says what a server is like. The zero value is an ordinary one.
type Options struct {
	// Region is in ARNs and in what is signed. Defaults to eu-central-1.
	Region string

	// Account is the number in ARNs. Defaults to 123456789012.
	Account string

	// SkewError is the error for what is signed more than five minutes off. Defaults to InvalidSignatureException, the
	// service's; the SDK cannot tell that from a wrong key, and corrects its clock for RequestTimeTooSkewed alone.
	SkewError string
}

// Server is a Secrets Manager in memory. It is safe for concurrent use.
type Server struct {
	region, account string
	skewError       string
	key             Key // may do everything that no test denies it

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	http   *http.Server // nil without a socket
	served chan struct{}
	url    string
	client *http.Client

	rotations sync.WaitGroup

	mu      sync.Mutex // guards everything below; never held while anybody waits or a rotation function runs
	offset  time.Duration
	secrets []*secret // in the order of their creation
	keys    map[string]*keyState
	faults  faults
	log     []Request
	pages   map[string]page
	rotator map[string]RotationFunc
}

// New returns a server without a socket, for [Server.Config] or as an http.RoundTripper or http.Handler. nil opts means
// the zero value. Under testing/synctest make and close it in the bubble that uses it.
func New(opts *Options) *Server {
	s := &Server{
		region: "eu-central-1", account: "123456789012", skewError: "InvalidSignatureException",
		url:  "http://secretsmanager.test",
		keys: map[string]*keyState{}, pages: map[string]page{},
		rotator: map[string]RotationFunc{},
	}
	if opts != nil && opts.Region != "" {
		s.region = opts.Region
	}
	if opts != nil && opts.Account != "" {
		s.account = opts.Account
	}
	if opts != nil && opts.SkewError != "" {
		s.skewError = opts.SkewError
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.client = &http.Client{Transport: s}
	s.key = s.NewKey("tester")
	return s
}

// Start returns a server that listens on a free port of 127.0.0.1. nil opts means the zero value.
func Start(opts *Options) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := New(opts)
	s.url = "http://" + listener.Addr().String()
	s.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: time.Minute,
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
	}
	s.served = make(chan struct{})
	go s.listen(listener)
	return s, nil
}

func (s *Server) listen(listener net.Listener) {
	defer close(s.served)
	if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		panic(err) // nothing else ends it; and without a listener no test could say why it fails
	}
}

// Close ends the requests and rotations under way, and waits for the rotations. Calling it again does nothing.
func (s *Server) Close() error {
	s.stopRotating()
	s.rotations.Wait()
	if s.http == nil {
		return nil
	}
	err := s.http.Close()
	<-s.served
	s.client.CloseIdleConnections()
	return err
}

// stopRotating ends the context of everything. Rotations are started under the lock, and none is after this.
func (s *Server) stopRotating() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel()
}

// URL is where the server listens; without a socket, a name that only its own RoundTrip knows.
func (s *Server) URL() string { return s.url }

// Key is the key of [Server.Config].
func (s *Server) Key() Key { return s.key }

// Config returns what a client needs to reach the server, with the SDK's own defaults for everything else.
func (s *Server) Config() aws.Config { return s.ConfigFor(s.key) }

// ConfigFor is Config with another key, which the server need not know.
func (s *Server) ConfigFor(key Key) aws.Config {
	return aws.Config{
		Region:       s.region,
		BaseEndpoint: aws.String(s.url),
		Credentials:  key,
		HTTPClient:   s.client,
	}
}

// Client returns a client with [Server.Config].
func (s *Server) Client(options ...func(*sdk.Options)) *sdk.Client {
	return sdk.NewFromConfig(s.Config(), options...)
}

// SetClockOffset makes the server's clock differ from time.Now. What is signed more than five minutes off the server's
// clock is refused.
func (s *Server) SetClockOffset(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset = d
}

// now is the server's clock. The caller holds mu.
func (s *Server) now() time.Time { return time.Now().Add(s.offset).UTC() }
