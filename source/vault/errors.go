package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/rekeyhq/rekey/source"
)

// Error is a request that failed. Its text says what to do, and holds no secret.
type Error struct {
	Op      string // "read", "renew", "revoke", "log in", "renew token", "look up token", "revoke token"
	Path    string // of the API, below /v1/; empty where an auth method chooses it
	Address string // Vault's
	Status  int    // of HTTP; 0: there was no answer
	Err     error  // Vault's own words, or why there was no answer, or none of use
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "vault: %s", e.Op)
	if e.Path != "" {
		fmt.Fprintf(&b, " %s", e.Path)
	}
	fmt.Fprintf(&b, " at %s", e.Address)
	if e.Status != 0 && e.Status != http.StatusOK {
		fmt.Fprintf(&b, ": %d %s", e.Status, http.StatusText(e.Status))
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	if hint := e.hint(); hint != "" {
		fmt.Fprintf(&b, " (%s)", hint)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// hint says what an operator should look at.
func (e *Error) hint() string {
	switch {
	case e.Status == http.StatusForbidden && strings.HasPrefix(e.Op, "log in"):
		return "is the login allowed, and the auth method's role right?"
	case e.Status == http.StatusForbidden && (e.Op == "read" || e.Op == "look up token"):
		return "the token's policy must allow to read this path"
	case e.Status == http.StatusForbidden:
		return "the token's policy must allow to update this path"
	case e.Status == http.StatusNotFound:
		return "is the engine mounted there, and does the secret exist?"
	case e.Status == http.StatusServiceUnavailable:
		return "Vault is sealed, or has no active node"
	case e.Status == 0 && !errors.Is(e.Err, context.Canceled) && !errors.Is(e.Err, context.DeadlineExceeded):
		return "is VAULT_ADDR right, and Vault up?"
	default:
		return ""
	}
}

// permanent reports whether somebody must change something before trying again can help.
func (e *Error) permanent() bool {
	switch e.Status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return true
	default:
		return false
	}
}

// failure describes why a request failed. It returns a *Error, marked as permanent where it is.
func failure(op, path, address string, err error) error {
	e := &Error{Op: op, Path: path, Address: address, Err: err}
	var answer *api.ResponseError
	if errors.As(err, &answer) {
		e.Status = answer.StatusCode
		e.Err = wordsOf(answer)
	}
	if e.permanent() {
		return source.Permanent(e)
	}
	return e
}

// unusable describes an answer that nothing can be made of. It returns a *Error. Somebody must change something, unless it was
// not Vault that has answered.
func unusable(op, path, address string, err error) error {
	e := &Error{Op: op, Path: path, Address: address, Status: http.StatusOK, Err: err}
	if errors.Is(err, errNotVault) {
		return e
	}
	return source.Permanent(e)
}

// wordsOf returns what Vault says, in one line.
func wordsOf(answer *api.ResponseError) error {
	words := strings.Join(answer.Errors, "; ")
	words = strings.Join(strings.Fields(words), " ")
	if words == "" {
		words = "no reason given"
	}
	const most = 500 // a proxy in between may answer with a page
	if len(words) > most {
		words = words[:most] + "…"
	}
	return errors.New(words)
}

// statusOf returns the HTTP status that err carries, 0 if none.
func statusOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}
