// Package everyevent has one of each kind of event, for tests of what is shown of them.
package everyevent

import (
	"errors"
	"time"

	"github.com/rekeyhq/rekey"
)

// All returns them. A test of package statuspage sees to it that none is missing.
func All() []rekey.Event {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const took, generation, version = 12 * time.Millisecond, 2, "lease/2"
	fetch := &rekey.FetchError{Op: "fetch", Err: errors.New("no route")}
	return []rekey.Event{
		rekey.FetchedEvent{Version: version, Changed: true, Duration: took},
		rekey.RefreshFailedEvent{Err: fetch, Failures: 3, RetryAt: at, Duration: took},
		rekey.AlternatesEvent{Candidates: 2, Duration: took},
		rekey.RenewedEvent{Generation: generation, Version: version, ExpiresAt: at, Fallback: true, Duration: took},
		rekey.RefusedEvent{Err: &rekey.VerifyError{Version: version, Err: errors.New("permission denied")}, Duration: took},
		rekey.AdoptedEvent{Generation: generation, Version: version, Username: "app", ExpiresAt: at, Verify: took},
		rekey.ConfirmedEvent{Generation: generation, Version: version},
		rekey.RefreshEndedEvent{
			Trigger: rekey.TriggerRefused, Outcome: rekey.OutcomeRestored, Generation: generation, Version: version, Duration: took,
			Recovered: 3,
		},
		rekey.LoginRefusedEvent{Generation: generation, Version: version, SQLState: "28P01"},
		rekey.LoginRestoredEvent{Generation: generation, Version: version, Verify: took},
		rekey.ExpiredEvent{Generation: generation, Version: version, Cause: fetch},
		rekey.HandOverBegunEvent{Generation: generation, Version: version, Connections: 5},
		rekey.HandOverEndedEvent{Generation: generation, Version: version, Duration: took},
		rekey.DrainedEvent{Generation: generation, Version: version, Cancelled: 1, Duration: took},
		rekey.RetiredEvent{Version: version, Err: fetch},
		rekey.BreakerEvent{From: rekey.BreakerClosed, To: rekey.BreakerOpen},
		rekey.WarningEvent{Field: "MaxConns", Message: "too few"},
		rekey.ClosedEvent{Abandoned: 1},
	}
}
