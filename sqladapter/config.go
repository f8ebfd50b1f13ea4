package sqladapter

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/refresh"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/source"
)

// Defaults of Config; they are those of package managedpool.
const (
	DefaultFetchTimeout    = refresh.DefaultFetchTimeout
	DefaultVerifyTimeout   = refresh.DefaultVerifyTimeout
	DefaultMaxHold         = refresh.DefaultMaxHold
	DefaultBreakerFailures = refresh.DefaultBreakerFailures
	DefaultBreakerOpen     = refresh.DefaultBreakerOpen
	DefaultHeadroom        = refresh.DefaultHeadroom
)

// Config says what a DB is made of and how it follows its credentials. Fields other than Source and Driver may stay
// zero, for the defaults that they name. It is copied.
type Config struct {
	// Source gives the credentials. The caller closes it, after the DB. Required.
	Source source.Source

	// Driver is how to connect: New of the packages pgxstdlib, libpq or mysql, or your own. Required.
	Driver Driver

	// MaxOpenConns is how many connections the DB may have; SetMaxOpenConns with more, or with 0, is taken back. As
	// many idle ones are kept: SetMaxIdleConns changes that. Defaults to the number of processors, and at least 4.
	MaxOpenConns int

	// Headroom is how many sessions beyond MaxOpenConns there may be, for verifying a credential and for making a
	// connection before the one it replaces goes. Defaults to 1. -1 means none: they take the place of a
	// connection; while all are in use, no credential can be verified.
	Headroom int

	// Probe checks that a credential can do the application's work before it is adopted. Defaults to the
	// driver's: with PostgreSQL probe.Parity, so it must hold every privilege that the login in use holds.
	Probe probe.Probe

	// ExpiryWindow is how long before its expiry a credential is refreshed. Defaults to a third of its
	// life.
	ExpiryWindow time.Duration

	// Margin is how long before its expiry a credential's last connection is closed. Defaults to a tenth of
	// its life, at most two minutes. The window less the margin is how long an outage of the source is survived.
	Margin time.Duration

	// PollInterval is how often the source is asked about a credential that neither expires nor says when
	// to look again. Defaults to one minute.
	PollInterval time.Duration

	// Jitter is the part of an interval, from 0 to 1, by which a refresh may come early, so that a fleet
	// does not refresh in step. Defaults to a tenth; -1 means none.
	Jitter float64

	// PreferRenew extends a lease that is due, and asks for another credential only when that fails or the issuer
	// will not extend it any further. It does nothing with a source that cannot renew.
	PreferRenew bool

	// FetchTimeout bounds each call of the source; for short leases it is a third of the time between
	// window and margin, if that is less, but five seconds while no login works. Defaults to 30 seconds.
	FetchTimeout time.Duration

	// VerifyTimeout bounds a verification: login and probe. Defaults to 30 seconds.
	VerifyTimeout time.Duration

	// MaxHold bounds how long a connection attempt waits for a login that works while the server refuses
	// the one in use, or that has ended less than MaxHold ago, and how long Open waits for the first. A caller's own
	// deadline ends his wait earlier. Defaults to 30 seconds.
	MaxHold time.Duration

	// BreakerFailures is after how many failed fetches in a row the source is left alone, for BreakerOpen
	// at the longest; leases are still renewed. Fetches while no login works, when little time is left, after a change that the
	// source told of, and by Refresh are made all the same. Default to 5 and 30 seconds.
	BreakerFailures int
	BreakerOpen     time.Duration

	// DrainTimeout ends a hand-over: connections of the old credential that are still in use are then closed. Defaults
	// to 0: only the end of the old credential, less the margin, ends it.
	DrainTimeout time.Duration

	// ReplaceSameLogin replaces connections even when only the password has changed. Defaults to false: servers do
	// not mind, an open session stays authenticated.
	ReplaceSameLogin bool

	// FollowEndpoint passes the host, the port and the database that a credential brings on to the driver. Defaults to
	// none: they are taken out of the credential, and the driver's own configuration decides. An error refuses the
	// credential; check what you let pass, because whoever writes the secret then says where passwords go.
	FollowEndpoint func(host string, port uint16, database string) error

	// Lazy lets Open return before the first credential is verified. Callers then wait for it as they would for a
	// refused login.
	Lazy bool

	// OnEvent takes the events, one at a time and in order. It must not block. Defaults to none.
	OnEvent func(rekey.Event)

	// Logger writes a line for each event. Defaults to none.
	Logger *slog.Logger

	// Name is the DB's, and SourceName that of what its credentials come from, such as "vault": they are the attributes
	// "pool" and "source" of every line of Logger. Give the same to otelrekey.Options.Pool and Source. Default to none:
	// the attribute is left out.
	Name       string
	SourceName string
}

// settings is what managedpool's options have as well.
func (c *Config) settings() refresh.Settings {
	return refresh.Settings{
		ExpiryWindow: c.ExpiryWindow, Margin: c.Margin, PollInterval: c.PollInterval, Jitter: c.Jitter,
		PreferRenew:  c.PreferRenew,
		FetchTimeout: c.FetchTimeout, VerifyTimeout: c.VerifyTimeout, MaxHold: c.MaxHold,
		BreakerFailures: c.BreakerFailures, BreakerOpen: c.BreakerOpen,
		Headroom: c.Headroom, DrainTimeout: c.DrainTimeout,
	}
}

// withDefaults returns a copy without zero values where those mean a default.
func (c Config) withDefaults() Config {
	common := c.settings().WithDefaults()
	c.FetchTimeout, c.VerifyTimeout, c.MaxHold = common.FetchTimeout, common.VerifyTimeout, common.MaxHold
	c.BreakerFailures, c.BreakerOpen, c.Headroom = common.BreakerFailures, common.BreakerOpen, common.Headroom
	if c.MaxOpenConns == 0 {
		c.MaxOpenConns = max(4, runtime.NumCPU())
	}
	if c.Driver.Classify == nil {
		c.Driver.Classify = BySQLState
	}
	if c.Driver.Probe == nil {
		c.Driver.Probe = probe.Ping{}
	}
	if c.Probe == nil {
		c.Probe = c.Driver.Probe
	}
	return c
}

// validate checks what withDefaults returned.
func (c *Config) validate() error {
	f, isFunc := c.Source.(source.Func)
	switch {
	case c.Source == nil:
		return errors.New("sqladapter: Config.Source is nil: a DB needs a source of credentials")
	case isFunc && f == nil:
		return errors.New("sqladapter: Config.Source is a source.Func without a function")
	case c.Driver.Connector == nil:
		return errors.New("sqladapter: Config.Driver.Connector is nil: take New of pgxstdlib, libpq or mysql, or give a function")
	case c.MaxOpenConns < 1:
		return fmt.Errorf("sqladapter: Config.MaxOpenConns must be positive, is %d", c.MaxOpenConns)
	}
	if p, ok := c.Probe.(probe.Func); ok && p == nil {
		return errors.New("sqladapter: Config.Probe must not be a probe.Func without a function")
	}
	if err := probe.Validate(c.Probe); err != nil {
		return fmt.Errorf("sqladapter: Config.Probe: %w", err)
	}
	return c.settings().Validate(func(field, complaint string) error {
		return fmt.Errorf("sqladapter: Config.%s %s", field, complaint)
	})
}
