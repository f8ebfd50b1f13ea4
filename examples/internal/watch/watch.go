// Package watch serves the status page of a demonstration's pool while it runs.
package watch

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/statuspage"
)

// Site is the page on a port of this machine that was free.
type Site struct {
	page   *statuspage.Page
	server *http.Server
	addr   string
	done   chan struct{} // closed when the server has ended
}

// Open begins to serve.
func Open(title string) (*Site, error) {
	page, err := statuspage.New(&statuspage.Options{Title: title})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the status page: %w", err)
	}
	s := &Site{page: page, addr: listener.Addr().String(), done: make(chan struct{})}
	s.server = &http.Server{Handler: page, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(listener) // it says that it was closed
	}()
	return s, nil
}

// URL is where it is.
func (s *Site) URL() string { return "http://" + s.addr + "/" }

// Observe returns a handler of a pool's events that also tells next.
func (s *Site) Observe(name string, next func(rekey.Event)) func(rekey.Event) {
	show := s.page.Observe(name)
	return func(e rekey.Event) {
		show(e)
		next(e)
	}
}

// Add shows a pool.
func (s *Site) Add(name string, pool statuspage.Pool) error { return s.page.Add(name, pool) }

// Close ends it, and whoever looks on.
func (s *Site) Close() error {
	s.page.Close()
	err := s.server.Close()
	<-s.done
	return err
}
