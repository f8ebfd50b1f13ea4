package secretsmanager

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// Fault is a way in which requests fail.
type Fault int

const (
	// Throttled answers ThrottlingException, with status 400.
	Throttled Fault = iota + 1
	// InternalError answers InternalServiceError, with status 500.
	InternalError
	// Unavailable answers ServiceUnavailableException, with status 503.
	Unavailable
	// Cut resets the connection instead of doing anything.
	Cut
	// CutAfter resets the connection when the operation is done: the client cannot know that it is.
	CutAfter
)

// errCut is for whoever holds the connection.
var errCut = errors.New("cut")

// faults is what is wrong with a server.
type faults struct {
	failing   []failing
	latencies []latency
	limits    []*limit
}

type failing struct {
	fault Fault
	left  int // -1: no end
	ops   []string
}

type latency struct {
	d   time.Duration
	ops []string
}

type limit struct {
	requests int
	per      time.Duration
	ops      []string
	recent   []time.Time
}

// FailNext makes the next n requests fail. With operations named, only theirs count. Faults are taken in the order in
// which they were set.
func (s *Server) FailNext(n int, fault Fault, operations ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.failing = append(s.faults.failing, failing{fault: fault, left: n, ops: operations})
}

// FailAll makes all requests fail until [Server.Heal], or those of the named operations.
func (s *Server) FailAll(fault Fault, operations ...string) { s.FailNext(-1, fault, operations...) }

// SetLatency makes requests wait before anything else is done with them, or those of the named operations. The last
// one set for an operation holds; zero ends it. A client that goes away ends its wait.
func (s *Server) SetLatency(d time.Duration, operations ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.latencies = append(s.faults.latencies, latency{d: d, ops: operations})
}

// LimitRate answers ThrottlingException to everything above a number of requests in any such time, counted over the
// named operations together, or over all.
func (s *Server) LimitRate(requests int, per time.Duration, operations ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.limits = append(s.faults.limits, &limit{requests: requests, per: per, ops: operations})
}

// Heal ends all faults, latencies and limits. The clock's offset, denied actions and keys stay.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = faults{}
}

func concerns(operations []string, operation string) bool {
	return len(operations) == 0 || slices.Contains(operations, operation)
}

// delay waits as long as the operation's latency says.
func (s *Server) delay(ctx context.Context, operation string) error {
	d := s.latency(operation)
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) latency(operation string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range slices.Backward(s.faults.latencies) {
		if concerns(l.ops, operation) {
			return l.d
		}
	}
	return 0
}

// fault takes what is due for the next request of an operation; 0 is none.
func (s *Server) fault(operation string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults.failing {
		f := &s.faults.failing[i]
		if f.left == 0 || !concerns(f.ops, operation) {
			continue
		}
		if f.left > 0 {
			f.left--
		}
		return f.fault
	}
	for _, l := range s.faults.limits {
		if concerns(l.ops, operation) && !l.admit(time.Now()) {
			return Throttled
		}
	}
	return 0
}

func (l *limit) admit(now time.Time) bool {
	l.recent = slices.DeleteFunc(l.recent, func(t time.Time) bool { return now.Sub(t) >= l.per })
	if len(l.recent) >= l.requests {
		return false
	}
	l.recent = append(l.recent, now)
	return true
}

// err is what is answered before anything is done; nil for none.
func (f Fault) err() error {
	switch f {
	case Throttled:
		return &apiError{name: "ThrottlingException", message: "Rate exceeded", plain: true}
	case InternalError:
		return &apiError{status: http.StatusInternalServerError, name: "InternalServiceError",
			message: "An error occurred on the server side."}
	case Unavailable:
		return &apiError{status: http.StatusServiceUnavailable, name: "ServiceUnavailableException",
			message: "Service Unavailable", plain: true}
	case Cut:
		return errCut
	}
	return nil
}
