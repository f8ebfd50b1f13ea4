package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/managedpool"
)

// queryTimeout bounds a request's wait for the database.
const queryTimeout = 5 * time.Second

// server answers over HTTP.
type server struct {
	pool    *managedpool.Pool
	log     *slog.Logger
	leaving atomic.Bool // it is about to end
}

func newServer(pool *managedpool.Pool, log *slog.Logger) *server {
	return &server{pool: pool, log: log}
}

// handler is what it serves.
func (s *server) handler() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.query)
	mux.HandleFunc("GET /healthz", s.alive)
	mux.HandleFunc("GET /readyz", s.ready)
	return mux
}

// query says which login it was made with, so that a rotation can be seen.
func (s *server) query(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	var user string
	if err := s.pool.QueryRow(ctx, "select current_user").Scan(&user); err != nil {
		s.log.Error("the query failed", "error", err)
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, user)
}

// alive is for the liveness probe. It says nothing about the database or the login: starting again would repair neither.
func (s *server) alive(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

// ready is for the readiness probe: whether requests should come here. While the server refuses new logins they should,
// because open connections work, and because all other pods have the same trouble.
func (s *server) ready(w http.ResponseWriter, _ *http.Request) {
	state := s.pool.Status().State
	switch state {
	case rekey.StateServing, rekey.StateDegraded, rekey.StateRefused:
		if !s.leaving.Load() {
			fmt.Fprintln(w, state)
			return
		}
		state = "leaving"
	}
	http.Error(w, string(state), http.StatusServiceUnavailable)
}

// run serves until ctx ends, goes on for a while, and waits for the requests that have begun.
func (s *server) run(ctx context.Context, opts options, listener net.Listener) error {
	h := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.leaving.Store(true)
	time.Sleep(opts.drain) // Kubernetes takes us out of the service meanwhile
	err := within(opts.stop, h.Shutdown)
	if err != nil {
		err = errors.Join(err, h.Close())
	}
	<-failed // it is http.ErrServerClosed
	return err
}
