package otelrekey_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/otelrekey/conntrace"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/sourcetest"
)

const patience = 20 * time.Second

// story is a pool on a real server to which everything happens that is told of.
type story struct {
	*rig
	t      *testing.T
	issuer *testenv.Issuer
	fake   *sourcetest.Fake
	pool   *managedpool.Pool
	points []point // of every reading

	passwords []string
	versions  int
}

func newStory(t *testing.T) *story {
	t.Helper()
	s := &story{rig: newRig(t), t: t, issuer: envtest.Issuer(t)}
	s.fake = sourcetest.New(s.credential(s.issue(), time.Hour),
		sourcetest.Renews, sourcetest.Notifies, sourcetest.NamesAlternates, sourcetest.Retires)
	connections, err := conntrace.New(s.Telemetry, &conntrace.Options{Every: 1})
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgxpool.ParseConfig(s.issuer.DSN(testenv.Login{User: "nobody"}))
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.Tracer = connections
	s.pool, err = managedpool.NewWithConfig(context.Background(), config, s.fake.Source(), &managedpool.Options{
		OnEvent: s.OnEvent, PollInterval: 100 * time.Millisecond, BreakerFailures: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.pool.Close)
	if err := s.Observe(s.pool); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *story) issue() testenv.Login {
	s.t.Helper()
	login, err := s.issuer.Issue(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	s.passwords = append(s.passwords, login.Password)
	return login
}

// credential makes one that lives for life, or without an end.
func (s *story) credential(login testenv.Login, life time.Duration) source.Credential {
	s.versions++
	c := source.Credential{
		Username: login.User, Password: source.NewSecret(login.Password), Version: fmt.Sprintf("v%d", s.versions),
		IssuedAt: time.Now(),
	}
	if life > 0 {
		c.ExpiresAt = time.Now().Add(life)
	}
	return c
}

// look reads the metrics.
func (s *story) look() { s.points = append(s.points, s.read(s.t)...) }

func (s *story) until(what string, cond func(rekey.Status) bool) {
	s.t.Helper()
	envtest.Eventually(s.t, patience, func() bool { return cond(s.pool.Status()) }, what)
}

func (s *story) use() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := s.pool.Exec(ctx, "select 1"); err != nil {
		s.t.Errorf("select: %v", err)
	}
}

// TestStory lets a credential be rotated, renewed, refused, confirmed and given up, and compares all that is told with
// the tables in docs/observability.md.
func TestStory(t *testing.T) {
	s := newStory(t)
	s.use()
	s.look()
	s.rotation()
	s.renewal()
	s.rejection()
	s.outage()
	s.alternate()
	s.rest()
	s.look()

	checkMetrics(t, s.points, false)
	s.checkCounts()
	s.checkSpans()
	s.checkOutcomes()
	s.checkLinks()
	s.checkSecrets()
}

func (s *story) rotation() {
	s.fake.Rotate(s.credential(s.issue(), time.Hour))
	s.until("the pool has moved to another login", func(st rekey.Status) bool { return st.Generation == 2 && len(st.Draining) == 0 })
	s.use()
}

// renewal: the store gives nothing, and extends the lease.
func (s *story) renewal() {
	s.fake.RenewFor(3 * time.Hour)
	s.fake.FailNext(1, errors.New("store is out"))
	if err := s.pool.Refresh(context.Background()); err == nil {
		s.t.Error("refreshed without a store")
	}
	s.look()
}

// rejection: a login that the server refuses.
func (s *story) rejection() {
	login := s.issue()
	login.Password += "wrong"
	good := s.credential(s.issue(), 0)
	s.fake.Rotate(s.credential(login, time.Hour))
	s.until("a login is not adopted", func(st rekey.Status) bool { return st.Failures > 0 })
	s.fake.Rotate(good)
	s.until("the next one is", func(st rekey.Status) bool { return st.Version == good.Version && len(st.Draining) == 0 })
}

func (s *story) outage() {
	s.fake.FailNext(-1, source.Permanent(errors.New("no such path")))
	s.until("the breaker opens", func(st rekey.Status) bool { return st.Breaker == rekey.BreakerOpen })
	s.look()
	s.fake.FailNext(0, nil)
}

// alternate: the password is changed in the database, and the store does not know yet.
func (s *story) alternate() {
	login := s.issue()
	old := s.credential(login, 0)
	s.fake.Rotate(old)
	s.until("the pool uses it", func(st rekey.Status) bool { return st.Version == old.Version && len(st.Draining) == 0 })
	changed, err := s.issuer.AlterPassword(context.Background(), login)
	if err != nil {
		s.t.Fatal(err)
	}
	s.passwords = append(s.passwords, changed.Password)
	next := s.credential(changed, 0)
	s.fake.SetAlternates(next)
	s.pool.Reset()
	s.use()
	s.until("an alternate is in use", func(st rekey.Status) bool { return st.Version == next.Version && st.Alternate })
	s.fake.Rotate(next)
	s.until("it is confirmed", func(st rekey.Status) bool { return !st.Alternate })
}

// rest: the events that would take too long, or too much.
func (s *story) rest() {
	s.fake.FailNextRetire(-1, errors.New("store is out"))
	s.fake.Rotate(s.credential(s.issue(), 0))
	s.until("the pool has moved on", func(st rekey.Status) bool {
		return st.Version == fmt.Sprintf("v%d", s.versions) && len(st.Draining) == 0
	})
	for _, e := range []rekey.Event{
		rekey.ExpiredEvent{Generation: 1}, rekey.WarningEvent{Field: "sslmode"},
		rekey.LoginRefusedEvent{SQLState: "XX000"}, rekey.LoginRestoredEvent{Verify: time.Millisecond},
	} {
		s.OnEvent(e)
	}
	if got, _ := value(s.read(s.t), "rekey.credential.generation"); got != 6 {
		s.t.Errorf("generation %v, want 6", got)
	}
	s.pool.Close()
}

// checkCounts looks whether the numbers are those of the story.
func (s *story) checkCounts() {
	s.t.Helper()
	last := s.read(s.t)
	for name, want := range map[string]float64{
		"rekey.alternate.used": 1, "rekey.alternate.confirmed": 1,
		"rekey.login.refused": 2, "rekey.credential.expired": 1, "rekey.generation.draining": 0,
		"db.client.connection.pending_requests": 0, "rekey.connection.cut": 0,
	} {
		if got, _ := value(last, name); got != want {
			s.t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{
		"rekey.credential.generation", "rekey.credential.age", "rekey.credential.alternate", "rekey.refresh.overdue", "rekey.refresh.failures",
		"rekey.credential.time_to_expiry", "rekey.credential.time_to_not_after",
	} {
		if got, found := value(last, name); found {
			s.t.Errorf("%s of a closed pool is %v", name, got)
		}
	}
	for _, name := range []string{"rekey.hand_over.duration", "rekey.drain.duration", "db.client.connection.use_time"} {
		if got, _ := value(last, name); got < 3 {
			s.t.Errorf("%s counts %v", name, got)
		}
	}
}

// checkSpans compares the spans with the table, both ways.
func (s *story) checkSpans() {
	s.t.Helper()
	rows, seen := table(s.t, "spans"), map[string]bool{}
	byID := map[string]trace.ReadOnlySpan{}
	for _, span := range s.spans.Ended() {
		byID[span.SpanContext().SpanID().String()] = span
	}
	for _, span := range s.spans.Ended() {
		r, ok := rows[span.Name()]
		if !ok {
			s.t.Errorf("%s is not in the table", span.Name())
			continue
		}
		seen[span.Name()] = true
		failed := span.Status().Code == codes.Error
		checkAttributes(s.t, span.Name(), span.Attributes(), r, true, !failed)
		if told := attributeOf(span, "error.type") != ""; told != failed {
			s.t.Errorf("%s has an error.type: %t; failed: %t", span.Name(), told, failed)
		}
		parent := byID[span.Parent().SpanID().String()]
		switch {
		case parent == nil && r.parent != "", parent != nil && parent.Name() != r.parent:
			s.t.Errorf("%s has the parent %v, want %q", span.Name(), parent, r.parent)
		case span.EndTime().Before(span.StartTime()):
			s.t.Errorf("%s ends before it starts", span.Name())
		case parent != nil && span.StartTime().Before(parent.StartTime()):
			s.t.Errorf("%s begins %v before its parent", span.Name(), parent.StartTime().Sub(span.StartTime()))
		}
	}
	for name := range rows {
		if !seen[name] {
			s.t.Errorf("there was no %s", name)
		}
	}
}

// checkLinks finds connections linked to the refresh that adopted their generation.
func (s *story) checkLinks() {
	s.t.Helper()
	refreshes, linked := map[string]string{}, 0
	for _, span := range s.spans.Ended() {
		if span.Name() == "rekey.refresh" {
			refreshes[span.SpanContext().SpanID().String()] = attributeOf(span, "rekey.generation")
		}
	}
	for _, span := range s.spans.Ended() {
		for _, link := range span.Links() {
			linked++
			if of := refreshes[link.SpanContext.SpanID().String()]; of != attributeOf(span, "rekey.generation") {
				s.t.Errorf("a connection of generation %s is linked to the refresh of %q", attributeOf(span, "rekey.generation"), of)
			}
		}
	}
	connects := 0
	for _, span := range s.spans.Ended() {
		if span.Name() == "rekey.connect" && span.Status().Code != codes.Error {
			connects++
		}
	}
	if linked != connects || linked < 6 {
		s.t.Errorf("%d of %d connections are linked to a refresh", linked, connects)
	}
}

func attributeOf(span trace.ReadOnlySpan, key string) string {
	for _, a := range span.Attributes() {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

// checkSecrets looks for the passwords in everything that was told.
func (s *story) checkSecrets() {
	s.t.Helper()
	var all strings.Builder
	for _, p := range s.points {
		fmt.Fprintf(&all, "%+v\n", p.attributes.ToSlice())
	}
	failed := 0
	for _, span := range s.spans.Ended() {
		fmt.Fprintf(&all, "%s %+v %+v %+v\n", span.Name(), span.Attributes(), span.Status(), span.Events())
		if span.Status().Code == codes.Error {
			failed++
		}
	}
	if failed < 3 {
		s.t.Errorf("%d spans have failed", failed)
	}
	for _, password := range s.passwords {
		if strings.Contains(all.String(), password) {
			s.t.Error("a password is told")
		}
	}
}

// checkOutcomes: a refresh failed if nothing came of it; the one that a renewal has saved did not.
func (s *story) checkOutcomes() {
	s.t.Helper()
	saved := 0
	for _, span := range s.spans.Ended() {
		if span.Name() != "rekey.refresh" {
			continue
		}
		outcome := attributeOf(span, "rekey.refresh.outcome")
		if failed := span.Status().Code == codes.Error; failed != (outcome == "failed") {
			s.t.Errorf("a refresh with the outcome %s has the status %v", outcome, span.Status().Code)
		}
		if outcome == "renewed" && attributeOf(span, "rekey.renew.fallback") == "true" {
			saved++
		}
	}
	if saved != 1 {
		s.t.Errorf("%d refreshes were saved by a renewal, want 1", saved)
	}
}
