package refresh

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
)

// without are the ways to be without a login. Each is brought about a moment before the returned time.
var without = map[string]func(m *machine) (now time.Time){
	"no first credential": func(m *machine) time.Time {
		m.step(ask{}, epoch, scripted)
		return epoch
	},
	"refused": func(m *machine) time.Time {
		adopt(m, 0)
		m.step(refusedLogin(1, rekey.VerifyRefused), epoch, scripted)
		return epoch
	},
	"expired": func(m *machine) time.Time {
		adopt(m, time.Hour)
		end := m.current.NotAfter
		m.step(tick{}, end, scripted)
		return end
	},
}

// adopt gives the machine a login, at the epoch. It ends so much later; zero: never.
func adopt(m *machine, life time.Duration) {
	c := static("v1")
	c.IssuedAt = epoch
	if life > 0 {
		c.ExpiresAt = epoch.Add(life)
	}
	m.step(ask{}, epoch, scripted)
	m.step(got(c), epoch, scripted)
	m.step(works(), epoch, scripted)
}

// TestPatience: while nobody can log in, an attempt waits for ten seconds at the most; from 100 s on for a tenth of what was
// waited so far, up to thirty. A clock that jumps changes nothing in that.
func TestPatience(t *testing.T) {
	for name, begin := range without {
		for _, jump := range []time.Duration{0, time.Hour, -time.Hour} {
			t.Run(name+", clock moved by "+jump.String(), func(t *testing.T) {
				m := newMachine(polled, false, false)
				now := begin(m)
				jumped := false
				for waited := time.Duration(0); waited < 15*time.Minute; {
					now = failAll(t, m, now)
					longest := min(max(10*time.Second, waited/10), 30*time.Second)
					pause := m.due.Sub(now)
					if want := longest / 4 * 3; pause > want+time.Millisecond || waited > time.Minute && pause < want-time.Millisecond {
						t.Fatalf("after %v the next attempt is %v away, want %v", waited, pause, want)
					}
					waited += pause
					now = m.due
					if !jumped && waited > 2*time.Minute {
						now, jumped = now.Add(jump), true
						m.step(tick{}, now, scripted)
						if m.op == opNone {
							now = m.due
						}
					}
					if m.op == opNone {
						m.step(tick{}, now, scripted)
					}
				}
			})
		}
	}
}

// failAll lets whatever is under way fail, until the machine waits.
func failAll(t *testing.T, m *machine, now time.Time) time.Time {
	t.Helper()
	for range 10 {
		switch m.op {
		case opNone:
			return now
		case opVerify:
			m.step(fails(rekey.VerifyRefused), now, scripted)
		default:
			m.step(failed(), now, scripted)
		}
	}
	t.Fatal("the machine never waits")
	return now
}
