package fleet

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"
)

// service is a fleet whose leases live for an hour.
func service() Config {
	return Config{
		Instances: 500, Lease: time.Hour, Renews: true, Latency: 20 * time.Millisecond, Login: 20 * time.Millisecond,
		Drain: time.Second, Length: 6 * time.Hour, Rollout: Rollout{Within: time.Hour}, Seed: 1,
	}
}

// few is the same with fewer instances, for what is slow to simulate.
func few() Config {
	c := service()
	c.Instances = 50
	return c
}

// hours is a window.
func hours(from, to int) Window {
	return Window{time.Duration(from) * time.Hour, time.Duration(to) * time.Hour}
}

func TestSameSeedSameResult(t *testing.T) {
	c := few()
	c.Outages = []Window{hours(2, 3)}
	if !reflect.DeepEqual(simulate(t, c), simulate(t, c)) {
		t.Error("the same seed gives another result")
	}
	other := c
	other.Seed = 2
	if reflect.DeepEqual(simulate(t, c), simulate(t, other)) {
		t.Error("another seed gives the same result")
	}
}

// A fleet that was not started together does not come together.
func TestQuietFleetIsEven(t *testing.T) {
	r := simulate(t, service())
	load := r.Fetches.Over(hours(2, 6))
	if load.PeakMinute > 2*load.Mean {
		t.Errorf("%+v", load)
	}
	if each := load.Mean * (38 * time.Minute).Seconds() / 500; each < 0.95 || each > 1.05 {
		t.Errorf("%.2f fetches of each instance in 38 minutes", each)
	}
	if n := r.Renewals.Over(hours(0, 6)).Requests; n != 0 {
		t.Errorf("%d renewals of leases that are replaced", n)
	}
	if r.LeastUsable(hours(2, 6)) != 500 {
		t.Error("an instance was without a login")
	}
}

// One that was restarted in a second spreads at once: the first refresh is anywhere in its interval.
func TestRestartedFleetSpreads(t *testing.T) {
	c := service()
	c.Restarts = []Rollout{{At: 2 * time.Hour, Within: time.Second}}
	r := simulate(t, c)
	if n := r.Fetches.Over(Window{2 * time.Hour, 2*time.Hour + time.Second}).Requests; n < 500 {
		t.Errorf("%d fetches in the second of the restart", n)
	}
	load := r.Fetches.Over(Window{2*time.Hour + time.Minute, 6 * time.Hour})
	if load.PeakMinute > 2.5*load.Mean {
		t.Errorf("%+v", load)
	}
}

func TestOutage(t *testing.T) {
	c := few()
	c.Outages = []Window{hours(2, 3)}
	r := simulate(t, c)
	if n := r.LeastUsable(hours(2, 3)); n != 0 {
		t.Errorf("%d instances have a login after an hour without a source of leases of an hour", n)
	}
	if r.LeastUsable(Window{3*time.Hour + time.Minute, 6 * time.Hour}) != 50 {
		t.Error("not all have a login a minute after the outage")
	}
	// Expired, each asks every five to ten seconds at first, and then more rarely.
	if load := r.Fetches.Over(hours(2, 3)); load.PeakMinute > 50/5 {
		t.Errorf("%+v", load)
	}
	if r.Renewals.Over(hours(2, 3)).Requests == 0 {
		t.Error("nobody has tried to renew the lease in hand")
	}
}

// A short outage costs nobody anything.
func TestShortOutage(t *testing.T) {
	c := few()
	c.Outages = []Window{{2 * time.Hour, 2*time.Hour + 15*time.Minute}}
	if r := simulate(t, c); r.LeastUsable(hours(2, 6)) != 50 {
		t.Error("an instance was without a login in an outage shorter than the slack")
	}
}

// A slow source answers as fast as it can, as long as it leaves alone who does not wait any more. One that does not may
// never catch up.
func TestSlowSource(t *testing.T) {
	for _, stubborn := range []bool{false, true} {
		c := few()
		c.Capacity, c.Stubborn = 0.5, stubborn
		c.Rollout.Within = time.Second
		r := simulate(t, c)
		if got := r.Fetches.Over(hours(0, 1)); got.Requests <= 60 {
			t.Errorf("nobody had to ask again: %+v", got)
		}
		if n := r.Usable[3*60]; stubborn == (n == 50) {
			t.Errorf("stubborn %v: %d of 50 have a login after three minutes", stubborn, n)
		}
	}
}

func TestPreferRenew(t *testing.T) {
	c := few()
	c.Settings.PreferRenew = true
	r := simulate(t, c)
	if r.Fetches.Over(hours(2, 6)).Requests != 0 || r.Renewals.Over(hours(2, 6)).Requests == 0 {
		t.Error("a lease that can be extended was replaced")
	}
}

func TestLoad(t *testing.T) {
	r := make(Rate, 180)
	r[10], r[100], r[150] = 5, 60, 60
	want := Load{Requests: 125, Mean: 125.0 / 180, PeakSecond: 60, PeakMinute: 2}
	if got := r.Over(Window{0, 3 * time.Minute}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	means, peaks := r.Thin(90)
	if !reflect.DeepEqual(means, []float64{5.0 / 90, 120.0 / 90}) || !reflect.DeepEqual(peaks, []float64{5, 60}) {
		t.Errorf("%v %v", means, peaks)
	}
}

func simulate(t *testing.T, c Config) *Result {
	t.Helper()
	r, err := Run(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestInterrupted: a simulation ends with its context.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	began := false
	_, err := Run(ctx, few(), func(time.Duration) { began = true; cancel() })
	if !began || !errors.Is(err, context.Canceled) {
		t.Error(began, err)
	}
}
