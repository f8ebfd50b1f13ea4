package managedpool

import (
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey"
)

// The names that callers of pgxpool write. They are aliases: values pass freely between this package and
// libraries made for pgxpool.
type (
	Config                = pgxpool.Config
	Conn                  = pgxpool.Conn
	Tx                    = pgxpool.Tx
	Stat                  = pgxpool.Stat
	ShouldPingParams      = pgxpool.ShouldPingParams
	AcquireTracer         = pgxpool.AcquireTracer
	ReleaseTracer         = pgxpool.ReleaseTracer
	TraceAcquireStartData = pgxpool.TraceAcquireStartData
	TraceAcquireEndData   = pgxpool.TraceAcquireEndData
	TraceReleaseData      = pgxpool.TraceReleaseData
)

// ParseConfig is pgxpool.ParseConfig. Its errors, and Config.ConnString, hold the connection string as it was
// given: leave the password to the source.
var ParseConfig = pgxpool.ParseConfig

// The words that rekey's pools share, under the names that a user of this package looks for.
type (
	Event       = rekey.Event
	Status      = rekey.Status
	FetchError  = rekey.FetchError
	VerifyError = rekey.VerifyError
)

// The states that errors.Is finds; see package rekey.
var (
	ErrClosed            = rekey.ErrClosed
	ErrCredentialExpired = rekey.ErrCredentialExpired
	ErrLoginRefused      = rekey.ErrLoginRefused
)
