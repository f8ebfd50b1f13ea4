package managedpool

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/rekeyhq/rekey/internal/refresh"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/source"
)

// Defaults of Options.
const (
	DefaultFetchTimeout    = refresh.DefaultFetchTimeout
	DefaultVerifyTimeout   = refresh.DefaultVerifyTimeout
	DefaultMaxHold         = refresh.DefaultMaxHold
	DefaultBreakerFailures = refresh.DefaultBreakerFailures
	DefaultBreakerOpen     = refresh.DefaultBreakerOpen
	DefaultHeadroom        = refresh.DefaultHeadroom
)

// Options says how a Pool follows its credentials. The zero value, and a nil *Options, mean the defaults that
// each field names. The pool copies it.
type Options struct {
	// Probe checks that a credential can do the application's work before it is adopted. Defaults to
	// probe.Parity: it must hold every privilege that the login in use holds.
	Probe probe.Probe

	// ExpiryWindow is how long before its expiry a credential is refreshed. Defaults to a third of its
	// life.
	ExpiryWindow time.Duration

	// Margin is how long before its expiry a credential's last connection is closed. Defaults to a tenth of
	// its life, at most two minutes. The window less the margin is how long an outage of the source the
	// pool survives.
	Margin time.Duration

	// PollInterval is how often the source is asked about a credential that neither expires nor says when
	// to look again. Defaults to one minute.
	PollInterval time.Duration

	// Jitter is the part of an interval, from 0 to 1, by which a refresh may come early, so that a fleet
	// does not refresh in step. Defaults to a tenth; -1 means none.
	Jitter float64

	// PreferRenew extends a lease that is due, and asks for another credential only when that fails or the issuer
	// will not extend it any further: one database role for as long as the issuer allows, where the default is a new
	// one each time. It needs a source that can renew, such as Vault's dynamic roles, and does nothing with others.
	PreferRenew bool

	// FetchTimeout bounds each call of the source; for short leases it is a third of the time between
	// window and margin, if that is less, but five seconds while no login works. Defaults to 30 seconds.
	FetchTimeout time.Duration

	// VerifyTimeout bounds a verification: login, AfterConnect and probe. Defaults to 30 seconds.
	VerifyTimeout time.Duration

	// MaxHold bounds how long a connection attempt waits for a login that works while the server refuses
	// the one in use, or that has ended less than MaxHold ago, and how long New waits for the first. A caller's own
	// deadline ends his wait earlier; a caller without one who first queues for a place in a full pool may wait for
	// several attempts. Defaults to 30 seconds.
	MaxHold time.Duration

	// BreakerFailures is after how many failed fetches in a row the source is left alone, for BreakerOpen
	// at the longest; leases are still renewed. Fetches while no login works, when little time is left, after a change that the
	// source told of, and by Refresh are made all the same. Default to 5 and 30 seconds.
	BreakerFailures int
	BreakerOpen     time.Duration

	// Mode says what a rotation replaces: InPlace, the default, connections; Replace the whole pgxpool.
	Mode Mode

	// NextConfig changes the configuration of the pgxpool that a credential gets in Replace mode: its size, its
	// TLS, where it connects. config is a copy of the pool's own, to be changed in place; next is the credential,
	// whose login is set later. After an error the credential is tried again later; after one wrapped by
	// source.Permanent it is given back. It must return soon after ctx ends and is called for each verification.
	// Defaults to none.
	//
	// Until a hand-over is over, callers may still get connections of the configuration before. The size is that of the
	// newest: where it shrinks, callers wait until enough of the old connections have come home. A tracer that differs
	// from one credential to the next hears of acquires and of releases that another one hears of.
	NextConfig func(ctx context.Context, next source.Credential, config *Config) error

	// Headroom is how many sessions beyond MaxConns the pool may have, for verifying a credential and for
	// making a connection before the one it replaces goes. Defaults to 1. -1 means none: a connection goes
	// first, and its place is taken; while all are held, no credential can be verified. In Replace mode more
	// than 1 lets the next pgxpool fill before connections of the one before go, up to MaxConns.
	Headroom int

	// DrainTimeout ends a hand-over: connections of the old credential that are still in use, or hijacked, are
	// then cancelled and closed. Defaults to 0: only the end of the old credential, less the margin, ends it.
	DrainTimeout time.Duration

	// ReplaceSameLogin replaces connections even when only the password has changed. Defaults to false:
	// PostgreSQL does not mind, an open session stays authenticated.
	ReplaceSameLogin bool

	// AllowEndpoints lists the endpoints that a credential may bring, as "host", "host:port",
	// "host/database" or "host:port/database"; a host may be "*.example.com", a database "*". Without a
	// port any port will do; without a database the one of the configuration stays in use, and a credential
	// that names another is refused. Defaults to none: an endpoint in a credential is ignored.
	AllowEndpoints []string

	// Lazy lets New return before the first credential is verified, as pgxpool does. Callers then wait for
	// it as they would for a refused login.
	Lazy bool

	// OnEvent takes the pool's events, one at a time and in order. It must not block. Defaults to none.
	OnEvent func(Event)

	// Logger writes a line for each event. Defaults to none.
	Logger *slog.Logger

	// Name is the pool's, and SourceName that of what its credentials come from, such as "vault": they are the attributes
	// "pool" and "source" of every line of Logger. Give the same to otelrekey.Options.Pool and Source, so that a line and
	// a metric can be told to belong together. Default to none: the attribute is left out.
	Name       string
	SourceName string
}

