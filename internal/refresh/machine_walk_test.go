package refresh

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/leasetimer"
	"github.com/rekeyhq/rekey/source"
)

// shortest is less than any wait between two attempts that the machine makes of its own accord.
const shortest = 5 * time.Millisecond

// walk drives a machine with inputs that fit the operation under way, and asserts after each step what must
// always hold. What the inputs are is decided by choose.
type walk struct {
	t       testing.TB
	choose  func(n int) int // a number below n
	m       *machine
	now     time.Time
	dynamic bool // the source makes a login for each fetch; else it names the same few again
	history []move

	pending command // what the machine has started
	ops     int     // started in this round
	minted  int
	list    int // how many alternates were named last
	loose   map[string]bool
	retired map[string]int
	named   map[string]bool // came from the alternates
	expired bool

	without   time.Time // since when nobody could log in; zero: somebody can
	concluded time.Time // when the last round ended
	excused   bool      // the next may begin at once
	refusedAt map[string]time.Time
	class     map[string]rekey.VerifyClass // of the last refusal of a version
	fetches   int
	waiting   []waiter
}

// waiter has asked for a refresh, and is answered by a round.
type waiter struct {
	round   uint64
	fetches int // how many had begun before
}

func newWalk(t testing.TB, choose func(int) int) *walk {
	policies := []leasetimer.Policy{{}, {PollInterval: time.Second}, {ExpiryWindow: 5 * time.Minute, Margin: 2 * time.Minute}}
	w := &walk{
		t: t, choose: choose, now: epoch, dynamic: choose(2) == 0,
		loose: map[string]bool{}, retired: map[string]int{}, named: map[string]bool{},
		refusedAt: map[string]time.Time{}, class: map[string]rekey.VerifyClass{},
	}
	w.m = newMachine(policies[choose(len(policies))], choose(2) == 0, choose(2) == 0)
	w.step(ask{})
	return w
}

// next makes one step.
func (w *walk) next() {
	w.pass()
	switch w.choose(10) {
	case 0:
		w.ask()
	case 1:
		w.distrust()
	case 2, 3:
		w.step(tick{})
	default:
		if w.pending == nil {
			w.step(tick{})
		} else {
			w.answer()
		}
	}
}

// pass lets time pass, or jump.
func (w *walk) pass() {
	switch w.choose(20) {
	case 0:
		w.now = w.now.Add(time.Duration(w.choose(3600)) * time.Second)
	case 1:
		w.jumpBack(time.Duration(w.choose(3600)) * time.Second)
	case 2, 3, 4, 5, 6, 7, 8:
		if wake := w.m.wake(); wake.After(w.now) {
			w.now = wake
		}
	case 9, 10, 11:
		w.now = w.now.Add(time.Duration(w.choose(1000)) * time.Millisecond)
	}
}

// jumpBack sets the clock back from the last step's time; what the walk remembers of the past moves along.
func (w *walk) jumpBack(by time.Duration) {
	w.now = w.m.seen.Add(-by)
	w.concluded = w.concluded.Add(-by)
	if !w.without.IsZero() {
		w.without = w.without.Add(-by)
	}
	for version, at := range w.refusedAt {
		w.refusedAt[version] = at.Add(-by)
	}
}

func (w *walk) ask() {
	before := w.fetches
	w.step(ask{force: w.choose(2) == 0, fresh: w.choose(2) == 0})
	w.waiting = append(w.waiting, waiter{round: w.m.answeringRound(), fetches: before})
}

func (w *walk) distrust() {
	if w.m.current == nil {
		return
	}
	classes := []rekey.VerifyClass{rekey.VerifyRefused, rekey.VerifyRefused, rekey.VerifyForbidden}
	in := refusedLogin(w.m.current.ID-uint64(w.choose(2)), classes[w.choose(len(classes))])
	in.revoked = w.choose(4) == 0
	if in.generation == w.m.current.ID && w.m.trouble == nil {
		w.class[w.m.current.Credential.Version] = in.err.Class
	}
	w.step(in)
}

