package file_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rekeyhq/rekey/source/file"
)

// A Vault agent renders JSON from its template:
//
//	{{ with secret "database/creds/app" }}
//	{{ .Data | toJSON }}
//	{{ end }}
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "rekey")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "db.json")
	if err := os.WriteFile(path, []byte(`{"username":"app","password":"hunter2"}`), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	src, err := file.Open(path, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close() // after the pools

	c, err := src.Fetch(context.Background())
	fmt.Println(c.Username, c.Password, err)
	// Output: app [redacted] <nil>
}
