package deploy_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	promlabels "github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// scrape is how often metrics are read, and rules are evaluated.
const scrape = 15 * time.Second

// never is a value that is missing.
const never = -1e9

// world is the metrics of a pool in one process, each as a function of the time since it started.
type world map[string]func(at time.Duration) float64

func always(v float64) func(time.Duration) float64 { return func(time.Duration) float64 { return v } }

// stepAt is a counter that counts n at a moment.
func stepAt(moment time.Duration, n float64) func(time.Duration) float64 {
	return func(at time.Duration) float64 {
		if at < moment {
			return 0
		}
		return n
	}
}

// perSecond is a counter that grows evenly.
func perSecond(rate float64) func(time.Duration) float64 {
	return func(at time.Duration) float64 { return rate * at.Seconds() }
}

// while is a value for as long as it lasts, and missing after that.
func while(end time.Duration, f func(time.Duration) float64) func(time.Duration) float64 {
	return func(at time.Duration) float64 {
		if at >= end {
			return never
		}
		return f(at)
	}
}

// healthy is a pool with leases of an hour, a window of five minutes and a margin of two, which are replaced in time.
func healthy() world {
	age := func(at time.Duration) float64 { return float64(at % (55 * time.Minute) / time.Second) }
	return world{
		"rekey_credential_time_to_expiry_seconds":                         func(at time.Duration) float64 { return 3600 - age(at) },
		"rekey_credential_time_to_not_after_seconds":                      func(at time.Duration) float64 { return 3480 - age(at) },
		"rekey_credential_age_seconds":                                    age,
		"rekey_credential_alternate":                                      always(0),
		"rekey_refresh_overdue_seconds":                                   always(0),
		"rekey_refresh_failures":                                          always(0),
		"rekey_generation_draining":                                       always(0),
		"rekey_connection_usable":                                         always(6),
		`rekey_pool_state{rekey_pool_state="starting"}`:                   always(0),
		`rekey_pool_state{rekey_pool_state="serving"}`:                    always(1),
		`rekey_pool_state{rekey_pool_state="refused"}`:                    always(0),
		`rekey_pool_state{rekey_pool_state="expired"}`:                    always(0),
		`rekey_pool_state{rekey_pool_state="closed"}`:                     always(0),
		`rekey_breaker_state{rekey_breaker_state="open"}`:                 always(0),
		`rekey_breaker_transition_total{rekey_breaker_state="open"}`:      always(0),
		`rekey_connection_cut_total{rekey_connection_cut_reason="drain"}`: always(0),
		`rekey_credential_retired_total{error_type="unavailable"}`:        always(0),
		"rekey_credential_retired_total":                                  perSecond(1. / 3300),
		"rekey_acquire_count_total":                                       perSecond(100),
		"rekey_acquire_wait_time_seconds_total":                           perSecond(.1),
		"db_client_connection_timeouts_total":                             always(0),
	}
}

// with changes some of the metrics.
func (w world) with(changed world) world {
	maps.Copy(w, changed)
	return w
}

// closed is the pool closed at a moment: what there is no more of is not told any more.
func (w world) closed(end time.Duration) world {
	for _, name := range []string{
		"rekey_credential_time_to_expiry_seconds", "rekey_credential_time_to_not_after_seconds", "rekey_credential_age_seconds",
		"rekey_credential_alternate", "rekey_refresh_overdue_seconds", "rekey_refresh_failures",
		"rekey_connection_usable",
	} {
		w[name] = while(end, w[name])
	}
	state := func(name string) string { return `rekey_pool_state{rekey_pool_state="` + name + `"}` }
	w[state("serving")], w[state("closed")] = always(0), always(1)
	return w
}