// answer ends the operation under way, one way or another.
func (w *walk) answer() {
	switch c := w.pending.(type) {
	case fetch:
		w.step(w.answerFetch(c))
	case renew:
		w.step(w.answerRenew(c.credential))
	case alternates:
		w.step(w.answerAlternates())
	case verify:
		w.answerVerify(c.credential.Version)
	}
}

func (w *walk) answerFetch(c fetch) fetched {
	switch w.choose(8) {
	case 0:
		return failed()
	case 1:
		return failedForGood()
	case 2, 3:
		if g := w.m.current; g != nil {
			return fetched{credential: w.retold(g.Credential), forced: c.fresh}
		}
	case 4:
		if c := w.m.candidate; c != nil && !c.alternate {
			return got(c.credential)
		}
	}
	in := fetched{credential: w.mint(), forced: c.fresh}
	if w.dynamic {
		w.loose[in.credential.Version] = true
	}
	return in
}

// mint makes a credential, now and then one that is of no use.
func (w *walk) mint() source.Credential {
	c := static(fmt.Sprint("s", w.choose(4)))
	if w.dynamic {
		w.minted++
		c = static(fmt.Sprint("d", w.minted))
	}
	return w.timed(c)
}

// timed gives a credential its times.
func (w *walk) timed(c source.Credential) source.Credential {
	c.IssuedAt = w.now.Add(-time.Duration(w.choose(2)) * 10 * time.Second)
	lives := []time.Duration{0, 0, 4 * time.Second, time.Minute, time.Minute, time.Hour, time.Second}
	if life := lives[w.choose(len(lives))]; life > 0 {
		c.ExpiresAt = c.IssuedAt.Add(life)
	}
	if w.choose(6) == 0 {
		c.RefreshAfter = w.now.Add(time.Duration(w.choose(7200)-3600) * time.Second)
	}
	if w.choose(20) == 0 {
		c.Username = ""
	}
	return c
}

// retold is the login in use as the source tells it: as it was, or with another end.
func (w *walk) retold(c source.Credential) source.Credential {
	switch w.choose(4) {
	case 0:
		c.ExpiresAt = w.now.Add(time.Duration(w.choose(100)-10) * time.Second)
	case 1:
		c.RefreshAfter = w.now.Add(time.Duration(w.choose(100)) * time.Second)
	}
	return c
}

func (w *walk) answerRenew(c source.Credential) renewed {
	switch w.choose(4) {
	case 0:
		return notRenewed()
	case 1:
		c.Version = "another"
	case 2:
		c.ExpiresAt = c.ExpiresAt.Add(time.Duration(w.choose(60)) * time.Second)
	}
	return renewed{credential: c}
}

func (w *walk) answerAlternates() alternated {
	if w.choose(4) == 0 {
		return alternated{err: failed().err}
	}
	var in alternated
	for range w.choose(4) {
		c := static(fmt.Sprint("s", w.choose(4)))
		if w.dynamic {
			w.minted++
			c = static(fmt.Sprint("a", w.minted))
			w.named[c.Version] = true
		}
		in.candidates = append(in.candidates, w.timed(c))
	}
	if w.choose(4) == 0 && w.m.current != nil {
		in.candidates = append(in.candidates, w.m.current.Credential)
	}
	w.list = len(in.candidates)
	return in
}

func (w *walk) answerVerify(version string) {
	classes := []rekey.VerifyClass{rekey.VerifyUnknown, rekey.VerifyRefused, rekey.VerifyForbidden, rekey.VerifyLacking}
	n := w.choose(len(classes) + 3)
	if n >= len(classes) {
		w.step(works())
		return
	}
	if class := classes[n]; class != rekey.VerifyUnknown {
		w.refusedAt[version], w.class[version] = w.now, class
	}
	w.step(fails(classes[n]))
}

// step feeds the machine and looks at what comes of it.
func (w *walk) step(in input) {
	w.t.Helper()
	before, rounds := w.pending, w.m.rounds
	switch in.(type) {
	case fetched, renewed, alternated, verified:
		w.pending = nil
	}
	commands := w.m.step(in, w.now, float64(w.choose(1000))/1000)
	w.note(in, commands)
	concludes := w.m.rounds != rounds
	if concludes {
		w.concluded, w.excused, w.ops = w.now, false, 0
	}
	for _, c := range commands {
		w.command(in, c, before, concludes)
	}
	w.checkState()
	w.checkRounds(before, rounds)
	if wake := w.m.wake(); in == (tick{}) && reachedBy(w.now, wake) {
		w.failf("wants a tick at %v, which has come and changed nothing", wake.Sub(epoch))
	}
}

