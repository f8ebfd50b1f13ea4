package refresh

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/leasetimer"
	"github.com/rekeyhq/rekey/source"
)

// epoch is when every script begins.
var epoch = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// scripted is the random number of every scripted step: a backoff waits three quarters of its step, and the
// first refresh is half way.
const scripted = 0.5

// ability is what the source of a scripted machine can do beside Fetch.
type ability int

const (
	renews ability = 1 << iota
	alternating
	preferring // to renew, too
)

// never stands for "an operation is under way" in a step's due time.
const never = -1

// step is one input of a script and what must come of it.
type step struct {
	at   time.Duration // since epoch; zero: at the time of the step before
	in   input
	want string        // the commands, events left out
	due  time.Duration // since epoch; never while an operation is under way
	view string        // the state, with "hold" where callers had better wait
}

// play runs a script.
func play(t *testing.T, m *machine, steps []step) {
	t.Helper()
	at := time.Duration(0)
	for i, s := range steps {
		if s.at != 0 {
			at = s.at
		}
		commands := m.step(s.in, epoch.Add(at), scripted)
		where := fmt.Sprintf("step %d (%T at %v)", i+1, s.in, at)
		if got := render(commands); got != s.want {
			t.Fatalf("%s: commands %q, want %q", where, got, s.want)
		}
		if got := dueOf(m); got != s.due {
			t.Fatalf("%s: due at %v, want %v", where, got, s.due)
		}
		if got := stateOf(m); got != s.view {
			t.Fatalf("%s: state %q, want %q", where, got, s.view)
		}
	}
}

func dueOf(m *machine) time.Duration {
	if m.due.IsZero() {
		return never
	}
	return m.due.Sub(epoch)
}

func stateOf(m *machine) string {
	v := viewOf(m, false, "closed")
	out := string(v.State())
	if v.hold {
		out += " hold"
	}
	return out
}

// render writes commands as a script does. Events are not shown.
func render(commands []command) string {
	var out []string
	for _, c := range commands {
		if text := renderOne(c); text != "" {
			out = append(out, text)
		}
	}
	return strings.Join(out, ", ")
}

func renderOne(c command) string {
	switch c := c.(type) {
	case fetch:
		switch {
		case c.fresh:
			return "fetch fresh"
		case c.force:
			return "fetch forced"
		}
		return "fetch"
	case renew:
		return "renew " + c.credential.Version
	case alternates:
		return "alternates " + c.refused.Version
	case verify:
		return "verify " + c.credential.Version
	case publish:
		return "publish " + renderGeneration(c.generation)
	case extend:
		return "extend " + renderGeneration(c.generation)
	case expire:
		return "expire " + renderGeneration(c.generation)
	case suspect:
		if c.revoked {
			return "revoked " + renderGeneration(c.generation)
		}
		return "suspect " + renderGeneration(c.generation)
	case retire:
		return "retire " + c.credential.Version
	default:
		return ""
	}
}

func renderGeneration(g *Generation) string {
	return fmt.Sprintf("%d:%s", g.ID, g.Credential.Version)
}

// eventsOf returns the events among commands.
func eventsOf(commands []command) []rekey.Event {
	var out []rekey.Event
	for _, c := range commands {
		if e, ok := c.(emit); ok {
			out = append(out, e.event)
		}
	}
	return out
}

// static is a credential without an end.
func static(version string) source.Credential {
	return source.Credential{
		Username: "user", Password: source.NewSecret("secret of " + version), Version: version, IssuedAt: epoch,
	}
}

// leased is a credential of 60 s, issued the given time after epoch: due at two thirds, gone after nine tenths.
func leased(version string, issued time.Duration) source.Credential {
	c := static(version)
	c.IssuedAt = epoch.Add(issued)
	c.ExpiresAt = c.IssuedAt.Add(time.Minute)
	return c
}

// until gives a credential another end.
func until(c source.Credential, end time.Duration) source.Credential {
	c.ExpiresAt = epoch.Add(end)
	return c
}

// got, gotFresh, failed, verifiedAs and so on are the ends of operations.
func got(c source.Credential) fetched      { return fetched{credential: c} }
func gotFresh(c source.Credential) fetched { return fetched{credential: c, forced: true} }

var errStore = errors.New("the store is down")

func failed() fetched {
	return fetched{err: &rekey.FetchError{Op: "fetch", Err: errStore}}
}

func failedForGood() fetched {
	return fetched{err: &rekey.FetchError{Op: "fetch", Err: errStore, Permanent: true}}
}

func notRenewed() renewed {
	return renewed{err: &rekey.FetchError{Op: "renew", Err: errors.New("no more")}}
}

// renewedTo is a renewal that was preferred, with the end that it was given.
func renewedTo(c source.Credential) renewed { return renewed{credential: c, preferred: true} }

func notRenewedFirst() renewed {
	r := notRenewed()
	r.preferred = true
	return r
}

// expecting gives a credential a time from which its source expects to have something newer.
func expecting(c source.Credential, after time.Duration) source.Credential {
	c.RefreshAfter = epoch.Add(after)
	return c
}

func candidates(list ...source.Credential) alternated { return alternated{candidates: list} }

func works() verified { return verified{} }

// fails is a verification that ended in the given class.
func fails(class rekey.VerifyClass) verified { return verified{err: verifyFailure(class)} }

func verifyFailure(class rekey.VerifyClass) *rekey.VerifyError {
	states := map[rekey.VerifyClass]string{
		rekey.VerifyRefused: "28P01", rekey.VerifyForbidden: "28000", rekey.VerifyLacking: "42501", rekey.VerifyUnknown: "53300",
	}
	return &rekey.VerifyError{Class: class, SQLState: states[class], Err: errors.New(class.String())}
}

// refusedLogin is the report of a login that the server refused.
func refusedLogin(generation uint64, class rekey.VerifyClass) distrust {
	return distrust{generation: generation, err: verifyFailure(class)}
}

func revokedRole(generation uint64) distrust {
	return distrust{generation: generation, err: verifyFailure(rekey.VerifyRefused), revoked: true}
}

// polled is the policy of scripts without leases; a poll is exactly a minute.
var polled = leasetimer.Policy{PollInterval: time.Minute, Jitter: -1}

// serving returns a machine that has adopted c at epoch.
func serving(t *testing.T, c source.Credential, can ability) *machine {
	t.Helper()
	m := newMachine(polled, can&renews != 0, can&alternating != 0)
	m.preferRenew = can&preferring != 0
	for _, in := range []input{ask{}, got(c), works()} {
		m.step(in, epoch, scripted)
	}
	if m.current == nil || m.op != opNone {
		t.Fatal("the machine did not start")
	}
	return m
}

// checkErr asserts that err is all of want.
func checkErr(t *testing.T, err error, want ...error) {
	t.Helper()
	for _, w := range want {
		if !errors.Is(err, w) {
			t.Errorf("error %v is not %v", err, w)
		}
	}
}
