package statuspage

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Defaults of Options.
const (
	DefaultTitle        = "Database credentials"
	DefaultHistory      = 200
	DefaultMaxStreams   = 32
	DefaultInterval     = 500 * time.Millisecond
	DefaultHeartbeat    = 10 * time.Second
	DefaultWriteTimeout = 10 * time.Second
)

// Options changes a Page. The zero value, and a nil *Options, mean the defaults that each field names. The page
// copies it.
type Options struct {
	// Title heads the page: the service's name, say. Defaults to "Database credentials".
	Title string

	// History is how many events of each pool are kept for those who come later, beside the last 50 that are
	// routine, such as a refresh that changed nothing. Defaults to 200.
	History int

	// Hosts are names under which the page is served besides localhost and loopback addresses, such as what a
	// browser knows a proxy by that passes its Host on; ports do not count, and "*" means every name. Defaults to
	// none on a loopback address: that keeps out web pages whose name was made to lead there (DNS rebinding).
	// Elsewhere it defaults to every name.
	Hosts []string

	// MaxStreams is how many browsers may follow the events at a time; others are told to come again. Defaults
	// to 32.
	MaxStreams int

	// Interval is how often the pools are looked at for each browser that follows; while there is none, nothing
	// is. Defaults to half a second.
	Interval time.Duration

	// Heartbeat is the silence after which a browser is told that the stream is alive. Defaults to 10 seconds.
	Heartbeat time.Duration

	// WriteTimeout is how long a browser may take for what it is sent before it is dropped. It goes before the
	// WriteTimeout of the http.Server, which would end every stream. Defaults to 10 seconds.
	WriteTimeout time.Duration
}

// withDefaults returns a copy without zero values.
func (o *Options) withDefaults() Options {
	var out Options
	if o != nil {
		out = *o
	}
	out.Hosts = slices.Clone(out.Hosts)
	setDefault(&out.Title, DefaultTitle)
	setDefault(&out.History, DefaultHistory)
	setDefault(&out.MaxStreams, DefaultMaxStreams)
	setDefault(&out.Interval, DefaultInterval)
	setDefault(&out.Heartbeat, DefaultHeartbeat)
	setDefault(&out.WriteTimeout, DefaultWriteTimeout)
	return out
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validate checks what withDefaults returned.
func (o *Options) validate() error {
	positive := []struct {
		field string
		value int64
	}{
		{"History", int64(o.History)}, {"MaxStreams", int64(o.MaxStreams)}, {"Interval", int64(o.Interval)},
		{"Heartbeat", int64(o.Heartbeat)}, {"WriteTimeout", int64(o.WriteTimeout)},
	}
	for _, p := range positive {
		if p.value < 0 {
			return fmt.Errorf("statuspage: Options.%s must not be negative", p.field)
		}
	}
	for _, host := range o.Hosts {
		if hostOf(host) == "" || strings.Contains(host, "/") {
			return fmt.Errorf("statuspage: Options.Hosts must hold names, and not %q", host)
		}
	}
	return nil
}