// move is one step, for whoever has to find out what went wrong.
type move struct {
	at       time.Time
	in       input
	commands []command
	due      time.Time
}

func (m move) String() string {
	what := fmt.Sprintf("%T%+v", m.in, m.in)
	if in, ok := m.in.(fetched); ok {
		what = fmt.Sprintf("fetched %v %v", in.credential.LogValue(), in.err)
	}
	return fmt.Sprintf("%v %s -> %s (due in %v)", m.at.Sub(epoch), what, render(m.commands), m.due.Sub(m.at))
}

// note keeps the last steps.
func (w *walk) note(in input, commands []command) {
	w.history = append(w.history, move{w.now, in, commands, w.m.due})
	if len(w.history) > 25 {
		w.history = w.history[1:]
	}
}

func (w *walk) failf(format string, args ...any) {
	w.t.Helper()
	text := fmt.Sprintf(format, args...) + "\nafter"
	for _, m := range w.history {
		text += "\n" + m.String()
	}
	w.t.Fatal(text)
}

// command checks one command against what the walk knows.
func (w *walk) command(in input, c command, before command, concludes bool) {
	w.t.Helper()
	switch c := c.(type) {
	case fetch, renew, alternates, verify:
		w.starts(in, c)
	case publish:
		w.publishes(c.generation, before)
	case extend:
		w.expired = false
	case expire:
		if w.expired || !reachedBy(w.now, c.generation.NotAfter) {
			w.failf("expired again, or early: not after %v", c.generation.NotAfter.Sub(epoch))
		}
		w.expired, w.excused = true, true
		clear(w.refusedAt)
	case suspect:
		w.excused = concludes // found during a renewal: answered at once
		clear(w.refusedAt)
	case retire:
		w.retires(c.credential.Version)
	}
}

func reachedBy(now, t time.Time) bool { return !t.IsZero() && !now.Before(t) }

// starts: one operation at a time, and none of the machine's own accord without a wait.
func (w *walk) starts(in input, c command) {
	w.t.Helper()
	if w.pending != nil {
		w.failf("%s while %s is under way", renderOne(c), renderOne(w.pending))
	}
	if _, ok := in.(tick); ok && w.ops == 0 && !w.excused && w.now.Sub(w.concluded) < shortest {
		w.failf("%s only %v after the last round", renderOne(c), w.now.Sub(w.concluded))
	}
	w.pending = c
	if w.ops++; w.ops > 6+w.list {
		w.failf("%d operations in one round", w.ops)
	}
	switch c := c.(type) {
	case fetch:
		w.fetches++
	case verify:
		w.verifies(c.credential)
	case alternates:
		w.asksAlternates(c.refused.Version)
	}
}

func (w *walk) verifies(c source.Credential) {
	w.t.Helper()
	if at, ok := w.refusedAt[c.Version]; ok && w.now.Sub(at) < shortest {
		w.failf("login with %s, which was refused %v ago", c.Version, w.now.Sub(at))
	}
	if c.Username == "" || !w.m.inUseVersion(c.Version) && reachedBy(w.now, w.m.policy.NotAfter(c)) {
		w.failf("login with %s, which is of no use", c.Version)
	}
}

// asksAlternates: only after a refused password.
func (w *walk) asksAlternates(version string) {
	w.t.Helper()
	if w.class[version] != rekey.VerifyRefused {
		w.failf("alternates for %s, which was %v", version, w.class[version])
	}
	if t := w.m.trouble; t != nil && t.err.Class != rekey.VerifyRefused {
		w.failf("alternates while the login in use is %v", t.err.Class)
	}
}

// publishes: what was verified a moment ago, and has some life left.
func (w *walk) publishes(g *Generation, before command) {
	w.t.Helper()
	v, ok := before.(verify)
	if !ok || v.credential.Version != g.Credential.Version {
		w.failf("generation %d was not verified", g.ID)
	}
	if reachedBy(w.now, g.NotAfter) {
		w.failf("generation %d has ended before it began", g.ID)
	}
	w.expired = false
	delete(w.loose, g.Credential.Version)
	delete(w.refusedAt, g.Credential.Version)
}

