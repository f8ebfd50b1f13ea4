package refresh

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/source"
)

const sec = time.Second

// scene is a script for a machine that has adopted a first credential at epoch.
type scene struct {
	name  string
	first source.Credential
	can   ability
	steps []step
}

func playAll(t *testing.T, scenes []scene) {
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) { play(t, serving(t, s.first, s.can), s.steps) })
	}
}

// What becomes of a refresh that was due, or asked for, while the login in use is good.
func TestMachineRefreshes(t *testing.T) {
	playAll(t, []scene{
		{"before it is due nothing happens", static("v1"), 0, []step{
			{at: 30*sec - 1, in: tick{}, due: 30 * sec, view: "serving"},
		}},
		{"unchanged", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{at: 31 * sec, in: got(static("v1")), due: 91 * sec, view: "serving"},
			{at: 91 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
		}},
		{"a lease of the same version with another end moves the end", leased("v1", 0), 0, []step{
			{at: 20 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(until(leased("v1", 0), 90*sec)), want: "extend 1:v1", due: 20*sec + 46666666667, view: "serving"},
		}},
		{"changed", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{at: 31 * sec, in: works(), want: "publish 2:v2", due: 91 * sec, view: "serving"},
		}},
		{"many hints during a refresh are one more fetch", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: ask{}, due: never, view: "serving"},
			{in: ask{force: true}, due: never, view: "serving"},
			{in: ask{}, due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{in: ask{force: true, fresh: true}, due: never, view: "serving"},
			{in: ask{force: true}, due: never, view: "serving"},
			{in: works(), want: "publish 2:v2, fetch fresh", due: never, view: "serving"},
			{in: got(static("v2")), due: 90 * sec, view: "serving"},
		}},
		{"a hint asks at once", static("v1"), 0, []step{
			{at: 5 * sec, in: ask{force: true}, want: "fetch forced", due: never, view: "serving"},
			{in: got(static("v1")), due: 65 * sec, view: "serving"},
		}},
		{"the source is down: wait longer and longer, up to a minute", static("v1"), renews, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: failed(), due: 30750 * ms, view: "degraded"},
			{at: 30750 * ms, in: tick{}, want: "fetch", due: never, view: "degraded"},
			{in: failed(), due: 32250 * ms, view: "degraded"},
			{at: 32250 * ms, in: tick{}, want: "fetch", due: never, view: "degraded"},
			{in: failedForGood(), due: 92250 * ms, view: "degraded"},
			{at: 92250 * ms, in: tick{}, want: "fetch", due: never, view: "degraded"},
			{in: got(static("v1")), due: 152250 * ms, view: "serving"},
		}},
		{"a permanent error means the longest backoff that the lease allows", leased("v1", 0), 0, []step{
			{at: 20 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: failedForGood(), due: 23500 * ms, view: "degraded"},
		}},
		{"a hint during the backoff", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: failedForGood(), due: 90 * sec, view: "degraded"},
			{at: 31 * sec, in: ask{force: true}, want: "fetch forced", due: never, view: "degraded"},
			{in: failedForGood(), due: 91 * sec, view: "degraded"},
		}},
		{"rubbish is a failure of the source", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(source.Credential{Version: "v2"}), want: "retire v2", due: 30750 * ms, view: "degraded"},
			{at: 30750 * ms, in: tick{}, want: "fetch", due: never, view: "degraded"},
			{in: got(until(static("v3"), 30*sec)), want: "retire v3", due: 32250 * ms, view: "degraded"},
		}},
		// It would be adopted, found at its end, and replaced by the next of its kind, without a wait.
		{"so is a credential that has no time left", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(leased("v2", -25*sec)), want: "retire v2", due: 30750 * ms, view: "degraded"},
		}},
	})
}

