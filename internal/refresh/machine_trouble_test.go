package refresh

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
)

// The server refuses the login in use for its password (28P01).
func TestMachineRefusedPassword(t *testing.T) {
	refused := refusedLogin(1, rekey.VerifyRefused)
	playAll(t, []scene{
		{"one forced fetch brings another login", static("v1"), alternating, []step{
			{at: 10 * sec, in: refused, want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: refused, due: never, view: "refused hold"},
			{in: gotFresh(static("v2")), want: "verify v2", due: never, view: "refused hold"},
			{in: works(), want: "publish 2:v2", due: 70 * sec, view: "serving"},
		}},
		{"nothing newer: alternates, each in turn", static("v1"), alternating, []step{
			{at: 10 * sec, in: refused, want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), want: "alternates v1", due: never, view: "refused hold"},
			{in: candidates(static("v1"), static("p1"), static("p2")), want: "verify p1", due: never, view: "refused hold"},
			{in: fails(rekey.VerifyRefused), want: "verify p2", due: never, view: "refused hold"},
			{in: works(), want: "publish 2:p2", due: 70 * sec, view: "serving"},
		}},
		{"the new one is refused as well: alternates", static("v1"), alternating, []step{
			{at: 10 * sec, in: refused, want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v2")), want: "verify v2", due: never, view: "refused hold"},
			{in: fails(rekey.VerifyRefused), want: "retire v2, alternates v2", due: never, view: "refused hold"},
			{in: candidates(static("p")), want: "verify p", due: never, view: "refused hold"},
			{in: works(), want: "publish 2:p", due: 70 * sec, view: "serving"},
		}},
		{"nothing helps: backoff, then one login more tells whether it is right again", static("v1"), alternating, []step{
			{at: 10 * sec, in: refused, want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), want: "alternates v1", due: never, view: "refused hold"},
			{in: candidates(), due: 10150 * ms, view: "refused hold"},
			{at: 10150 * ms, in: tick{}, want: "fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), want: "verify v1", due: never, view: "refused hold"},
			{in: fails(rekey.VerifyRefused), want: "alternates v1", due: never, view: "refused hold"},
			{in: candidates(), due: 10450 * ms, view: "refused hold"},
			{at: 10450 * ms, in: tick{}, want: "fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), want: "verify v1", due: never, view: "refused hold"},
			{in: works(), want: "extend 1:v1", due: 70450 * ms, view: "serving"},
		}},
		{"asking again and again makes no login", static("v1"), 0, []step{
			{at: 10 * sec, in: refused, want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), due: 10150 * ms, view: "refused hold"},
			{at: 10150 * ms, in: tick{}, want: "fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), want: "verify v1", due: never, view: "refused hold"},
			{in: fails(rekey.VerifyRefused), due: 10450 * ms, view: "refused hold"},
			{in: ask{force: true}, want: "fetch forced", due: never, view: "refused hold"},
			{in: got(static("v1")), due: 10750 * ms, view: "refused hold"},
			{in: ask{force: true}, want: "fetch forced", due: never, view: "refused hold"},
			{in: got(static("v1")), due: 11350 * ms, view: "refused hold"},
		}},
		{"a fetch that was under way is followed by a forced one, before the alternates", static("v1"), alternating, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: refused, want: "suspect 1:v1", due: never, view: "refused hold"},
			{in: got(static("v1")), want: "fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), want: "alternates v1", due: never, view: "refused hold"},
			{in: alternated{err: failed().err}, due: 30150 * ms, view: "refused hold"},
		}},
		{"a verification under way may be the cure", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{in: refused, want: "suspect 1:v1", due: never, view: "refused hold"},
			{in: works(), want: "publish 2:v2", due: 90 * sec, view: "serving"},
		}},
		{"a candidate in hand comes first", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{in: fails(rekey.VerifyUnknown), due: 30750 * ms, view: "degraded"},
			{in: refused, want: "suspect 1:v1, verify v2", due: never, view: "refused hold"},
			{in: works(), want: "publish 2:v2", due: 90 * sec, view: "serving"},
		}},
		{"what was refused beside a good login is tried at once", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{in: fails(rekey.VerifyRefused), want: "retire v2", due: 30750 * ms, view: "degraded"},
			{at: 30100 * ms, in: refused, want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v2")), want: "verify v2", due: never, view: "refused hold"},
			{in: works(), want: "publish 2:v2", due: 90100 * ms, view: "serving"},
		}},
		{"found while its lease is renewed", leased("v1", 0), renews, []step{
			{at: 20 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: failed(), want: "renew v1", due: never, view: "degraded"},
			{in: refused, want: "suspect 1:v1", due: never, view: "refused hold"},
			{in: renewed{credential: until(leased("v1", 0), 80*sec)}, want: "extend 1:v1, suspect 1:v1", due: 20 * sec, view: "refused hold"},
			{in: tick{}, want: "fetch fresh", due: never, view: "refused hold"},
			{in: failed(), due: 20150 * ms, view: "refused hold"},
		}},
		{"the server takes it back while the store is down", static("v1"), alternating, []step{
			{at: 10 * sec, in: refused, want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: failed(), due: 10150 * ms, view: "refused hold"},
			{at: 10150 * ms, in: tick{}, want: "fetch fresh", due: never, view: "refused hold"},
			{in: failed(), want: "verify v1", due: never, view: "refused hold"},
			{in: fails(rekey.VerifyRefused), want: "alternates v1", due: never, view: "refused hold"},
			{in: candidates(), due: 10450 * ms, view: "refused hold"},
			{at: 10450 * ms, in: tick{}, want: "fetch fresh", due: never, view: "refused hold"},
			{in: failed(), want: "verify v1", due: never, view: "refused hold"},
			{in: works(), want: "extend 1:v1", due: 70450 * ms, view: "serving"},
		}},
		{"the server takes it back while the store names another, which it refuses", static("v1"), 0, []step{
			{at: 10 * sec, in: refused, want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v2")), want: "verify v2", due: never, view: "refused hold"},
			{in: fails(rekey.VerifyRefused), want: "retire v2", due: 10150 * ms, view: "refused hold"},
			{at: 10150 * ms, in: tick{}, want: "fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v2")), want: "verify v2", due: never, view: "refused hold"},
			{in: fails(rekey.VerifyRefused), want: "retire v2, verify v1", due: never, view: "refused hold"},
			{in: works(), want: "extend 1:v1", due: 70150 * ms, view: "serving"},
		}},
		{"the server cannot be asked whether it is right again", static("v1"), 0, []step{
			{at: 10 * sec, in: refused, want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), due: 10150 * ms, view: "refused hold"},
			{at: 10150 * ms, in: tick{}, want: "fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), want: "verify v1", due: never, view: "refused hold"},
			{in: fails(rekey.VerifyUnknown), due: 10450 * ms, view: "refused hold"},
			{at: 10450 * ms, in: tick{}, want: "fetch fresh", due: never, view: "refused hold"},
		}},
		{"a report about another generation is old news", static("v1"), 0, []step{
			{at: 10 * sec, in: refusedLogin(7, rekey.VerifyRefused), due: 30 * sec, view: "serving"},
		}},
		{"it ends while it is refused", leased("v1", 0), 0, []step{
			{at: 53900 * ms, in: refused, want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: failed(), due: 54050 * ms, view: "refused hold"},
			{at: 54 * sec, in: tick{}, want: "expire 1:v1, fetch fresh", due: never, view: "expired hold"},
			{in: failed(), want: "verify v1", due: never, view: "expired hold"},
			{in: works(), want: "extend 1:v1, expire 1:v1", due: 55 * sec, view: "expired hold"},
			{at: 55 * sec, in: tick{}, want: "fetch fresh", due: never, view: "expired hold"},
		}},
	})
}

