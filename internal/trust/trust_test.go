package trust

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
)

func TestUnproved(t *testing.T) {
	for name, tt := range map[string]struct {
		host   string
		config *tls.Config
		want   bool
	}{
		"no TLS":     {"db", nil, true},
		"socket":     {"/run/db", nil, false},
		"verified":   {"db", &tls.Config{ServerName: "db"}, false},
		"unverified": {"db", &tls.Config{InsecureSkipVerify: true}, true},
		"by the peer's certificate": {"db", &tls.Config{InsecureSkipVerify: true,
			VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error { return nil }}, false},
		"by the connection": {"db", &tls.Config{InsecureSkipVerify: true,
			VerifyConnection: func(tls.ConnectionState) error { return nil }}, false},
	} {
		if got := Unproved(tt.host, tt.config); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
