package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

// agent plays the Vault agent: it writes a new file and renames it over the old one.
type agent struct{ file string }

func newAgent(t *testing.T) *agent {
	return &agent{file: filepath.Join(t.TempDir(), "db.json")}
}

func (a *agent) render(t *testing.T, login testenv.Login) {
	t.Helper()
	text, err := json.Marshal(map[string]string{"username": login.User, "password": login.Password})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, a.file+".next", string(text))
	if err := os.Rename(a.file+".next", a.file); err != nil {
		t.Fatal(err)
	}
}

// kubelet plays the kubelet: each version of a secret is a folder, and ..data is a link to the one of the moment.
type kubelet struct {
	dir      string
	versions int
}

func (k *kubelet) render(t *testing.T, login testenv.Login) {
	t.Helper()
	k.versions++
	version := fmt.Sprintf("..version_%d", k.versions)
	if err := os.Mkdir(filepath.Join(k.dir, version), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(k.dir, version, "username"), login.User)
	writeFile(t, filepath.Join(k.dir, version, "password"), login.Password)
	k.link(t, version, "..data")
	k.link(t, "..data/username", "username")
	k.link(t, "..data/password", "password")
}

// link makes a link under another name and renames it, which replaces an old one at once.
func (k *kubelet) link(t *testing.T, target, name string) {
	t.Helper()
	next := filepath.Join(k.dir, "..next")
	if err := os.Symlink(target, next); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(k.dir, name)); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o440); err != nil {
		t.Fatal(err)
	}
}

func issue(t *testing.T, issuer *testenv.Issuer) testenv.Login {
	t.Helper()
	login, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return login
}

// service is the program, in this process.
type service struct {
	url   string
	log   *logBuffer
	end   context.CancelFunc
	ended chan error
}

func startService(t *testing.T, issuer *testenv.Issuer, args ...string) *service {
	t.Helper()
	opts, err := parseOptions(append(args, "-database="+issuer.Database().DSN("", "")), func(string) string { return "" }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &service{url: "http://" + listener.Addr().String(), log: &logBuffer{}, end: cancel, ended: make(chan error, 1)}
	go func() { s.ended <- serve(ctx, opts, listener, slog.New(slog.NewTextHandler(s.log, nil))) }()
	t.Cleanup(cancel)
	return s
}

// get returns the status and the text of an answer.
func (s *service) get(path string) (int, string) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	response, err := client.Get(s.url + path)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, strings.TrimSpace(string(text))
}

// wants waits until path is answered with this status and text.
func (s *service) wants(t *testing.T, path string, status int, text string) {
	t.Helper()
	envtest.Eventually(t, 20*time.Second, func() bool {
		gotStatus, got := s.get(path)
		return gotStatus == status && got == text
	}, path, ": ", status, " ", text)
}

// stop ends it, as SIGTERM does, and waits for that.
func (s *service) stop(t *testing.T) {
	t.Helper()
	s.end()
	select {
	case err := <-s.ended:
		if err != nil {
			t.Errorf("it ended with %v; log:\n%s", err, s.log)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("it does not end; log:\n%s", s.log)
	}
}

// quiet checks that no session is left, and no password was logged.
func (s *service) quiet(t *testing.T, issuer *testenv.Issuer, logins ...testenv.Login) {
	t.Helper()
	envtest.Eventually(t, 10*time.Second, func() bool {
		n, err := issuer.AllSessions(t.Context())
		return err == nil && n == 0
	}, "no sessions are left")
	for _, login := range logins {
		if strings.Contains(s.log.String(), login.Password) {
			t.Errorf("the password of %v is in the log", login)
		}
	}
}

// A login that is not there yet, its arrival, a rotation, and the end.
func TestFiles(t *testing.T) {
	agent := newAgent(t)
	kubelet := &kubelet{dir: t.TempDir()}
	for name, test := range map[string]struct {
		args   []string
		render func(*testing.T, testenv.Login)
	}{
		"file": {[]string{"-source=file", "-path=" + agent.file, "-sighup", "-lease-duration=1h"}, agent.render},
		"dir":  {[]string{"-source=dir", "-path=" + kubelet.dir}, kubelet.render},
	} {
		t.Run(name, func(t *testing.T) {
			envtest.NoLeak(t)
			issuer := envtest.Issuer(t)
			s := startService(t, issuer, test.args...)
			s.wants(t, "/healthz", http.StatusOK, "ok")
			s.wants(t, "/readyz", http.StatusServiceUnavailable, "starting")

			first, second := issue(t, issuer), issue(t, issuer)
			test.render(t, first)
			s.wants(t, "/readyz", http.StatusOK, "serving")
			s.wants(t, "/", http.StatusOK, first.User)

			test.render(t, second)
			s.wants(t, "/", http.StatusOK, second.User)
			envtest.Eventually(t, 10*time.Second, func() bool {
				n, err := issuer.Sessions(t.Context(), first)
				return err == nil && n == 0
			}, "no session of the first login is left")
			if err := issuer.Revoke(t.Context(), first); err != nil {
				t.Error(err)
			}
			s.wants(t, "/", http.StatusOK, second.User)
			s.stop(t)
			s.quiet(t, issuer, first, second)
		})
	}
}

// While Kubernetes takes the pod out of the service, requests are answered, and the probe says that no more should come.
func TestDrain(t *testing.T) {
	envtest.NoLeak(t)
	issuer := envtest.Issuer(t)
	agent := newAgent(t)
	login := issue(t, issuer)
	agent.render(t, login)
	s := startService(t, issuer, "-source=file", "-path="+agent.file, "-drain=2s")
	s.wants(t, "/", http.StatusOK, login.User)
	s.end()
	s.wants(t, "/readyz", http.StatusServiceUnavailable, "leaving")
	s.wants(t, "/", http.StatusOK, login.User)
	s.stop(t)
	s.quiet(t, issuer, login)
}