// series are what is stored of worlds: each is a replica of one service.
func series(t *testing.T, until time.Duration, replicas ...world) (all memory) {
	t.Helper()
	for i, w := range replicas {
		for name, value := range w {
			metric, err := parser.NewParser(parser.Options{}).ParseMetric(name)
			if err != nil {
				t.Fatal(err)
			}
			b := promlabels.NewBuilder(metric)
			b.Set("job", "shop").Set("instance", fmt.Sprint("replica", i)).Set("db_client_connection_pool_name", "orders")
			if name != "db_client_connection_timeouts_total" {
				b.Set("rekey_source", "vault")
			}
			s := promql.Series{Metric: b.Labels()}
			for at := time.Duration(0); at <= until; at += scrape {
				if v := value(at); v != never {
					s.Floats = append(s.Floats, promql.FPoint{T: at.Milliseconds(), F: v})
				}
			}
			all = append(all, s)
		}
	}
	return all
}

// rules evaluates the rules.
type rules struct {
	engine *promql.Engine
	all    []rulefmt.Rule
}

func newRules(t *testing.T) *rules {
	t.Helper()
	p := parser.NewParser(parser.Options{})
	groups, errs := rulefmt.ParseFile("alerts.yaml", false, model.UTF8Validation, p, slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	r := &rules{engine: promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: p,
	})}
	t.Cleanup(func() { r.engine.Close() })
	for _, g := range groups.Groups {
		r.all = append(r.all, g.Rules...)
	}
	return r
}

// firing returns the names of the alerts that fire at a moment, each as often as there are alerts of it.
func (r *rules) firing(t *testing.T, of memory, at time.Duration) (names []string) {
	t.Helper()
	for _, rule := range r.all {
		n := r.results(t, of, rule.Expr, at)
		for before := scrape; before <= time.Duration(rule.For) && n > 0; before += scrape {
			n = min(n, r.results(t, of, rule.Expr, at-before))
		}
		for range n {
			names = append(names, rule.Alert)
		}
	}
	return names
}

func (r *rules) results(t *testing.T, of memory, expr string, at time.Duration) int {
	t.Helper()
	q, err := r.engine.NewInstantQuery(context.Background(), of, nil, expr, time.UnixMilli(at.Milliseconds()))
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	v, err := q.Exec(context.Background()).Vector()
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return len(v)
}

