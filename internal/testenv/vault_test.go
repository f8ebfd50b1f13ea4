package testenv_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

// status is the HTTP status of an error of Vault's, or 0.
func status(err error) int {
	var answer *api.ResponseError
	if errors.As(err, &answer) {
		return answer.StatusCode
	}
	return 0
}

func TestVaultIsReady(t *testing.T) {
	t.Parallel()
	vault := envtest.Vault(t)
	health, err := vault.Client().Sys().HealthWithContext(t.Context())
	if err != nil || !health.Initialized || health.Sealed || health.Standby {
		t.Fatalf("health %+v, err %v", health, err)
	}
	if !strings.HasPrefix(vault.Addr(), "http://127.0.0.1:") {
		t.Errorf("address %q", vault.Addr())
	}
	if said, err := vault.Log(); err != nil || said == "" {
		t.Errorf("the log says %q, err %v", said, err)
	}
}

func TestVaultClientsAreTheTestsOwn(t *testing.T) {
	t.Setenv("VAULT_ADDR", "http://127.0.0.1:1")
	t.Setenv("VAULT_TOKEN", "of-another-server")
	t.Setenv("VAULT_NAMESPACE", "of-another-server")
	vault := envtest.Vault(t)
	first := vault.Client()
	first.SetToken("wrong")
	if _, err := vault.Client().Auth().Token().LookupSelfWithContext(t.Context()); err != nil {
		t.Errorf("the second client: %v", err)
	}
	if _, err := first.Auth().Token().LookupSelfWithContext(t.Context()); status(err) != http.StatusForbidden {
		t.Errorf("the first client with a wrong token: %v, want 403", err)
	}
}

func TestVaultPrintsNoSecret(t *testing.T) {
	t.Parallel()
	vault := envtest.Vault(t)
	role, err := vault.AppRole(t.Context(), testenv.VaultTokenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	user, err := vault.Userpass(t.Context(), testenv.VaultTokenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprintf("%v %+v %#v %v %+v %#v %v %+v %#v", vault, vault, vault, role, role, role, user, user, user)
	for _, secret := range []string{vault.RootToken(), role.SecretID, user.Password} {
		if secret == "" || strings.Contains(said, secret) {
			t.Errorf("a secret is empty or in %q", said)
		}
	}
}

func TestVaultSealsAndUnseals(t *testing.T) {
	t.Parallel()
	vault := envtest.OwnVault(t)
	kv := put(t, vault, 1)
	if err := vault.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.Client().Logical().ReadWithContext(t.Context(), kv+"/app"); status(err) != http.StatusServiceUnavailable {
		t.Errorf("sealed: %v, want 503", err)
	}
	if err := vault.Unseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantKept(t, vault, kv)
}

func TestVaultKeepsItsDataWhenKilled(t *testing.T) {
	t.Parallel()
	vault := envtest.OwnVault(t)
	addr, kv, client := vault.Addr(), put(t, vault, 1), vault.Client()
	if err := vault.Start(t.Context()); err == nil {
		t.Error("a running server was started")
	}
	for range 2 { // the second time there is nothing to kill
		vault.Kill()
	}
	if _, err := client.Sys().HealthWithContext(t.Context()); err == nil {
		t.Error("a killed server answers")
	}
	if err := vault.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if vault.Addr() != addr {
		t.Errorf("%s became %s", addr, vault.Addr())
	}
	wantKept(t, vault, kv)
	if _, err := client.Logical().ReadWithContext(t.Context(), kv+"/app"); err != nil {
		t.Errorf("the client of before: %v", err)
	}
}

func TestVaultPauses(t *testing.T) {
	t.Parallel()
	vault := envtest.OwnVault(t)
	client := vault.Client()
	if err := vault.Pause(); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := client.Sys().HealthWithContext(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("paused: %v, want the deadline", err)
	}
	if err := vault.Resume(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Sys().HealthWithContext(t.Context()); err != nil {
		t.Errorf("resumed: %v", err)
	}
}

func TestVaultStopLeavesNothing(t *testing.T) {
	envtest.NoLeak(t)
	for _, end := range []string{"running", "paused", "killed", "sealed"} {
		t.Run(end, func(t *testing.T) {
			vault := startVault(t)
			switch end {
			case "paused":
				vault.Pause()
			case "killed":
				vault.Kill()
			case "sealed":
				vault.Seal(t.Context())
			}
			for range 2 {
				if err := vault.Stop(); err != nil {
					t.Fatal(err)
				}
			}
			wantGone(t, vault)
		})
	}
}

// startVault starts a server that the test stops itself.
func startVault(t *testing.T) *testenv.Vault {
	t.Helper()
	vault, err := testenv.StartVault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { vault.Stop() })
	return vault
}

func wantGone(t *testing.T, vault *testenv.Vault) {
	t.Helper()
	if _, err := os.Stat(filepath.Dir(vault.LogFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	if answers(strings.TrimPrefix(vault.Addr(), "http://")) {
		t.Error("the server still answers")
	}
	if err := vault.Start(t.Context()); err == nil {
		t.Error("a stopped server was started")
	}
}

func TestVaultEndsInOrder(t *testing.T) {
	t.Parallel()
	vault := startVault(t)
	ended, err := testenv.TerminateVault(vault, 10*time.Second)
	said, logErr := vault.Log()
	if !ended || err != nil || logErr != nil {
		t.Fatalf("ended %v after SIGTERM, err %v %v: %s", ended, err, logErr, said)
	}
}

func TestStartVaultHonoursContext(t *testing.T) {
	t.Parallel()
	if _, err := testenv.VaultProgram(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	vault, err := testenv.StartVault(ctx)
	if err == nil {
		vault.Stop()
		t.Fatal("started under a cancelled context")
	}
}

// put stores something in a new kv mount.
func put(t *testing.T, vault *testenv.Vault, version int) (mount string) {
	t.Helper()
	mount, err := vault.MountKV(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	secret := map[string]any{"username": "app", "password": "kept"}
	if version == 1 {
		err = vault.Client().KVv1(mount).Put(t.Context(), "app", secret)
	} else {
		_, err = vault.Client().KVv2(mount).Put(t.Context(), "app", secret)
	}
	if err != nil {
		t.Fatal(err)
	}
	return mount
}

func wantKept(t *testing.T, vault *testenv.Vault, mount string) {
	t.Helper()
	secret, err := vault.Client().KVv1(mount).Get(t.Context(), "app")
	if err != nil || secret.Data["password"] != "kept" {
		t.Fatalf("the secret is %v, err %v", secret, err)
	}
}
