package rekey

import (
	"log/slog"
	"time"
)

// Trigger is what began a refresh.
type Trigger string

const (
	// TriggerStart: it is the pool's first.
	TriggerStart Trigger = "start"
	// TriggerDue: its time had come.
	TriggerDue Trigger = "due"
	// TriggerChanged: the source told of a change.
	TriggerChanged Trigger = "changed"
	// TriggerRefused: the server refused the login in use.
	TriggerRefused Trigger = "refused"
	// TriggerAsked: the application called Refresh, or something asked while another refresh was under way.
	TriggerAsked Trigger = "asked"
)

// Outcome is what came of a refresh.
type Outcome string

const (
	// OutcomeAdopted: another credential is in use.
	OutcomeAdopted Outcome = "adopted"
	// OutcomeRenewed: the lease of the credential in use was extended.
	OutcomeRenewed Outcome = "renewed"
	// OutcomeRestored: the server accepts the login in use again.
	OutcomeRestored Outcome = "restored"
	// OutcomeUnchanged: the source still gives what is in use.
	OutcomeUnchanged Outcome = "unchanged"
	// OutcomeFailed: nothing came of it. The credential in use stays.
	OutcomeFailed Outcome = "failed"
)

// RefreshEndedEvent says that a refresh has come to its end. The events of its steps come before it.
type RefreshEndedEvent struct {
	Trigger    Trigger
	Outcome    Outcome
	Generation uint64 // in use now; zero: none yet
	Version    string
	Err        error // why it failed, or why the lease had to be renewed; nil otherwise
	Duration   time.Duration
	// Recovered is how many refreshes had failed in a row before this one, which went well; zero if it did not, or none had.
	Recovered int
}

// Name implements Event.
func (RefreshEndedEvent) Name() string { return "refresh ended" }

// Level is low, because what came of it was told at its own level; but no other event says that failures are over.
func (e RefreshEndedEvent) Level() slog.Level {
	if e.Recovered > 0 {
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// Attrs implements Event.
func (e RefreshEndedEvent) Attrs() []slog.Attr {
	attrs := append(generationAttrs(e.Generation, e.Version),
		slog.String("trigger", string(e.Trigger)), slog.String("outcome", string(e.Outcome)),
		slog.Duration("duration", e.Duration))
	if e.Recovered > 0 {
		attrs = append(attrs, slog.Int("recovered", e.Recovered))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.Any("error", e.Err))
	}
	return attrs
}

// AlternatesEvent says that the source was asked what else may be right, after a login was refused, and has
// answered.
type AlternatesEvent struct {
	Candidates int
	Duration   time.Duration
}

// Name implements Event.
func (AlternatesEvent) Name() string { return "alternates fetched" }

// Level implements Event.
func (AlternatesEvent) Level() slog.Level { return slog.LevelDebug }

// Attrs implements Event.
func (e AlternatesEvent) Attrs() []slog.Attr {
	return []slog.Attr{slog.Int("candidates", e.Candidates), slog.Duration("duration", e.Duration)}
}
