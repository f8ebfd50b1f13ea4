package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// vaultProgram is a program that serves Vault's API.
type vaultProgram struct {
	path      string
	installed bool // HashiCorp's own program, not the one that is built here
}

// String says what can be done about a program that fails.
func (p vaultProgram) String() string {
	if p.installed {
		return p.path + ", because it is on PATH; without it there the test server is built"
	}
	return p.path
}

// VaultProgram returns the program that [StartVault] starts: vault on PATH, else the one made from the module
// internal/testenv/vaultserver. That is built when it has not been yet, which takes about six minutes and is said on
// standard error; it is kept in the user's cache folder until the module or the version of Go changes.
func VaultProgram(ctx context.Context) (path string, err error) {
	program, err := findVault(ctx)
	return program.path, err
}

func findVault(ctx context.Context) (vaultProgram, error) {
	if path, err := exec.LookPath("vault"); err == nil {
		return vaultProgram{path: path, installed: true}, nil
	}
	path, err := builtVault(ctx)
	return vaultProgram{path: path}, err
}

// args says how to serve v, and writes the configuration where there is one.
func (p vaultProgram) args(v *Vault) ([]string, error) {
	if !p.installed {
		return []string{"-listen", v.hostPort(), "-storage", v.storage()}, nil
	}
	config := filepath.Join(v.dir, "vault.hcl")
	return []string{"server", "-config", config}, os.WriteFile(config, []byte(vaultConfig(v)), 0o600)
}

// ready is what the program says once it serves.
func (p vaultProgram) ready() string {
	if p.installed {
		return "Vault server started!"
	}
	return "serving: address="
}

// vaultConfig makes "vault server" what our own program is. Containers often may not lock memory.
func vaultConfig(v *Vault) string {
	return fmt.Sprintf(`
storage "file" {
  path = %q
}
listener "tcp" {
  address     = %q
  tls_disable = true
}
api_addr      = %q
disable_mlock = true
`, v.storage(), v.hostPort(), v.Addr())
}
