package fleet

import (
	"math"
	"strconv"
	"time"

	"github.com/rekeyhq/rekey/internal/refresh"
	"github.com/rekeyhq/rekey/source"
)

// never is a time after every simulation.
const never = time.Duration(math.MaxInt64)

// instance is one pool, in one process.
type instance struct {
	*simulation
	model  *refresh.Model
	wake   time.Duration // when the model is to be told of the time
	usable bool

	call refresh.Move  // what the model waits for
	at   time.Duration // when that began
	ends time.Duration // and when it ends, with
	err  error         // as the answer

	start    time.Duration // when the next process begins
	restarts int           // those that have been
	logins   int           // credentials that were made for it
}

func (s *simulation) newInstance() *instance {
	i := &instance{simulation: s, wake: never, ends: never}
	i.start = i.moment(s.Rollout)
	return i
}

// moment is when a rollout reaches the instance.
func (i *instance) moment(r Rollout) time.Duration {
	return r.At + time.Duration(i.random.Float64()*float64(r.Within))
}

// next is when something happens next.
func (i *instance) next() time.Duration { return min(i.start, i.ends, i.wake) }

// step lets it happen.
func (i *instance) step() {
	now := epoch.Add(i.now)
	switch i.now {
	case i.start:
		i.restart()
		i.begin(i.model.Start(now))
	case i.ends:
		i.begin(i.end(now))
	default:
		if move := i.model.Tick(now); i.call.Call == refresh.Idle {
			i.begin(move)
		}
	}
	i.note()
}

// restart begins a new process. What the one before was waiting for is lost, and so is its credential, to its own end.
func (i *instance) restart() {
	i.model = refresh.NewModel(i.Settings, i.Renews, i.random.Float64)
	i.start = never
	if i.restarts < len(i.Restarts) {
		i.start = i.moment(i.Restarts[i.restarts])
		i.restarts++
	}
}

// begin does what the model wants done.
func (i *instance) begin(move refresh.Move) {
	i.call, i.at, i.ends, i.err = move, i.now, never, nil
	switch move.Call {
	case refresh.Fetching:
		i.result.Fetches.add(i.now)
		i.ends, i.err = i.source.ask(i.now)
	case refresh.Renewing:
		i.result.Renewals.add(i.now)
		i.ends, i.err = i.source.ask(i.now)
	case refresh.Verifying:
		i.ends = i.now + i.Login
	}
	if move.Replaced != nil {
		i.result.Revocations.add(i.now + i.Drain)
	}
}

// end tells the model how what it waits for has ended.
func (i *instance) end(now time.Time) refresh.Move {
	switch i.call.Call {
	case refresh.Fetching:
		return i.model.Fetched(i.mint(), i.err, now)
	case refresh.Renewing:
		c := i.call.Credential
		c.ExpiresAt = epoch.Add(i.at + i.Lease)
		return i.model.Renewed(c, i.err, now)
	default:
		return i.model.Verified(nil, now)
	}
}

// mint makes a credential, as one that was asked for when the fetch began.
func (i *instance) mint() source.Credential {
	i.logins++
	issued := epoch.Add(i.at)
	return source.Credential{
		Username: "user", Version: strconv.Itoa(i.logins), IssuedAt: issued, ExpiresAt: issued.Add(i.Lease),
	}
}

// note takes note of the model's state.
func (i *instance) note() {
	i.wake = never
	if wake := i.model.Wake(); !wake.IsZero() {
		i.wake = max(i.now, wake.Sub(epoch))
	}
	if usable := i.model.Usable(); usable != i.usable {
		i.usable = usable
		i.result.usable(usable)
	}
}
