// Package trust says which servers could be anybody. Pools warn of them, and send them no password that they can read, where the
// driver lets itself be told.
package trust

import (
	"crypto/tls"
	"fmt"
	"strings"
)

// Socket reports whether host is the path, or the abstract name, of a socket of this machine.
func Socket(host string) bool { return strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") }

// Unproved reports whether a server at host need not prove who it is to a client with config, which is nil without TLS.
func Unproved(host string, config *tls.Config) bool {
	if Socket(host) {
		return false
	}
	return config == nil || config.InsecureSkipVerify && config.VerifyPeerCertificate == nil && config.VerifyConnection == nil
}

// NotFromSocket is why a credential's endpoint is not followed by a pool that is configured for a socket of this machine.
func NotFromSocket(host string, port uint16, database string) error {
	return fmt.Errorf("endpoint %s:%d/%s cannot be followed from a socket: the connection string says "+
		"nothing of the TLS that the network needs", host, port, database)
}
