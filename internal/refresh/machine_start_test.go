package refresh

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
)

const ms = time.Millisecond

// How a pool gets its first credential, or does not.
func TestMachineStarts(t *testing.T) {
	for _, test := range []struct {
		name  string
		can   ability
		steps []step
	}{
		{"the first credential works", 0, []step{
			{in: ask{}, want: "fetch", due: never, view: "starting hold"},
			{in: got(static("v1")), want: "verify v1", due: never, view: "starting hold"},
			{in: works(), want: "publish 1:v1", due: 30 * time.Second, view: "serving"},
		}},
		{"the source is down for a while", 0, []step{
			{in: ask{}, want: "fetch", due: never, view: "starting hold"},
			{in: failed(), due: 150 * ms, view: "starting hold"},
			{at: 149 * ms, in: tick{}, due: 150 * ms, view: "starting hold"},
			{at: 150 * ms, in: tick{}, want: "fetch forced", due: never, view: "starting hold"},
			{in: failed(), due: 450 * ms, view: "starting hold"},
			{at: 450 * ms, in: tick{}, want: "fetch forced", due: never, view: "starting hold"},
			{in: got(static("v1")), want: "verify v1", due: never, view: "starting hold"},
		}},
		{"a permanent error fails construction at once, and is tried again", 0, []step{
			{in: ask{}, want: "fetch", due: never, view: "starting hold"},
			{in: failedForGood(), due: 10 * time.Second, view: "starting"},
			{at: 10 * time.Second, in: tick{}, want: "fetch forced", due: never, view: "starting"},
			{in: failed(), due: 10*time.Second + 300*ms, view: "starting hold"},
		}},
		{"a cause of failure that is gone is not told any more", 0, []step{
			{in: ask{}, want: "fetch", due: never, view: "starting hold"},
			{in: failedForGood(), due: 10 * time.Second, view: "starting"},
			{at: 10 * time.Second, in: tick{}, want: "fetch forced", due: never, view: "starting"},
			{in: got(static("v1")), want: "verify v1", due: never, view: "starting hold"},
			{in: fails(rekey.VerifyUnknown), due: 10*time.Second + 300*ms, view: "starting hold"},
		}},
		{"a forbidden login fails construction at once", alternating, []step{
			{in: ask{}, want: "fetch", due: never, view: "starting hold"},
			{in: got(static("v1")), want: "verify v1", due: never, view: "starting hold"},
			{in: fails(rekey.VerifyForbidden), want: "retire v1", due: 150 * ms, view: "starting"},
		}},
		{"a lacking login fails construction at once, and alternates are not asked for", alternating, []step{
			{in: ask{}, want: "fetch", due: never, view: "starting hold"},
			{in: got(static("v1")), want: "verify v1", due: never, view: "starting hold"},
			{in: fails(rekey.VerifyLacking), want: "retire v1", due: 150 * ms, view: "starting"},
			{at: 100 * ms, in: ask{}, want: "fetch", due: never, view: "starting"},
			{in: got(static("v1")), due: 400 * ms, view: "starting"},
		}},
		{"refused: alternates, then the same again after a wait", alternating, []step{
			{in: ask{}, want: "fetch", due: never, view: "starting hold"},
			{in: got(static("v1")), want: "verify v1", due: never, view: "starting hold"},
			{in: fails(rekey.VerifyRefused), want: "retire v1, alternates v1", due: never, view: "starting hold"},
			{in: candidates(), due: 150 * ms, view: "starting hold"},
			{at: 140 * ms, in: ask{}, want: "fetch", due: never, view: "starting hold"},
			{in: got(static("v1")), want: "alternates v1", due: never, view: "starting hold"},
			{in: candidates(), due: 440 * ms, view: "starting hold"},
			{at: 440 * ms, in: tick{}, want: "fetch forced", due: never, view: "starting hold"},
			{in: got(static("v1")), want: "verify v1", due: never, view: "starting hold"},
			{in: works(), want: "publish 1:v1", due: 440*ms + 30*time.Second, view: "serving"},
		}},
		{"refused: an alternate works", alternating, []step{
			{in: ask{}, want: "fetch", due: never, view: "starting hold"},
			{in: got(static("v1")), want: "verify v1", due: never, view: "starting hold"},
			{in: fails(rekey.VerifyRefused), want: "retire v1, alternates v1", due: never, view: "starting hold"},
			{in: candidates(static("p1"), static("p2")), want: "verify p1", due: never, view: "starting hold"},
			{in: fails(rekey.VerifyLacking), want: "verify p2", due: never, view: "starting hold"},
			{in: works(), want: "publish 1:p2", due: 30 * time.Second, view: "serving"},
		}},
		{"refused, and no alternates to ask for", 0, []step{
			{in: ask{}, want: "fetch", due: never, view: "starting hold"},
			{in: got(static("v1")), want: "verify v1", due: never, view: "starting hold"},
			{in: fails(rekey.VerifyRefused), want: "retire v1", due: 150 * ms, view: "starting hold"},
		}},
		{"the server cannot be reached: the candidate waits", 0, []step{
			{in: ask{}, want: "fetch", due: never, view: "starting hold"},
			{in: got(static("v1")), want: "verify v1", due: never, view: "starting hold"},
			{in: fails(rekey.VerifyUnknown), due: 150 * ms, view: "starting hold"},
			{at: 150 * ms, in: tick{}, want: "verify v1", due: never, view: "starting hold"},
			{in: works(), want: "publish 1:v1", due: 150*ms + 30*time.Second, view: "serving"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMachine(polled, test.can&renews != 0, test.can&alternating != 0)
			play(t, m, test.steps)
		})
	}
}
