package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/rekeyhq/rekey/internal/testenv"
)

// agent plays the Vault agent: it renders the login of the moment into a file.
type agent struct{ dir string }

func newAgent() (*agent, error) {
	dir, err := os.MkdirTemp("", "rekey-quickstart-")
	return &agent{dir: dir}, err
}

// file is where the login is found.
func (a *agent) file() string { return filepath.Join(a.dir, "db.json") }

// render writes a new file and renames it over the old one: a reader sees the one or the other, never half.
func (a *agent) render(_ context.Context, login testenv.Login) error {
	next, err := os.CreateTemp(a.dir, "next-") // only we may read it
	if err != nil {
		return err
	}
	err = json.NewEncoder(next).Encode(map[string]string{"username": login.User, "password": login.Password})
	if err := errors.Join(err, next.Close()); err != nil {
		return err
	}
	return os.Rename(next.Name(), a.file())
}

func (a *agent) remove() { os.RemoveAll(a.dir) }
