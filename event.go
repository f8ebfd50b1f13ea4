package rekey

import (
	"log/slog"
	"time"
)

// Event is something that happened to a pool's credential. Its concrete types are the structs of this
// package whose names end in "Event"; a handler switches on them and ignores those it does not know, because
// new ones may be added.
//
// Events are handed over one at a time and in order, by the pool's own goroutine: a handler must not block, and of
// the pool it may use Status, Stat and Config only: anything else may wait for that goroutine.
type Event interface {
	// Name is the event's name in logs, such as "credential adopted".
	Name() string
	// Level is how much an operator should care.
	Level() slog.Level
	// Attrs is the event's content, ready for a structured log. It holds no secret.
	Attrs() []slog.Attr
}

// FetchedEvent says that the source gave a credential.
type FetchedEvent struct {
	Version  string
	Changed  bool // the Version differs from the one in use
	Forced   bool // asked for after a refused login or by the application, not because it was due
	Duration time.Duration
}

// RefreshFailedEvent says that the source did not give a credential, or did not renew it. The credential in
// use stays.
type RefreshFailedEvent struct {
	Err      *FetchError
	Failures int       // in a row
	RetryAt  time.Time // the next attempt, unless something asks earlier; zero when another way is tried at once
	Duration time.Duration
}

// RenewedEvent says that the lease of the credential in use was extended.
type RenewedEvent struct {
	Generation uint64
	Version    string
	ExpiresAt  time.Time
	Fallback   bool // because fetching a new credential had failed
	Duration   time.Duration
}

// RefusedEvent says that a credential was not adopted. The one in use stays.
type RefusedEvent struct {
	Err      *VerifyError
	RetryAt  time.Time
	Duration time.Duration // of the verification
}

// AdoptedEvent says that a credential was verified and is the login of every connection made from now on.
type AdoptedEvent struct {
	Generation uint64
	Version    string
	Username   string
	ExpiresAt  time.Time // zero: it does not end by itself
	Alternate  bool      // it came from the source's alternates, after a refused login
	Verify     time.Duration
}

// ConfirmedEvent says that the source now gives as the current credential what was adopted as an alternate.
type ConfirmedEvent struct {
	Generation uint64
	Version    string
}

// LoginRefusedEvent says that the server refused the login in use. Callers who need a new connection wait
// while the pool asks the source.
type LoginRefusedEvent struct {
	Generation uint64
	Version    string
	SQLState   string
	Revoked    bool // found on an open connection whose role has lost everything, not at a login
}

// LoginRestoredEvent says that the server accepts the login in use again.
type LoginRestoredEvent struct {
	Generation uint64
	Version    string
	Verify     time.Duration
}

// ExpiredEvent says that the credential in use has reached its end and nothing newer was had: its
// connections are closed.
type ExpiredEvent struct {
	Generation uint64
	Version    string
	Cause      error // why the last refresh failed
}

// DrainedEvent says that no connection of a superseded generation is left in the pool.
type DrainedEvent struct {
	Generation uint64
	Version    string
	Cancelled  int // connections that were in use at the deadline, cancelled and closed
	Duration   time.Duration
	Empty      bool // it had no connections when it was superseded, or the next generation has taken them over
}

// RetiredEvent says that a credential was given back to its issuer, or could not be.
type RetiredEvent struct {
	Version string
	Err     *FetchError // nil: done
}

// WarningEvent says that the configuration will hurt some day.
type WarningEvent struct {
	Field   string
	Message string
}

// ClosedEvent is a pool's last event.
type ClosedEvent struct {
	Abandoned int // connections that were still checked out, or hijacked, and were closed under their holders
}

func (FetchedEvent) Name() string       { return "credential fetched" }
func (RefreshFailedEvent) Name() string { return "credential refresh failed" }
func (RenewedEvent) Name() string       { return "credential lease renewed" }
func (RefusedEvent) Name() string       { return "credential not adopted" }
func (AdoptedEvent) Name() string       { return "credential adopted" }
func (LoginRefusedEvent) Name() string  { return "login refused" }
func (LoginRestoredEvent) Name() string { return "login restored" }
func (ConfirmedEvent) Name() string     { return "alternate confirmed" }
func (ExpiredEvent) Name() string       { return "credential expired" }
func (DrainedEvent) Name() string       { return "generation drained" }
func (e RetiredEvent) Name() string     { return "credential retired" }
func (WarningEvent) Name() string       { return "configuration warning" }
func (ClosedEvent) Name() string        { return "pool closed" }

func (FetchedEvent) Level() slog.Level       { return slog.LevelDebug }
func (RefreshFailedEvent) Level() slog.Level { return slog.LevelWarn }
func (RenewedEvent) Level() slog.Level       { return slog.LevelInfo }
func (RefusedEvent) Level() slog.Level       { return slog.LevelWarn }
func (LoginRefusedEvent) Level() slog.Level  { return slog.LevelError }
func (LoginRestoredEvent) Level() slog.Level { return slog.LevelInfo }
func (ConfirmedEvent) Level() slog.Level     { return slog.LevelInfo }
func (ExpiredEvent) Level() slog.Level       { return slog.LevelError }
func (WarningEvent) Level() slog.Level       { return slog.LevelWarn }

// Level is a warning when the database knew another password than the store.
func (e AdoptedEvent) Level() slog.Level { return warnIf(e.Alternate, slog.LevelInfo) }

// Level is a warning when connections were cut, and low when there was nothing to drain.
func (e DrainedEvent) Level() slog.Level {
	if e.Empty {
		return slog.LevelDebug
	}
	return warnIf(e.Cancelled > 0, slog.LevelInfo)
}

// Level is a warning when connections were closed under their holders.
func (e ClosedEvent) Level() slog.Level { return warnIf(e.Abandoned > 0, slog.LevelInfo) }

// Level is a warning when the issuer did not take the credential back.
func (e RetiredEvent) Level() slog.Level { return warnIf(e.Err != nil, slog.LevelInfo) }

func warnIf(yes bool, otherwise slog.Level) slog.Level {
	if yes {
		return slog.LevelWarn
	}
	return otherwise
}