// An operator who disables a login (28000) means it: no alternates, and nobody waits once the source, asked anew,
// knows no other.
func TestMachineForbiddenLogin(t *testing.T) {
	playAll(t, []scene{
		{"forbidden", static("v1"), alternating, []step{
			{at: 10 * sec, in: refusedLogin(1, rekey.VerifyForbidden), want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), due: 10150 * ms, view: "refused"},
			{at: 10150 * ms, in: tick{}, want: "fetch fresh", due: never, view: "refused"},
			{in: gotFresh(static("v1")), want: "verify v1", due: never, view: "refused"},
			{in: fails(rekey.VerifyForbidden), due: 10450 * ms, view: "refused"},
			{at: 10450 * ms, in: tick{}, want: "fetch fresh", due: never, view: "refused"},
			{in: gotFresh(static("v1")), want: "verify v1", due: never, view: "refused"},
			{in: works(), want: "extend 1:v1", due: 70450 * ms, view: "serving"},
		}},
		{"forbidden, and the store has another, whose password is refused", static("v1"), alternating, []step{
			{at: 10 * sec, in: refusedLogin(1, rekey.VerifyForbidden), want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v2")), want: "verify v2", due: never, view: "refused hold"},
			{in: fails(rekey.VerifyRefused), want: "retire v2", due: 10150 * ms, view: "refused hold"},
		}},
		{"refused first, then forbidden", static("v1"), alternating, []step{
			{at: 10 * sec, in: refusedLogin(1, rekey.VerifyRefused), want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), want: "alternates v1", due: never, view: "refused hold"},
			{in: candidates(), due: 10150 * ms, view: "refused hold"},
			{at: 10150 * ms, in: tick{}, want: "fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), want: "verify v1", due: never, view: "refused hold"},
			{in: fails(rekey.VerifyForbidden), due: 10450 * ms, view: "refused"},
		}},
		{"a store that is down has not said so", static("v1"), 0, []step{
			{at: 10 * sec, in: refusedLogin(1, rekey.VerifyForbidden), want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: failed(), due: 10150 * ms, view: "refused hold"},
			{at: 10150 * ms, in: tick{}, want: "fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), want: "verify v1", due: never, view: "refused hold"},
			{in: fails(rekey.VerifyForbidden), due: 10450 * ms, view: "refused"},
		}},
		{"nor has an answer that may be older than the refusal", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: refusedLogin(1, rekey.VerifyForbidden), want: "suspect 1:v1", due: never, view: "refused hold"},
			{in: got(static("v1")), want: "fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), due: 30150 * ms, view: "refused"},
		}},
	})
}