// What becomes of a credential that the server, or the probe, does not take while the login in use is good.
func TestMachineRefusesCandidates(t *testing.T) {
	playAll(t, []scene{
		{"refused: given back, and not tried again before its backoff ends", static("v1"), alternating, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{in: fails(rekey.VerifyRefused), want: "retire v2", due: 30750 * ms, view: "degraded"},
			{at: 30749 * ms, in: ask{}, want: "fetch", due: never, view: "degraded"},
			{in: got(static("v2")), due: 90749 * ms, view: "degraded"},
			{at: 90749 * ms, in: tick{}, want: "fetch", due: never, view: "degraded"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "degraded"},
			{in: fails(rekey.VerifyRefused), want: "retire v2", due: 92249 * ms, view: "degraded"},
			{at: 92 * sec, in: ask{}, want: "fetch", due: never, view: "degraded"},
			{in: got(static("v2")), due: 152 * sec, view: "degraded"},
			{at: 152 * sec, in: tick{}, want: "fetch", due: never, view: "degraded"},
			{in: got(static("v3")), want: "verify v3", due: never, view: "degraded"},
			{in: works(), want: "publish 2:v3", due: 212 * sec, view: "serving"},
		}},
		{"refused, then taken back, then said again: it does not look as if all were well", static("v1"), alternating, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{in: fails(rekey.VerifyRefused), want: "retire v2", due: 30750 * ms, view: "degraded"},
			{at: 30100 * ms, in: ask{}, want: "fetch", due: never, view: "degraded"},
			{in: got(static("v1")), due: 90100 * ms, view: "serving"},
			{at: 30200 * ms, in: ask{}, want: "fetch", due: never, view: "serving"},
			{in: got(static("v2")), due: 90200 * ms, view: "degraded"},
		}},
		{"lacking a privilege: the same", static("v1"), alternating, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{in: fails(rekey.VerifyLacking), want: "retire v2", due: 30750 * ms, view: "degraded"},
		}},
		{"back to the login in use: nothing to do", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{in: fails(rekey.VerifyForbidden), want: "retire v2", due: 30750 * ms, view: "degraded"},
			{at: 30750 * ms, in: tick{}, want: "fetch", due: never, view: "degraded"},
			{in: got(static("v1")), due: 90750 * ms, view: "serving"},
		}},
		{"the server is full: the candidate is kept and verified again, without a fetch", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{in: fails(rekey.VerifyUnknown), due: 30750 * ms, view: "degraded"},
			{at: 30750 * ms, in: tick{}, want: "verify v2", due: never, view: "degraded"},
			{in: fails(rekey.VerifyUnknown), due: 32250 * ms, view: "degraded"},
			{at: 32250 * ms, in: tick{}, want: "verify v2", due: never, view: "degraded"},
			{in: works(), want: "publish 2:v2", due: 92250 * ms, view: "serving"},
		}},
		{"a candidate that the source has replaced is given back", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{in: fails(rekey.VerifyUnknown), due: 30750 * ms, view: "degraded"},
			{at: 30500 * ms, in: ask{force: true}, want: "fetch forced", due: never, view: "degraded"},
			{in: got(static("v3")), want: "retire v2, verify v3", due: never, view: "degraded"},
			{in: works(), want: "publish 2:v3", due: 90500 * ms, view: "serving"},
		}},
		// Giving it back first would have the issuer end what is about to be adopted.
		{"a hint that brings the candidate in hand leaves it there", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{in: ask{force: true}, due: never, view: "serving"},
			{in: fails(rekey.VerifyUnknown), want: "fetch forced", due: never, view: "degraded"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "degraded"},
			{in: works(), want: "publish 2:v2", due: 90 * sec, view: "serving"},
		}},
		{"a hint that fails leaves the candidate in hand", leased("v1", 0), renews, []step{
			{at: 20 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(leased("v2", 20*sec)), want: "verify v2", due: never, view: "serving"},
			{in: fails(rekey.VerifyUnknown), due: 20750 * ms, view: "degraded"},
			{at: 20500 * ms, in: ask{force: true}, want: "fetch forced", due: never, view: "degraded"},
			{in: failed(), due: 22 * sec, view: "degraded"},
			{at: 22 * sec, in: tick{}, want: "verify v2", due: never, view: "degraded"},
			{in: works(), want: "publish 2:v2", due: 60 * sec, view: "serving"},
		}},
		{"the source returns to the login in use while a candidate waits", static("v1"), 0, []step{
			{at: 30 * sec, in: ask{}, want: "fetch", due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{in: fails(rekey.VerifyUnknown), due: 30750 * ms, view: "degraded"},
			{in: ask{}, want: "fetch", due: never, view: "degraded"},
			{in: got(static("v1")), want: "retire v2", due: 90 * sec, view: "serving"},
		}},
		{"a candidate that has come too near its end is replaced", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(leased("v2", 0)), want: "verify v2", due: never, view: "serving"},
			{in: fails(rekey.VerifyUnknown), due: 30750 * ms, view: "degraded"},
			{at: 54 * sec, in: tick{}, want: "retire v2, fetch", due: never, view: "degraded"},
			{in: got(leased("v3", 54*sec)), want: "verify v3", due: never, view: "degraded"},
		}},
		{"so is one that ends while it is verified", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(leased("v2", 0)), want: "verify v2", due: never, view: "serving"},
			{at: 54 * sec, in: works(), due: 54750 * ms, view: "degraded"},
			{at: 54750 * ms, in: tick{}, want: "retire v2, fetch", due: never, view: "degraded"},
		}},
		// A source that makes a login for each fetch, none of which works: one per wait.
		{"new versions that are all refused are bounded by the backoff", static("v1"), 0, []step{
			{at: 30 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{in: fails(rekey.VerifyLacking), want: "retire v2", due: 30750 * ms, view: "degraded"},
			{at: 30750 * ms, in: tick{}, want: "fetch", due: never, view: "degraded"},
			{in: got(static("v3")), want: "verify v3", due: never, view: "degraded"},
			{in: fails(rekey.VerifyLacking), want: "retire v3", due: 32250 * ms, view: "degraded"},
			{at: 32250 * ms, in: tick{}, want: "fetch", due: never, view: "degraded"},
			{in: got(static("v4")), want: "verify v4", due: never, view: "degraded"},
			{in: fails(rekey.VerifyLacking), want: "retire v4", due: 35250 * ms, view: "degraded"},
		}},
	})
}

