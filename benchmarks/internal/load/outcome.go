package load

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Op is one operation.
type Op struct {
	Due   time.Time // when the caller wanted it
	Began time.Time // when it was started
	Ended time.Time
	Err   error

	Deadline time.Duration // that the caller had, from Due
}

// Outcome is what became of an operation.
type Outcome int

// Outcomes.
const (
	Succeeded Outcome = iota
	// Killed: the operation found its session ended while the server was ending all of them: it was in flight, or its connection
	// was handed out dead, tens of milliseconds at most after the order.
	Killed
	// Late: the caller's deadline came first.
	Late
	// Unconnected: a connection was needed and none could be made: the server refused the login, or none was to be had.
	Unconnected
	// Failed: anything else. A connection whose role is gone or whose session was ended before, a pool that is closed.
	Failed
)

// Kill is a time in which sessions were ended: from just before the order until the last of them was gone.
type Kill struct{ From, To time.Time }

// settle is how long after the server's word a client may still find out; the news is on its way.
const settle = 5 * time.Millisecond

// OutcomeOf sorts an operation. Only one that had begun before the last session was gone can have been in flight. Which session it
// had is not known, so that one that was given a connection whose own session was gone a moment before is taken for the
// same; whoever comes later and is given a dead connection has failed.
func OutcomeOf(op Op, kills []Kill) Outcome {
	var login *pgconn.ConnectError
	switch {
	case op.Err == nil:
		return Succeeded
	case cutOff(op.Err) && inFlight(op, kills):
		return Killed
	case errors.Is(op.Err, context.DeadlineExceeded):
		return Late
	case errors.As(op.Err, &login):
		return Unconnected
	default:
		return Failed
	}
}

func inFlight(op Op, kills []Kill) bool {
	for _, k := range kills {
		if op.Began.Before(k.To.Add(settle)) && op.Ended.After(k.From) {
			return true
		}
	}
	return false
}

// cutOff reports whether err may be that of a session that was ended: the server's word, or a broken socket. A login
// that failed is neither.
func cutOff(err error) bool {
	var login *pgconn.ConnectError
	if errors.As(err, &login) {
		return false
	}
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return server.Code == "57P01"
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, driver.ErrBadConn) ||
		err.Error() == "conn closed"
}
