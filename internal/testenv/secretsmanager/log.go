package secretsmanager

import (
	"slices"
	"time"
)

// Request is one entry of a server's log.
type Request struct {
	At           time.Time // when it arrived, by time.Now
	KeyID        string    // who signed it; empty when the signature was refused or not looked at
	Operation    string
	Secret       string // the secret's name where the server knows it, else what the request says
	VersionID    string // as the request says
	VersionStage string // as the request says

	// Err is the name of the error that was answered. Empty: none. "cut": the connection was cut; "canceled": the
	// client went away while it waited.
	Err string
}

// Requests returns all requests in the order in which they were answered.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// ForgetRequests empties the log, and thereby sets all counts to zero.
func (s *Server) ForgetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

// Calls counts the requests for an operation, the failed ones included. Empty: all operations.
func (s *Server) Calls(operation string) int { return s.CallsFor(operation, "") }

// CallsFor is Calls for the secret of that name.
func (s *Server) CallsFor(operation, secret string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := 0
	for _, r := range s.log {
		if (operation == "" || r.Operation == operation) && (secret == "" || r.Secret == secret) {
			calls++
		}
	}
	return calls
}

func (s *Server) record(r Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, r)
}