// The lease in hand where renewing it is preferred.
func TestMachinePrefersRenewal(t *testing.T) {
	const prefers = renews | preferring
	playAll(t, []scene{
		{"renewed, again and again", leased("v1", 0), prefers, []step{
			{at: 20 * sec, in: tick{}, want: "renew v1", due: never, view: "serving"},
			{in: renewedTo(until(leased("v1", 0), 80*sec)), want: "extend 1:v1", due: 60 * sec, view: "serving"},
			{at: 60 * sec, in: tick{}, want: "renew v1", due: never, view: "serving"},
			{in: renewedTo(until(leased("v1", 0), 120*sec)), want: "extend 1:v1", due: 100 * sec, view: "serving"},
		}},
		{"cut short: a new one at once", leased("v1", 0), prefers, []step{
			{at: 40 * sec, in: tick{}, want: "renew v1", due: never, view: "serving"},
			{in: renewedTo(expecting(until(leased("v1", 0), 70*sec), 40*sec)), want: "extend 1:v1, fetch", due: never, view: "serving"},
			{in: got(leased("v2", 40*sec)), want: "verify v2", due: never, view: "serving"},
			{in: works(), want: "publish 2:v2", due: 80 * sec, view: "serving"},
			{at: 80 * sec, in: tick{}, want: "renew v2", due: never, view: "serving"},
		}},
		{"cut short, and no new one: fetched until one is had, renewed when that fails", leased("v1", 0), prefers, []step{
			{at: 40 * sec, in: tick{}, want: "renew v1", due: never, view: "serving"},
			{in: renewedTo(expecting(until(leased("v1", 0), 70*sec), 40*sec)), want: "extend 1:v1, fetch", due: never, view: "serving"},
			{in: failed(), due: 40525 * ms, view: "degraded"},
			{at: 40525 * ms, in: tick{}, want: "fetch", due: never, view: "degraded"},
			{in: failed(), want: "renew v1", due: never, view: "degraded"},
		}},
		{"not renewed: fetched, and not renewed once more when that fails", leased("v1", 0), prefers, []step{
			{at: 20 * sec, in: tick{}, want: "renew v1", due: never, view: "serving"},
			{in: notRenewedFirst(), want: "fetch", due: never, view: "serving"},
			{in: failed(), due: 20750 * ms, view: "degraded"},
			{at: 20750 * ms, in: tick{}, want: "renew v1", due: never, view: "degraded"},
			{in: renewedTo(until(leased("v1", 0), 80*sec)), want: "extend 1:v1", due: 60250 * ms, view: "serving"},
		}},
		{"asked for: fetched", leased("v1", 0), prefers, []step{
			{at: 5 * sec, in: ask{force: true, fresh: true}, want: "fetch fresh", due: never, view: "serving"},
			{in: got(leased("v2", 5*sec)), want: "verify v2", due: never, view: "serving"},
			{in: works(), want: "publish 2:v2", due: 45 * sec, view: "serving"},
		}},
		{"refused: fetched, not renewed", leased("v1", 0), prefers, []step{
			{at: 5 * sec, in: refusedLogin(1, rekey.VerifyRefused), want: "suspect 1:v1, fetch fresh", due: never, view: "refused hold"},
			{in: got(leased("v2", 5*sec)), want: "verify v2", due: never, view: "refused hold"},
		}},
		{"refused while it is renewed: a longer life does not cure that", leased("v1", 0), prefers, []step{
			{at: 20 * sec, in: tick{}, want: "renew v1", due: never, view: "serving"},
			{in: refusedLogin(1, rekey.VerifyRefused), want: "suspect 1:v1", due: never, view: "refused hold"},
			{in: renewedTo(until(leased("v1", 0), 80*sec)), want: "extend 1:v1, suspect 1:v1", due: 20 * sec, view: "refused hold"},
		}},
	})
}

