package libpq

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/lib/pq"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/trust"
)

// warnings says that the server is not asked to prove who it is.
func warnings(config pq.Config) []rekey.WarningEvent {
	if !weak(config) {
		return nil
	}
	return []rekey.WarningEvent{{Field: "sslmode", Message: "permits a server that is not verified, and lib/pq gives a server " +
		"the password in whatever way it asks for it, in clear, too: use sslmode=verify-full"}}
}

// weak reports whether config accepts a server that has not proved who it is. Of a TLS configuration that was registered under a
// name of its own nothing is known.
func weak(config pq.Config) bool {
	hosts := []string{config.Host}
	for _, m := range config.Multi {
		hosts = append(hosts, m.Host)
	}
	if !slices.ContainsFunc(hosts, func(host string) bool { return !trust.Socket(host) }) {
		return false
	}
	switch config.SSLMode {
	case pq.SSLModeDisable, pq.SSLModeAllow, pq.SSLModePrefer:
		return true
	case "", pq.SSLModeRequire:
		return !authority(config)
	}
	return false
}

// authority reports whether there is a certificate authority, with which lib/pq verifies though sslmode=require does not ask
// for it.
func authority(config pq.Config) bool {
	switch {
	case config.SSLInline:
		return config.SSLRootCert != ""
	case config.SSLRootCert != "":
		return exists(config.SSLRootCert)
	}
	home, err := os.UserHomeDir()
	return err == nil && exists(filepath.Join(home, ".postgresql", "root.crt"))
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