// A role that has lost everything is found on an open connection. One login tells whether it is refused.
func TestMachineRevokedRole(t *testing.T) {
	playAll(t, []scene{
		{"revoked: the login is tried before the alternates", static("v1"), alternating, []step{
			{at: 10 * sec, in: revokedRole(1), want: "revoked 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), want: "verify v1", due: never, view: "refused hold"},
			{in: fails(rekey.VerifyRefused), want: "alternates v1", due: never, view: "refused hold"},
			{in: candidates(static("p")), want: "verify p", due: never, view: "refused hold"},
			{in: works(), want: "publish 2:p", due: 70 * sec, view: "serving"},
		}},
		{"a false alarm", static("v1"), alternating, []step{
			{at: 10 * sec, in: revokedRole(1), want: "revoked 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: gotFresh(static("v1")), want: "verify v1", due: never, view: "refused hold"},
			{in: works(), want: "extend 1:v1", due: 70 * sec, view: "serving"},
		}},
		{"the store is down: the login is tried all the same", static("v1"), 0, []step{
			{at: 10 * sec, in: revokedRole(1), want: "revoked 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: failed(), want: "verify v1", due: never, view: "refused hold"},
			{in: works(), want: "extend 1:v1", due: 70 * sec, view: "serving"},
		}},
	})
}

// After an alternate was adopted, the store catches up with it, or goes back.
func TestMachineAfterAnAlternate(t *testing.T) {
	adopted := []step{
		{at: 10 * sec, in: refusedLogin(1, rekey.VerifyRefused), want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
		{in: gotFresh(static("v1")), want: "alternates v1", due: never, view: "refused hold"},
		{in: candidates(static("v2")), want: "verify v2", due: never, view: "refused hold"},
		{in: works(), want: "publish 2:v2", due: 70 * sec, view: "serving"},
	}
	after := func(more ...step) []step { return append(adopted[:len(adopted):len(adopted)], more...) }
	playAll(t, []scene{
		{"the store promotes it: told once, and there is nothing to hand over", static("v1"), alternating, after(
			step{at: 70 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			step{in: got(static("v2")), want: "extend 2:v2", due: 130 * sec, view: "serving"},
			step{at: 130 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			step{in: got(static("v2")), due: 190 * sec, view: "serving"},
		)},
		{"the store rolls back, and the server refuses the new one", static("v1"), alternating, after(
			step{at: 70 * sec, in: refusedLogin(2, rekey.VerifyRefused), want: "suspect 2:v2", due: 70150 * ms, view: "refused hold"},
			step{at: 70150 * ms, in: tick{}, want: "fetch fresh", due: never, view: "refused hold"},
			step{in: gotFresh(static("v1")), want: "verify v1", due: never, view: "refused hold"},
			step{in: works(), want: "publish 3:v1", due: 130150 * ms, view: "serving"},
		)},
		{"the old one, just refused, is not tried at once", static("v1"), alternating, after(
			step{at: 10100 * ms, in: ask{force: true}, want: "fetch forced", due: never, view: "serving"},
			step{in: got(static("v1")), due: 70100 * ms, view: "serving"},
		)},
	})
}

// A store that goes on naming a password that the server refuses costs ever fewer logins, not one at each poll.
func TestMachineDoesNotTryARefusedVersionAtEveryPoll(t *testing.T) {
	m := serving(t, static("v1"), alternating)
	logins, polls := 0, 0
	for m.due.Before(epoch.Add(24 * time.Hour)) {
		now := m.due
		m.step(tick{}, now, scripted)
		polls++
		for _, c := range m.step(got(static("v2")), now, scripted) {
			if _, ok := c.(verify); ok {
				logins++
				m.step(fails(rekey.VerifyRefused), now, scripted)
			}
		}
	}
	if polls < 1400 || logins > 50 {
		t.Errorf("%d polls and %d refused logins in a day", polls, logins)
	}
}

// The first refusal is answered at once; one after another is not, until there was a minute of peace.
func TestMachineLimitsDistrust(t *testing.T) {
	m := serving(t, static("v1"), 0)
	cure := func(at time.Duration) {
		for _, in := range []input{gotFresh(static("v1")), tick{}, gotFresh(static("v1")), works()} {
			if in == (tick{}) {
				at = dueOf(m)
			}
			m.step(in, epoch.Add(at), scripted)
		}
		if m.trouble != nil {
			t.Fatal("not cured")
		}
	}
	refused := func(at time.Duration) (wait time.Duration) {
		m.step(refusedLogin(1, rekey.VerifyRefused), epoch.Add(at), scripted)
		if m.op != opNone {
			return 0
		}
		due := dueOf(m)
		m.step(tick{}, epoch.Add(due), scripted)
		return due - at
	}
	at := 10 * sec
	for i, want := range []time.Duration{0, 150 * ms, 300 * ms, 600 * ms, 1200 * ms} {
		if got := refused(at); got != want {
			t.Errorf("refusal %d is answered after %v, want %v", i+1, got, want)
		}
		cure(at + want)
		at = m.lastTrust.Sub(epoch) + 50*sec
	}
	if got := refused(at + 11*sec); got != 0 {
		t.Errorf("after a minute of peace, a refusal is answered after %v", got)
	}
}

// A refusal that lasts is no peace.
func TestMachineCountsPeaceFromTheCure(t *testing.T) {
	m := serving(t, static("v1"), 0)
	play(t, m, []step{
		{at: 10 * sec, in: refusedLogin(1, rekey.VerifyRefused), want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
		{at: 5 * time.Minute, in: gotFresh(static("v2")), want: "verify v2", due: never, view: "refused hold"},
		{in: works(), want: "publish 2:v2", due: 6 * time.Minute, view: "serving"},
		{at: 5*time.Minute + sec, in: refusedLogin(2, rekey.VerifyRefused), want: "suspect 2:v2", due: 5*time.Minute + 1150*ms, view: "refused hold"},
	})
}