// retires: once, what the pool fetched and does not use.
func (w *walk) retires(version string) {
	w.t.Helper()
	if w.m.inUseVersion(version) || w.m.candidate != nil && w.m.candidate.credential.Version == version {
		w.failf("%s is retired while it is in use", version)
	}
	if w.named[version] {
		w.failf("%s is retired, and it is not ours", version)
	}
	if w.retired[version]++; w.dynamic && w.retired[version] > 1 {
		w.failf("%s is retired twice", version)
	}
	delete(w.loose, version)
}

func (m *machine) inUseVersion(version string) bool {
	return m.current != nil && m.current.Credential.Version == version
}

// checkState asserts what holds between two steps.
func (w *walk) checkState() {
	w.t.Helper()
	m := w.m
	if (m.op == opNone) != (w.pending == nil) {
		w.failf("the machine believes %v to be under way", m.op)
	}
	if (m.op == opNone) == m.due.IsZero() {
		w.failf("op %v and due %v: stalled, or twice at work", m.op, m.due)
	}
	w.checkUrgency()
	if m.op == opNone && m.current != nil && !m.expired && !m.current.NotAfter.IsZero() && m.wake().After(m.current.NotAfter) {
		w.failf("asleep at the end of the login in use")
	}
	for version := range w.loose {
		if m.candidate == nil || m.candidate.credential.Version != version {
			w.failf("%s was fetched, and is neither in use nor on its way nor given back", version)
		}
	}
	if m.expired != w.expired {
		w.failf("expired is %v, and the target was told %v", m.expired, w.expired)
	}
	if _, err := viewOf(m, false, "").login(); (err == nil) != (m.current != nil && m.trouble == nil && !m.expired) {
		w.failf("login says %v", err)
	}
	if len(m.refused) > 2000 {
		w.failf("%d refused versions are remembered", len(m.refused))
	}
}

// checkRounds asserts that rounds are counted one by one, and that who asks is answered by a fetch of his own.
func (w *walk) checkRounds(before command, rounds uint64) {
	w.t.Helper()
	switch delta := w.m.rounds - rounds; {
	case delta > 1, before == nil && delta != 0, before != nil && w.pending == nil && delta != 1:
		w.failf("%d rounds ended in one step", delta)
	}
	left := w.waiting[:0]
	for _, waits := range w.waiting {
		if w.m.rounds < waits.round {
			left = append(left, waits)
		} else if w.fetches <= waits.fetches {
			w.failf("round %d answers somebody, and nothing was fetched since he asked", waits.round)
		}
	}
	w.waiting = left
}

// A hundred thousand steps of many machines, the same ones at each run.
func TestMachineWalks(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 2))
		w := newWalk(t, random.IntN)
		for range 1500 {
			w.next()
		}
	}
}

func FuzzMachine(f *testing.F) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 3))
		steps := make([]byte, 400)
		for i := range steps {
			steps[i] = byte(random.IntN(256))
		}
		f.Add(steps)
	}
	f.Fuzz(func(t *testing.T, steps []byte) {
		w := newWalk(t, func(n int) int {
			if len(steps) == 0 {
				return 0
			}
			b := int(steps[0])
			steps = steps[1:]
			return b * n / 256
		})
		for len(steps) > 0 {
			w.next()
		}
	})
}

// checkUrgency: while nobody can log in the next attempt is ten seconds away at most, or a tenth of the time that this has
// lasted for, but never more than thirty seconds.
func (w *walk) checkUrgency() {
	w.t.Helper()
	m := w.m
	if m.current != nil && m.trouble == nil && !m.expired {
		w.without = time.Time{}
		return
	}
	if w.without.IsZero() {
		w.without = w.now
	}
	longest := min(max(10*time.Second, w.now.Sub(w.without)/10), 30*time.Second)
	if m.op == opNone && m.due.Sub(w.now) > longest {
		w.failf("nobody can log in since %v, and the next attempt is %v away", w.without.Sub(epoch), m.due.Sub(w.now))
	}
}
