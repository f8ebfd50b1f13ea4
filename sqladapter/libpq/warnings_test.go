package libpq

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lib/pq"

	"github.com/rekeyhq/rekey/source"
)

// TestWarnings: where anybody could be the server, there is a warning.
func TestWarnings(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, []byte("-"), 0o600); err != nil {
		t.Fatal(err)
	}
	warned := func(dsn string) bool {
		t.Helper()
		config, err := pq.NewConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		return len(New(config).Warnings) == 1
	}
	for dsn, want := range map[string]bool{
		"host=db sslmode=disable":                       true,
		"host=db sslmode=allow":                         true,
		"host=db sslmode=prefer sslrootcert=" + ca:      true,
		"host=db sslmode=require":                       true,
		"host=db":                                       true,
		"host=db sslmode=require sslrootcert=" + ca:     false,
		"host=db sslmode=verify-ca sslrootcert=" + ca:   false,
		"host=db sslmode=verify-full sslrootcert=" + ca: false,
		"host=/run/postgresql":                          false,
		"host=/run/postgresql,db":                       true,
	} {
		if got := warned(dsn); got != want {
			t.Errorf("%s: warned is %v", dsn, got)
		}
	}
	if err := os.Mkdir(filepath.Join(home, ".postgresql"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".postgresql", "root.crt"), []byte("-"), 0o600); err != nil {
		t.Fatal(err)
	}
	if warned("host=db sslmode=require") {
		t.Error("warned, though lib/pq verifies by the authority that it finds")
	}
}

// TestNotFromSocket: an endpoint on the network is not followed from a socket of this machine.
func TestNotFromSocket(t *testing.T) {
	config, err := pq.NewConfig("host=/run/postgresql")
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(config).Connector(source.Credential{Username: "u", Host: "elsewhere"})
	if !source.IsPermanent(err) {
		t.Errorf("%v", err)
	}
}
