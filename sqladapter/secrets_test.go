package sqladapter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
)

// planted is a password that must appear nowhere. What masks passwords may stop at a special character, so both ends are
// looked for.
const (
	plantedHead = "Pl4ntedHead"
	plantedTail = "pl4ntedtail"
	planted     = plantedHead + ` /@:?#%&=+'"\<>{}` + plantedTail
)

// page is a log that can be read while it is written.
type page struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all.String()
}

// TestSecrets: no form of a DB, its status, its events, its log and its errors shows a password, nor does anything that can be
// had from its errors: neither that of a login in use, or refused while in use, nor that of one which was never adopted.
func TestSecrets(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		log := &page{}
		r := newRig(t, k, func(c *sqladapter.Config) {
			c.Logger = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		bad := credential(r.login)
		bad.Version, bad.Password = "other", source.NewSecret(planted)
		r.source.Rotate(bad)
		envtest.Eventually(t, patience, func() bool { return r.db.Status().LastError != "" }, "refused")
		first := r.login
		changed, err := r.issuer.AlterPassword(t.Context(), r.login)
		must(t, err)
		var errs []error
		envtest.Eventually(t, patience, func() bool {
			errs = append(errs, r.refusals(t)...)
			return len(loadtest.Find[rekey.LoginRefusedEvent](r.diary)) > 0
		}, "the login in use is refused")
		r.source.Rotate(credential(changed))
		envtest.Eventually(t, patience, func() bool { return r.db.Ping() == nil }, "it works again")

		events := loadtest.Find[rekey.Event](r.diary)
		if len(events) < 4 || len(errs) == 0 {
			t.Fatalf("%d events, %d errors: there is nothing to look at", len(events), len(errs))
		}
		status, err := json.Marshal(r.db.Status())
		must(t, err)
		shown := fmt.Sprintf("%v %+v %#v %s %q %+v %s %v %+v", r.db, r.db, r.db, r.db, r.db, *r.db, status, r.diary, log)
		for _, e := range errs {
			shown += fmt.Sprintf("\n%v %+v %#v", e, e, e)
		}
		for _, e := range events {
			shown += fmt.Sprintf("\n%v %+v %#v", e, e, e)
		}
		for _, secret := range []string{first.Password, changed.Password, planted, plantedHead, plantedTail} {
			if strings.Contains(shown, secret) || strings.Contains(shown, fmt.Sprintf("%x", secret)) {
				t.Errorf("a password is shown in %s", shown)
			}
			for _, e := range errs {
				if sqladapter.Holds(e, secret) {
					t.Errorf("a password can be had from %v", e)
				}
			}
			for _, e := range loadtest.Find[rekey.RefusedEvent](r.diary) {
				if sqladapter.Holds(e.Err, secret) {
					t.Errorf("a password can be had from %v", e)
				}
			}
		}
	})
}

// refusals takes what connections there are and returns the errors of who wants another one.
func (r *rig) refusals(t *testing.T) (errs []error) {
	for range poolSize + 1 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		conn, err := r.db.Conn(ctx)
		cancel()
		if err != nil {
			return append(errs, err)
		}
		defer conn.Close()
	}
	return []error{errors.New("there were connections for all")}
}
