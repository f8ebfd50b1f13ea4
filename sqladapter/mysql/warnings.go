package mysql

import (
	"crypto/tls"

	"github.com/go-sql-driver/mysql"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/trust"
)

// warnings says that the server is not asked to prove who it is, and which methods should then not be allowed, or never.
func warnings(config *mysql.Config) (all []rekey.WarningEvent) {
	weak := weak(config)
	warn := func(field, message string) { all = append(all, rekey.WarningEvent{Field: field, Message: message}) }
	if weak {
		warn("tls", "permits a server that is not verified: the password goes to whoever answers in its place and asks for it; "+
			"use tls=true, or a TLS configuration that verifies")
	}
	if config.AllowCleartextPasswords && weak {
		warn("allowCleartextPasswords", "lets a server that is not verified ask for the password in clear")
	}
	if config.AllowOldPasswords {
		warn("allowOldPasswords", "lets a server ask for the password in a form from which it can be computed")
	}
	return all
}

// weak reports whether config accepts a server that has not proved who it is.
func weak(config *mysql.Config) bool {
	if config.Net == "unix" {
		return false
	}
	return config.AllowFallbackToPlaintext || trust.Unproved(config.Addr, tlsOf(config))
}

// tlsOf returns the TLS configuration that the driver will use; nil: none.
func tlsOf(config *mysql.Config) *tls.Config {
	if config.TLS != nil || config.TLSConfig == "" {
		return config.TLS
	}
	named, err := mysql.ParseDSN("tcp(server)/?tls=" + config.TLSConfig) // it knows the names that were registered
	if err != nil {
		return nil
	}
	return named.TLS
}
