package mysql

import (
	"crypto/tls"
	"slices"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/rekeyhq/rekey/source"
)

// TestWarnings: where anybody could be the server, and for methods that give the password away, there is a warning.
func TestWarnings(t *testing.T) {
	for name, config := range map[string]*tls.Config{"verifies": {ServerName: "db"}, "does-not": {InsecureSkipVerify: true}} {
		if err := mysql.RegisterTLSConfig(name, config); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { mysql.DeregisterTLSConfig(name) })
	}
	for dsn, want := range map[string][]string{
		"tcp(db)/":                 {"tls"},
		"tcp(db)/?tls=false":       {"tls"},
		"tcp(db)/?tls=skip-verify": {"tls"},
		"tcp(db)/?tls=preferred":   {"tls"},
		"tcp(db)/?tls=does-not":    {"tls"},
		"tcp(db)/?tls=true&allowFallbackToPlaintext=true": {"tls"},
		"tcp(db)/?tls=true":                              nil,
		"tcp(db)/?tls=verifies":                          nil,
		"unix(/run/db.sock)/":                            nil,
		"tcp(db)/?allowCleartextPasswords=true":          {"tls", "allowCleartextPasswords"},
		"tcp(db)/?tls=true&allowCleartextPasswords=true": nil,
		"tcp(db)/?tls=true&allowOldPasswords=true":       {"allowOldPasswords"},
	} {
		config, err := mysql.ParseDSN(dsn)
		if err != nil {
			t.Fatal(err)
		}
		if got := fieldsOf(config); !slices.Equal(got, want) {
			t.Errorf("%s: warned of %q", dsn, got)
		}
	}
	byHand := mysql.NewConfig()
	byHand.Net, byHand.Addr, byHand.TLSConfig = "tcp", "db:3306", "true"
	if got := fieldsOf(byHand); got != nil {
		t.Errorf("warned of %q", got)
	}
}

func fieldsOf(config *mysql.Config) (fields []string) {
	for _, w := range New(config).Warnings {
		fields = append(fields, w.Field)
	}
	return fields
}

// TestNotFromSocket: an endpoint on the network is not followed from a socket of this machine.
func TestNotFromSocket(t *testing.T) {
	config, err := mysql.ParseDSN("unix(/run/db.sock)/")
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(config).Connector(source.Credential{Username: "u", Host: "elsewhere"})
	if !source.IsPermanent(err) {
		t.Errorf("%v", err)
	}
}