// withDefaults returns a copy without zero values where those mean a default.
func (o *Options) withDefaults() Options {
	var out Options
	if o != nil {
		out = *o
	}
	if out.Mode == 0 {
		out.Mode = defaultMode
	}
	common := out.settings().WithDefaults()
	out.FetchTimeout, out.VerifyTimeout, out.MaxHold = common.FetchTimeout, common.VerifyTimeout, common.MaxHold
	out.BreakerFailures, out.BreakerOpen = common.BreakerFailures, common.BreakerOpen
	out.Headroom = common.Headroom
	if out.Probe == nil {
		out.Probe = probe.Parity{}
	}
	return out
}

// settings is what sqladapter's options have as well.
func (o *Options) settings() refresh.Settings {
	return refresh.Settings{
		ExpiryWindow: o.ExpiryWindow, Margin: o.Margin, PollInterval: o.PollInterval, Jitter: o.Jitter,
		PreferRenew:  o.PreferRenew,
		FetchTimeout: o.FetchTimeout, VerifyTimeout: o.VerifyTimeout, MaxHold: o.MaxHold,
		BreakerFailures: o.BreakerFailures, BreakerOpen: o.BreakerOpen,
		Headroom: o.Headroom, DrainTimeout: o.DrainTimeout,
	}
}

// validate checks what withDefaults returned.
func (o *Options) validate() error {
	err := o.settings().Validate(func(field, complaint string) error { return optionError(field, "%s", complaint) })
	if err != nil {
		return err
	}
	switch {
	case o.Mode != InPlace && o.Mode != Replace:
		return optionError("Mode", "must be InPlace or Replace, is %v", o.Mode)
	case o.NextConfig != nil && o.Mode != Replace:
		return optionError("NextConfig", "needs Mode: Replace")
	}
	if f, ok := o.Probe.(probe.Func); ok && f == nil {
		return optionError("Probe", "must not be a probe.Func without a function")
	}
	if err := probe.Validate(o.Probe); err != nil {
		return fmt.Errorf("managedpool: Options.Probe: %w", err)
	}
	_, err = parseEndpoints(o.AllowEndpoints)
	return err
}

func optionError(field, format string, args ...any) error {
	return fmt.Errorf("managedpool: Options.%s %s", field, fmt.Sprintf(format, args...))
}