// TestFiring: every rule fires when it should, once for all replicas, and no other does.
func TestFiring(t *testing.T) {
	const hour = time.Hour
	state := func(name string) world {
		return world{
			`rekey_pool_state{rekey_pool_state="serving"}`:      always(0),
			`rekey_pool_state{rekey_pool_state="` + name + `"}`: always(1),
		}
	}
	lease := func(notAfter, overdue float64) world {
		return world{
			"rekey_credential_time_to_not_after_seconds": always(notAfter), "rekey_refresh_overdue_seconds": always(overdue),
		}
	}
	metric := func(name string, value func(time.Duration) float64) world { return world{name: value} }
	open := `rekey_breaker_transition_total{rekey_breaker_state="open"}`
	notRetired := `rekey_credential_retired_total{error_type="unavailable"}`
	cut := `rekey_connection_cut_total{rekey_connection_cut_reason="drain"}`
	r := newRules(t)
	fired := map[string]bool{}
	for _, tc := range []struct {
		name string
		w    world
		at   time.Duration
		want []string
	}{
		{"just before a refresh, in a window of five minutes", healthy(), 54*time.Minute + 45*time.Second, nil},
		{"a minute after the start", healthy().with(state("starting")), time.Minute, nil},
		{"ten minutes after the start", healthy(), 10 * time.Minute, nil},
		{"closed", healthy().with(lease(10, 170)).with(metric("rekey_refresh_failures", always(3))).closed(10 * time.Minute), 3 * hour, nil},
		{"expired", healthy().with(state("expired")).with(lease(-60, 240)), hour, []string{"RekeyCredentialExpired"}},
		{"no credential yet", healthy().with(state("starting")), hour, []string{"RekeyNoCredential"}},
		{"refused", healthy().with(state("refused")), hour, []string{"RekeyLoginRefused"}},
		{"refused, with no connection", healthy().with(state("refused")).with(metric("rekey_connection_usable", always(0))), hour,
			[]string{"RekeyPoolDown", "RekeyLoginRefused"}},
		{"no connection, and nobody who wants one", healthy().with(metric("rekey_connection_usable", always(0))), hour, nil},
		{"overdue by less than half of the slack", healthy().with(lease(100, 80)), hour, nil},
		{"overdue by more", healthy().with(lease(80, 100)), hour, []string{"RekeyCredentialExpiresSoon"}},
		{"overdue, without an end", healthy().with(world{
			"rekey_credential_time_to_not_after_seconds": always(never), "rekey_refresh_overdue_seconds": always(9000),
		}), hour, nil},
		{"one refresh failed", healthy().with(metric("rekey_refresh_failures", func(at time.Duration) float64 {
			return stepAt(hour-time.Minute, 1)(at)
		})), hour, nil},
		{"refreshes fail", healthy().with(metric("rekey_refresh_failures", always(4))), hour, []string{"RekeyRefreshFailing"}},
		{"the breaker is open", healthy().with(metric(`rekey_breaker_state{rekey_breaker_state="open"}`, always(1))), hour, []string{"RekeyBreakerOpen"}},
		{"the breaker opens now and then", healthy().with(metric(open, stepAt(50*time.Minute, 1))), hour, []string{"RekeyBreakerOpen"}},
		{"the breaker was open once", healthy().with(metric(open, stepAt(10*time.Minute, 1))), hour, nil},
		{"the first credential that is not taken back", healthy().with(metric(notRetired, stepAt(30*time.Minute, 1))), hour, []string{"RekeyRetireFails"}},
		{"one was not, long ago", healthy().with(metric(notRetired, stepAt(30*time.Minute, 1))), 2 * hour, nil},
		{"a hand-over", healthy().with(metric("rekey_generation_draining", func(at time.Duration) float64 {
			return stepAt(50*time.Minute, 1)(at)
		})), hour, nil},
		{"a hand-over that does not end", healthy().with(metric("rekey_generation_draining", always(1))), hour, []string{"RekeyHandOverStuck"}},
		{"an alternate, for a moment", healthy().with(metric("rekey_credential_alternate", stepAt(hour-time.Minute, 1))), hour, nil},
		{"an alternate, for hours", healthy().with(metric("rekey_credential_alternate", stepAt(time.Minute, 1))), 3 * hour, []string{"RekeyAlternateInUse"}},
		{"connections are cut", healthy().with(metric(cut, stepAt(30*time.Minute, 2))), hour, []string{"RekeyConnectionsCut"}},
		{"connections were cut yesterday", healthy().with(metric(cut, stepAt(30*time.Minute, 2))), 3 * hour, nil},
		{"two callers wait", healthy().with(metric("rekey_acquire_wait_time_seconds_total", perSecond(2))), hour, []string{"RekeyCallersWait"}},
		{"callers run out of time", healthy().with(metric("db_client_connection_timeouts_total", perSecond(5))), hour, []string{"RekeyCallersWait"}},
		{"a few do", healthy().with(metric("db_client_connection_timeouts_total", perSecond(.5))), hour, nil},
		{"callers wait, and run out of time", healthy().with(world{
			"rekey_acquire_wait_time_seconds_total": perSecond(2), "db_client_connection_timeouts_total": perSecond(5),
		}), hour, []string{"RekeyCallersWait"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// One replica is in trouble, or all are: that is one alert.
			for _, of := range []memory{series(t, tc.at, tc.w, healthy()), series(t, tc.at, tc.w, tc.w)} {
				if got := r.firing(t, of, tc.at); !slices.Equal(got, tc.want) {
					t.Errorf("%v fire, want %v", got, tc.want)
				}
			}
		})
		for _, name := range tc.want {
			fired[name] = true
		}
	}
	for _, rule := range r.all {
		if !fired[rule.Alert] {
			t.Errorf("%s has no series that lets it fire", rule.Alert)
		}
	}
}
