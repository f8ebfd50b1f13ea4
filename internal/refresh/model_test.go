package refresh

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/source"
)

// trip is what source and server do to a pool in a test of the model.
type trip struct {
	settings Settings
	renews   bool
	life     time.Duration // of a credential
	latency  time.Duration // of the source
	down     [2]time.Duration
	length   time.Duration
}

// isDown reports whether the source fails at a time after the start.
func (c trip) isDown(at time.Duration) bool { return at >= c.down[0] && at < c.down[1] }

// mint makes the nth credential.
func (c trip) mint(n int, asked time.Time) source.Credential {
	out := static(fmt.Sprint("v", n))
	out.IssuedAt = asked
	if c.life > 0 {
		out.ExpiresAt = asked.Add(c.life)
	}
	return out
}

// onEngine runs the trip on an engine, in a bubble, and returns when the source was asked for what.
func (c trip) onEngine(t *testing.T) (log []string) {
	bubble(t, func(t *testing.T) {
		begin := time.Now()
		note := func(what string) error {
			log = append(log, fmt.Sprintf("%s at %v", what, time.Since(begin)))
			down := c.isDown(time.Since(begin))
			time.Sleep(c.latency)
			if down {
				return errStore
			}
			return nil
		}
		r := newRig(t, func(_ context.Context, n int) (source.Credential, error) {
			asked := time.Now()
			return c.mint(n, asked), note("fetch")
		}, func(config *Config) {
			full := c.settings.WithDefaults().Config()
			full.Source, full.Target, full.OnEvent = config.Source, config.Target, config.OnEvent
			full.Random = func() float64 { return scripted }
			*config = full
			if !c.renews {
				plain(config)
			}
		})
		r.source.renew = func(_ context.Context, old source.Credential) (source.Credential, error) {
			old.ExpiresAt = time.Now().Add(c.life)
			return old, note("renew")
		}
		r.begin()
		time.Sleep(c.length)
		r.Cancel()
		settle()
	})
	return log
}

// onModel runs it on a model.
func (c trip) onModel() (log []string) {
	m := NewModel(c.settings, c.renews, func() float64 { return scripted })
	d := driver{trip: c, model: m, now: epoch}
	for d.begin(m.Start(epoch)); d.now.Sub(epoch) < c.length; {
		d.next()
	}
	return d.log
}

// driver is the clock, the source and the server of a model.
type driver struct {
	trip
	model *Model
	now   time.Time

	began Move // and not ended
	at    time.Time
	ends  time.Time
	err   error
	n     int
	log   []string
}

// begin takes note of what the model waits for.
func (d *driver) begin(move Move) {
	d.began, d.at, d.ends, d.err = move, d.now, d.now, nil
	if move.Call != Fetching && move.Call != Renewing {
		return
	}
	d.ends = d.now.Add(d.latency)
	at := d.now.Sub(epoch)
	if d.isDown(at) {
		d.err = errStore
	}
	if move.Call == Fetching {
		d.n++
	}
	d.log = append(d.log, fmt.Sprintf("%s at %v", [...]string{Fetching: "fetch", Renewing: "renew"}[move.Call], at))
}

// next lets the time pass until something happens, and that happen.
func (d *driver) next() {
	if wake := d.model.Wake(); d.began.Call == Idle || !wake.IsZero() && wake.Before(d.ends) {
		if d.now = wake; wake.Sub(epoch) >= d.length {
			return
		}
		if move := d.model.Tick(d.now); d.began.Call == Idle {
			d.begin(move)
		}
		return
	}
	if d.now = d.ends; d.now.Sub(epoch) >= d.length {
		return
	}
	d.begin(d.end())
}

// end tells the model of the end of what it waits for.
func (d *driver) end() Move {
	switch d.began.Call {
	case Fetching:
		return d.model.Fetched(d.mint(d.n, d.at), d.err, d.now)
	case Renewing:
		c := d.began.Credential
		c.ExpiresAt = d.at.Add(d.life)
		return d.model.Renewed(c, d.err, d.now)
	default:
		return d.model.Verified(nil, d.now)
	}
}

// A model asks its source for what an engine asks, at the same times.
func TestModelDoesWhatAnEngineDoes(t *testing.T) {
	const latency = 20 * time.Millisecond
	for name, c := range map[string]trip{
		"leases":                  {life: time.Hour, latency: latency, length: 12 * time.Hour},
		"renewed leases":          {life: time.Hour, latency: latency, length: 12 * time.Hour, renews: true, settings: Settings{PreferRenew: true}},
		"an outage at the start":  {life: time.Hour, latency: latency, length: 2 * time.Hour, down: [2]time.Duration{0, time.Minute}, renews: true},
		"an hour's outage":        {life: time.Hour, latency: latency, length: 4 * time.Hour, down: [2]time.Duration{time.Hour, 2 * time.Hour}, renews: true},
		"the same, no renewal":    {life: time.Hour, latency: latency, length: 4 * time.Hour, down: [2]time.Duration{time.Hour, 2 * time.Hour}},
		"the same, preferred":     {life: time.Hour, latency: latency, length: 4 * time.Hour, down: [2]time.Duration{time.Hour, 2 * time.Hour}, renews: true, settings: Settings{PreferRenew: true}},
		"a short outage":          {life: time.Hour, latency: latency, length: 4 * time.Hour, down: [2]time.Duration{30 * time.Minute, 45 * time.Minute}, renews: true},
		"polling through outages": {latency: latency, length: 2 * time.Hour, down: [2]time.Duration{10 * time.Minute, 70 * time.Minute}},
		"short leases, an outage": {life: 10 * time.Second, latency: latency, length: 5 * time.Minute, down: [2]time.Duration{time.Minute, 2 * time.Minute}, renews: true},
	} {
		t.Run(name, func(t *testing.T) {
			engine, model := c.onEngine(t), c.onModel()
			if len(engine) < 5 {
				t.Fatalf("only %d calls", len(engine))
			}
			if slices.Equal(engine, model) {
				return
			}
			for i := range min(len(engine), len(model)) {
				if engine[i] != model[i] {
					t.Fatalf("call %d: the engine's %s, the model's %s", i+1, engine[i], model[i])
				}
			}
			t.Fatalf("the engine made %d calls, the model %d", len(engine), len(model))
		})
	}
}