// The lease in hand: renewed when no new one is to be had, and served to its end.
func TestMachineLeases(t *testing.T) {
	playAll(t, []scene{
		{"fetch fails, renew helps", leased("v1", 0), renews, []step{
			{at: 20 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: failed(), want: "renew v1", due: never, view: "degraded"},
			{in: renewed{credential: until(leased("v1", 0), 80*sec)}, want: "extend 1:v1", due: 60 * sec, view: "degraded"},
			{at: 60 * sec, in: tick{}, want: "fetch", due: never, view: "degraded"},
			{in: got(leased("v2", 60*sec)), want: "verify v2", due: never, view: "degraded"},
			{in: works(), want: "publish 2:v2", due: 100 * sec, view: "serving"},
		}},
		{"a renewal that extends nothing is a failure", leased("v1", 0), renews, []step{
			{at: 20 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: failed(), want: "renew v1", due: never, view: "degraded"},
			{in: renewed{credential: leased("v1", 0)}, due: 20750 * ms, view: "degraded"},
			{at: 20750 * ms, in: tick{}, want: "fetch", due: never, view: "degraded"},
			{in: failed(), want: "renew v1", due: never, view: "degraded"},
			{in: renewed{credential: leased("v2", 20*sec)}, due: 22250 * ms, view: "degraded"},
		}},
		{"nothing helps: served to its end, then expired; callers wait", leased("v1", 0), renews, []step{
			{at: 53 * sec, in: tick{}, want: "fetch forced", due: never, view: "serving"},
			{in: failed(), want: "renew v1", due: never, view: "degraded"},
			{in: notRenewed(), due: 53280 * ms, view: "degraded"},
			{at: 54 * sec, in: tick{}, want: "expire 1:v1, fetch fresh", due: never, view: "expired hold"},
			{in: failed(), want: "renew v1", due: never, view: "expired hold"},
			{in: notRenewed(), due: 54150 * ms, view: "expired hold"}, // what failed before cost nobody anything
			{at: 54150 * ms, in: tick{}, want: "fetch fresh", due: never, view: "expired hold"},
			{at: 60 * sec, in: failed(), due: 60300 * ms, view: "expired hold"}, // the lease itself is over: nothing to renew
			{at: 61 * sec, in: tick{}, want: "fetch fresh", due: never, view: "expired hold"},
			{in: got(leased("v2", 61*sec)), want: "verify v2", due: never, view: "expired hold"},
			{in: works(), want: "publish 2:v2", due: 81 * sec, view: "serving"}, // anywhere in its time, as after a start
		}},
		{"its end comes while a refresh is under way", leased("v1", 0), 0, []step{
			{at: 53 * sec, in: tick{}, want: "fetch forced", due: never, view: "serving"},
			{at: 54 * sec, in: tick{}, want: "expire 1:v1", due: never, view: "expired hold"},
			{at: 55 * sec, in: tick{}, due: never, view: "expired hold"},
			{in: got(leased("v2", 54*sec)), want: "verify v2", due: never, view: "expired hold"},
			{in: fails(rekey.VerifyUnknown), due: 55150 * ms, view: "expired hold"},
			{at: 56 * sec, in: tick{}, want: "verify v2", due: never, view: "expired hold"},
		}},
		{"renewed within the margin, it is taken back into use", leased("v1", 0), renews, []step{
			{at: 54 * sec, in: tick{}, want: "expire 1:v1, fetch fresh", due: never, view: "expired hold"},
			{in: failed(), want: "renew v1", due: never, view: "expired hold"},
			{at: 55 * sec, in: renewed{credential: until(leased("v1", 0), 115*sec)}, want: "extend 1:v1", due: 95 * sec, view: "degraded"},
		}},
		{"fetched with a later end, too", leased("v1", 0), 0, []step{
			{at: 54 * sec, in: tick{}, want: "expire 1:v1, fetch fresh", due: never, view: "expired hold"},
			{in: got(until(leased("v1", 0), 114*sec)), want: "extend 1:v1", due: 94 * sec, view: "serving"},
		}},
		// Without backoff that would be a fetch at every gap.
		{"the source goes on giving what has ended", leased("v1", 0), 0, []step{
			{at: 54 * sec, in: tick{}, want: "expire 1:v1, fetch fresh", due: never, view: "expired hold"},
			{in: gotFresh(leased("v1", 0)), due: 54150 * ms, view: "expired hold"},
			{at: 54150 * ms, in: tick{}, want: "fetch fresh", due: never, view: "expired hold"},
			{in: gotFresh(leased("v1", 0)), due: 54450 * ms, view: "expired hold"},
		}},
		{"the source says that the end is nearer", leased("v1", 0), 0, []step{
			{at: 20 * sec, in: tick{}, want: "fetch", due: never, view: "serving"},
			{in: got(until(leased("v1", 0), 21*sec)), want: "extend 1:v1", due: 21 * sec, view: "serving"},
			{in: tick{}, want: "expire 1:v1, fetch fresh", due: never, view: "expired hold"},
			{in: gotFresh(until(leased("v1", 0), 21*sec)), due: 20150 * ms, view: "expired hold"},
		}},
		// For an hour it is not worth a login; without a login in use it is worth one at once.
		{"at its end, what was refused is tried again", leased("v1", 0), 0, []step{
			{at: 50 * sec, in: tick{}, want: "fetch forced", due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{in: fails(rekey.VerifyLacking), want: "retire v2", due: 50750 * ms, view: "degraded"},
			{at: 53500 * ms, in: tick{}, want: "fetch forced", due: never, view: "degraded"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "degraded"},
			{in: fails(rekey.VerifyLacking), want: "retire v2", due: 53780 * ms, view: "degraded"},
			{at: 54 * sec, in: tick{}, want: "expire 1:v1, fetch fresh", due: never, view: "expired hold"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "expired hold"},
			{in: fails(rekey.VerifyLacking), want: "retire v2", due: 54150 * ms, view: "expired hold"},
			{at: 54100 * ms, in: ask{}, want: "fetch", due: never, view: "expired hold"},
			{in: got(static("v2")), due: 54400 * ms, view: "expired hold"},
			{at: 54400 * ms, in: tick{}, want: "fetch fresh", due: never, view: "expired hold"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "expired hold"},
			{in: works(), want: "publish 2:v2", due: 84400 * ms, view: "serving"},
		}},
		{"at its end, a refused password makes the alternates worth a question", leased("v1", 0), alternating, []step{
			{at: 54 * sec, in: tick{}, want: "expire 1:v1, fetch fresh", due: never, view: "expired hold"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "expired hold"},
			{in: fails(rekey.VerifyRefused), want: "retire v2, alternates v2", due: never, view: "expired hold"},
			{in: candidates(static("p")), want: "verify p", due: never, view: "expired hold"},
			{in: works(), want: "publish 2:p", due: 84 * sec, view: "serving"},
		}},
	})
}

// A lease that is renewed again and again does not become a long one, whose margin eats up each renewal.
func TestMachineRenewsForHours(t *testing.T) {
	m := serving(t, leased("v1", 0), renews)
	for m.due.Before(epoch.Add(5 * time.Hour)) {
		now := m.due
		left := m.current.NotAfter.Sub(now)
		if left < 10*sec {
			t.Fatalf("after %v a refresh is due %v before the not-after", now.Sub(epoch), left)
		}
		for _, in := range []input{tick{}, failed(), renewed{credential: until(leased("v1", 0), now.Add(time.Minute).Sub(epoch))}} {
			m.step(in, now, scripted)
		}
		if m.op != opNone || m.expired {
			t.Fatalf("after %v: op %v, expired %v", now.Sub(epoch), m.op, m.expired)
		}
	}
}

// A wall clock that jumps makes nothing late by the length of the jump.
func TestMachineClockJumps(t *testing.T) {
	playAll(t, []scene{
		{"back: what is due is due as soon as before", static("v1"), 0, []step{
			{at: 10 * sec, in: tick{}, due: 30 * sec, view: "serving"},
			{at: -time.Hour, in: tick{}, due: 20*sec - time.Hour, view: "serving"},
		}},
		{"back, while a refused version waits", static("v1"), 0, []step{
			{at: 30 * sec, in: ask{}, want: "fetch", due: never, view: "serving"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "serving"},
			{in: fails(rekey.VerifyRefused), want: "retire v2", due: 30750 * ms, view: "degraded"},
			{at: -time.Hour, in: tick{}, due: 750*ms - time.Hour, view: "degraded"},
			{at: 750*ms - time.Hour, in: tick{}, want: "fetch", due: never, view: "degraded"},
			{in: got(static("v2")), want: "verify v2", due: never, view: "degraded"},
		}},
		{"forward: due at once", leased("v1", 0), 0, []step{
			{at: time.Hour, in: tick{}, want: "expire 1:v1, fetch fresh", due: never, view: "expired hold"},
		}},
		{"forward and back: an end that has not come is taken back", leased("v1", 0), 0, []step{
			{at: time.Hour, in: tick{}, want: "expire 1:v1, fetch fresh", due: never, view: "expired hold"},
			{in: failed(), due: time.Hour + 150*ms, view: "expired hold"},
			{at: 10 * sec, in: tick{}, due: 10*sec + 150*ms, view: "expired hold"},
			{at: 10*sec + 150*ms, in: tick{}, want: "fetch fresh", due: never, view: "expired hold"},
			{in: got(leased("v1", 0)), want: "extend 1:v1", due: 40 * sec, view: "serving"},
		}},
	})
}

func TestMachineTellsWhyALoginHasExpired(t *testing.T) {
	m := serving(t, leased("v1", 0), 0)
	m.step(tick{}, epoch.Add(53*sec), scripted)
	m.step(failed(), epoch.Add(53*sec), scripted)
	events := eventsOf(m.step(tick{}, epoch.Add(54*sec), scripted))
	expired, ok := events[0].(rekey.ExpiredEvent)
	if !ok || expired.Generation != 1 || expired.Version != "v1" || expired.Cause == nil {
		t.Errorf("event %+v", events[0])
	}
	checkErr(t, viewOf(m, false, "").expiredErr(), rekey.ErrCredentialExpired, errStore)
}

// Whenever an outage ends within nine tenths of the slack, there is an attempt while there is time for a hand-over; and
// the outage does not make for many.
func TestMachineTriesOftenNearTheEnd(t *testing.T) {
	for _, life := range []time.Duration{4 * time.Second, time.Minute, time.Hour, 24 * time.Hour} {
		for _, random := range []float64{0, 0.5, 0.999} {
			c := static("v1")
			c.ExpiresAt = c.IssuedAt.Add(life)
			m := serving(t, c, renews)
			end, slack := m.current.NotAfter, m.policy.Slack(c)
			began := end.Add(-slack)
			last, tries := began, 0
			for now := began; now.Before(end.Add(-slack / 20)); now = m.due {
				if left := end.Sub(last); now.Sub(last) > max(left/4, minute(slack/4)) {
					t.Fatalf("a lease of %v: no attempt for %v, with %v left", life, now.Sub(last), left)
				}
				last = now
				tries++
				m.step(tick{}, now, random)
				m.step(failed(), now, random)
				m.step(notRenewed(), now, random)
			}
			if left := end.Sub(last); left < slack/40 || left > slack/10 || tries > 60+int(slack/(30*time.Second)) {
				t.Errorf("a lease of %v: %d attempts, the last one %v before its end", life, tries, left)
			}
		}
	}
}

// minute is the longest wait between attempts, where the slack allows it.
func minute(d time.Duration) time.Duration { return min(time.Minute, d) }
