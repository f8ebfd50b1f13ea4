package vault_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/rekeyhq/rekey/source/vault"
)

// fake answers requests without a network, so that faults and times can be scripted. What Vault itself does is tested on
// a real one.
type fake struct {
	mu      sync.Mutex
	answers map[string]func(request) answer // by "METHOD path"
	asked   []request
	cutOff  []string // those whose context ended
}

type request struct {
	method, path, token string
	body                map[string]any
	at                  time.Time
}

func (r request) String() string { return r.method + " " + r.path }

type answer struct {
	status int
	header http.Header
	body   any // nil: none
	err    error
	after  time.Duration // how long it takes
}

func newFake() *fake { return &fake{answers: map[string]func(request) answer{}} }

// on sets what is answered.
func (f *fake) on(what string, a func(request) answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[what] = a
}

func always(a answer) func(request) answer { return func(request) answer { return a } }

// count returns how often something was asked.
func (f *fake) count(what string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.asked {
		if r.String() == what {
			n++
		}
	}
	return n
}

// last returns the last request of a kind.
func (f *fake) last(what string) (last request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.asked {
		if r.String() == what {
			last = r
		}
	}
	return last
}

// wasCutOff reports whether the context of a request has ended before its answer came.
func (f *fake) wasCutOff(what string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.cutOff, what)
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := request{method: r.Method, path: r.URL.Path[len("/v1/"):], token: r.Header.Get("X-Vault-Token"), at: time.Now()}
	if r.Body != nil {
		json.NewDecoder(r.Body).Decode(&in.body)
		r.Body.Close()
	}
	f.mu.Lock()
	f.asked = append(f.asked, in)
	reply := f.answers[in.String()]
	f.mu.Unlock()
	if reply == nil {
		reply = always(answer{status: 404, body: refusal()})
	}
	a := reply(in)
	if a.after > 0 {
		select {
		case <-r.Context().Done():
			f.mu.Lock()
			defer f.mu.Unlock()
			f.cutOff = append(f.cutOff, in.String())
			return nil, r.Context().Err()
		case <-time.After(a.after):
		}
	}
	if a.err != nil {
		return nil, a.err
	}
	var body []byte
	if a.body != nil {
		body, _ = json.Marshal(a.body)
	}
	if a.header == nil {
		a.header = http.Header{}
	}
	return &http.Response{
		StatusCode: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(body)), Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

// client returns one that asks f.
func (f *fake) client(t testing.TB) *api.Client {
	t.Helper()
	config := api.DefaultConfig()
	config.Address = "http://vault.test:8200"
	config.HttpClient = &http.Client{Transport: f}
	client, err := api.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	client.SetToken("")
	return client
}

// refusal is how Vault words errors.
func refusal(words ...string) any { return map[string]any{"errors": append([]string{}, words...)} }

func denied(request) answer { return answer{status: 403, body: refusal("permission denied")} }

var errNetwork = errors.New("connect: connection refused")

// logsIn makes f give a new token, numbered from 1, at each login. They live as long as told.
func (f *fake) logsIn(life time.Duration, renewable bool) api.AuthMethod {
	n := 0
	f.on("PUT auth/test/login", func(request) answer {
		n++
		return answer{status: 200, body: map[string]any{"auth": map[string]any{
			"client_token": fmt.Sprintf("hvs.planted-token-%d", n), "lease_duration": int(life / time.Second), "renewable": renewable,
		}}}
	})
	return testAuth{}
}

// leases makes f give a new lease, numbered from 1, at each read of database/creds/app.
func (f *fake) leases(life time.Duration) { f.slowLeases(life, 0) }

// slowLeases takes its time for it.
func (f *fake) slowLeases(life, after time.Duration) {
	var made atomic.Int32
	f.on("GET database/creds/app", func(request) answer {
		n := made.Add(1)
		return answer{after: after, status: 200, body: map[string]any{
			"lease_id": fmt.Sprintf("database/creds/app/%d", n), "lease_duration": int(life / time.Second), "renewable": true,
			"data": map[string]any{"username": fmt.Sprintf("v-app-%d", n), "password": fmt.Sprintf("planted-password-%d", n)},
		}}
	})
}

// renews makes f answer renewals.
func (f *fake) renews(what string, grant func() time.Duration) {
	f.on(what, func(request) answer {
		seconds := int(grant() / time.Second)
		return answer{status: 200, body: map[string]any{
			"lease_duration": seconds, "auth": map[string]any{"client_token": "same", "lease_duration": seconds, "renewable": true},
		}}
	})
}

func newLogin(t testing.TB, f *fake, auth api.AuthMethod, opts *vault.LoginOptions) *vault.Login {
	t.Helper()
	login, err := vault.NewLogin(f.client(t), auth, opts)
	if err != nil {
		t.Fatal(err)
	}
	return login
}

func dynamic(t testing.TB, login *vault.Login, opts *vault.DynamicOptions) *vault.Dynamic {
	t.Helper()
	src, err := login.Dynamic("database", "app", opts)
	if err != nil {
		t.Fatal(err)
	}
	return src
}
