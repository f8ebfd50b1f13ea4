package lineage

import (
	"time"

	"github.com/rekeyhq/rekey/internal/leasetimer"
)

const (
	// A hand-over is late after patienceBase and patiencePerConn for each connection that the pool may have: several times
	// what a login takes.
	patienceBase    = 500 * time.Millisecond
	patiencePerConn = 50 * time.Millisecond

	// WarnAfter is how long connections may stay in use before somebody had better know.
	WarnAfter = time.Minute
)

// Look is what a look at the age of hand-overs has shown.
type Look[G Generation] struct {
	Late  bool       // one has become late
	InUse []Drain[G] // those that somebody had better know of, each told once
	Next  time.Time  // when to look again; zero: when there is another
}

// LookAtAge marks as late what has been draining for too long, on a machine that is too busy for it or because of yet another
// rotation: the issuer may be about to end those logins. conns is how many connections the pool may have. It is for one
// goroutine.
func LookAtAge[G Generation](draining []Drain[G], conns int, drainTimeout time.Duration, now time.Time) (look Look[G]) {
	for _, d := range draining {
		l, age, patience := d.Generation.Self(), now.Sub(d.Superseded), d.patience(conns, drainTimeout)
		switch {
		case l.Late.Load() && (age < WarnAfter || l.warned):
		case l.Late.Load():
			l.warned = true
			look.InUse = append(look.InUse, d)
		case age < patience:
			look.Next = leasetimer.Earlier(look.Next, d.Superseded.Add(patience))
		default:
			l.Late.Store(true)
			look.Late = true
		}
		if l.Late.Load() && !l.warned {
			look.Next = leasetimer.Earlier(look.Next, d.Superseded.Add(WarnAfter))
		}
	}
	return look
}

// patience is how long a hand-over may keep its pace. Half of the time to the old login's end is left for connections to
// come home: those that are in use then are cut off.
func (d Drain[G]) patience(conns int, drainTimeout time.Duration) time.Duration {
	patience := patienceBase + time.Duration(conns)*patiencePerConn
	if end := deadline(d.Generation.Self().NotAfter(), d.Superseded, drainTimeout); !end.IsZero() {
		patience = min(patience, end.Sub(d.Superseded)/2)
	}
	return patience
}
