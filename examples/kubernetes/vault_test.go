package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

// lease is how long logins live, in seconds.
const lease = 6

// fakeVault answers what this program asks of Vault, with logins that work. What Vault itself does is tested where the
// source is.
type fakeVault struct {
	issuer *testenv.Issuer

	mu     sync.Mutex
	asked  []string
	logins map[string]testenv.Login // by lease ID
}

// startVault starts one, and has the environment name it.
func startVault(t *testing.T, issuer *testenv.Issuer) *fakeVault {
	t.Helper()
	v := &fakeVault{issuer: issuer, logins: map[string]testenv.Login{}}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /v1/auth/kubernetes/login", v.logIn)
	mux.HandleFunc("GET /v1/database/creds/app", v.creds)
	mux.HandleFunc("PUT /v1/sys/leases/revoke", v.revoke)
	mux.HandleFunc("PUT /v1/auth/token/revoke-self", v.revokeToken)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Setenv("VAULT_ADDR", server.URL)
	return v
}

func (v *fakeVault) note(what string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked = append(v.asked, what)
}

func (v *fakeVault) answer(w http.ResponseWriter, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body)
}

func (v *fakeVault) logIn(w http.ResponseWriter, r *http.Request) {
	var body struct{ Role, JWT string }
	if json.NewDecoder(r.Body).Decode(&body) != nil || body.Role != "app" || body.JWT != "a pod's token" {
		http.Error(w, `{"errors":["permission denied"]}`, http.StatusForbidden)
		return
	}
	v.note("log in")
	v.answer(w, map[string]any{"auth": map[string]any{"client_token": "hvs.token", "lease_duration": 3600, "renewable": true}})
}

func (v *fakeVault) creds(w http.ResponseWriter, r *http.Request) {
	login, err := v.issuer.Issue(r.Context())
	if err != nil {
		http.Error(w, `{"errors":["no login"]}`, http.StatusInternalServerError)
		return
	}
	v.mu.Lock()
	id := fmt.Sprintf("database/creds/app/%d", len(v.logins)+1)
	v.logins[id] = login
	v.mu.Unlock()
	v.note("creds")
	v.answer(w, map[string]any{"lease_id": id, "lease_duration": lease, "renewable": true,
		"data": map[string]string{"username": login.User, "password": login.Password}})
}

func (v *fakeVault) revoke(w http.ResponseWriter, r *http.Request) {
	var body struct {
		ID string `json:"lease_id"`
	}
	json.NewDecoder(r.Body).Decode(&body)
	v.mu.Lock()
	login := v.logins[body.ID]
	v.mu.Unlock()
	if err := v.issuer.Revoke(r.Context(), login); err != nil {
		http.Error(w, `{"errors":["not revoked"]}`, http.StatusInternalServerError)
		return
	}
	v.note("revoke " + body.ID)
	w.WriteHeader(http.StatusNoContent)
}

func (v *fakeVault) revokeToken(w http.ResponseWriter, _ *http.Request) {
	v.note("revoke token")
	w.WriteHeader(http.StatusNoContent)
}

// A login in process is replaced in time, and everything is given back at the end, the token last.
func TestVault(t *testing.T) {
	envtest.NoLeak(t)
	issuer := envtest.Issuer(t)
	v := startVault(t, issuer)
	token := filepath.Join(t.TempDir(), "token")
	writeFile(t, token, "a pod's token")
	s := startService(t, issuer, "-source=vault", "-vault-role=app", "-vault-token="+token, "-database-role=app")
	s.wants(t, "/readyz", http.StatusOK, "serving")
	_, first := s.get("/")
	envtest.Eventually(t, 2*lease*time.Second, func() bool {
		status, user := s.get("/")
		return status == http.StatusOK && user != first
	}, "another login")
	s.stop(t)

	v.mu.Lock()
	defer v.mu.Unlock()
	if last := v.asked[len(v.asked)-1]; last != "revoke token" {
		t.Errorf("Vault was asked last to %q", last)
	}
	for id := range v.logins {
		if !slices.Contains(v.asked, "revoke "+id) {
			t.Errorf("%s was not revoked; Vault was asked for %q", id, v.asked)
		}
	}
	for _, login := range v.logins {
		s.quiet(t, issuer, login)
	}
}
