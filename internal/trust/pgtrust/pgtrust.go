// Package pgtrust is package trust for pgx, which can be told how a server may ask for the password.
package pgtrust

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey/internal/trust"
)

// ScramOnly is the require_auth of servers that could be anyone: a password is never sent in clear to them.
const ScramOnly = "scram-sha-256"

// Warning is what to say of a configuration that Weak is true for, and where the caller has required nothing himself.
const (
	WarningField = "sslmode"
	Warning      = "permits a server that is not verified: passwords are sent by SCRAM only (require_auth=" +
		ScramOnly + "); use sslmode=verify-full"
)

// Weak reports whether config accepts a server that has not proved who it is.
func Weak(config *pgconn.Config) bool {
	if trust.Unproved(config.Host, config.TLSConfig) {
		return true
	}
	for _, f := range config.Fallbacks {
		if trust.Unproved(f.Host, f.TLSConfig) {
			return true
		}
	}
	return false
}

// Warns reports whether config is to be warned of: it is weak, and its owner has not said himself what he requires.
func Warns(config *pgconn.Config) bool { return config.RequireAuth == "" && Weak(config) }

// Require makes config ask for SCRAM where anybody could be the server. What its owner requires stays.
func Require(config *pgconn.Config) {
	if config.Password != "" && Warns(config) {
		config.RequireAuth = ScramOnly
	}
}

// NeedsScram reports whether a server asked for the password in a way that require_auth does not allow. pgx has no
// type for it.
func NeedsScram(err error) bool {
	return err != nil && strings.Contains(err.Error(), "require_auth check failed")
}

// Explain adds to an error that NeedsScram is true for what to do about it.
func Explain(err error) error {
	return fmt.Errorf("%w (sslmode permits a server that is not verified, so the pool asks for SCRAM: use "+
		"sslmode=verify-full, or name the methods to allow in require_auth)", err)
}
