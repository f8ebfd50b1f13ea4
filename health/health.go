// Package health serves liveness and readiness over HTTP: what an orchestrator asks, in words that people understand, too.
//
//	pools := health.Pools{"orders": pool}
//	mux.Handle("/livez", health.Live(pools))
//	mux.Handle("/readyz", health.Ready(pools, nil))
//	internal.Handle("/status", health.Status(pools))
//
// Live and Ready answer with the age of each credential, its time to expiry and whether the last refresh failed. They show
// no username, no version and no text of an error; Status shows those, and is for operators. None shows a secret.
package health

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/rekeyhq/rekey"
)

// Pool is what is asked, such as a *managedpool.Pool or a *sqladapter.DB.
type Pool interface {
	Status() rekey.Status
}

// Pools are named for the answer. The map must not be changed once it is in use.
type Pools map[string]Pool

// Options says what is worth a warning. The zero value, and a nil *Options, mean the defaults.
type Options struct {
	// ExpiresWithin makes a pool degraded when its credential ends sooner and is not replaced yet. It should be less than
	// the pool's own ExpiryWindow. Defaults to half of the time between the refresh that was due and the moment at which the
	// last connection is closed: half of the outage of the store that the pool survives. A negative value means never.
	ExpiresWithin time.Duration
}

// Live answers 200 unless a pool is closed: a store that is out, or a login that is refused, is not cured by a restart.
func Live(pools Pools) http.Handler {
	return handler(pools, Options{}, func(r Report) bool { return r.State != rekey.StateClosed })
}

// Ready answers 200 while every pool can serve, and 503 else. A pool whose refreshes fail, or whose credential ends soon,
// is degraded and ready: its callers notice nothing yet. So is one whose login is refused while it has connections that
// callers can be given: those work, and every other replica has the same login. No pools at all are not ready: something
// was forgotten.
func Ready(pools Pools, opts *Options) http.Handler {
	var o Options
	if opts != nil {
		o = *opts
	}
	return handler(pools, o, func(r Report) bool { return r.Status != Down })
}

// Status answers with the rekey.Status of every pool, for operators: usernames, versions and reasons are in it.
func Status(pools Pools) http.Handler {
	return only(func(w http.ResponseWriter, r *http.Request) {
		all := make(map[string]rekey.Status, len(pools))
		for name, p := range pools {
			all[name] = p.Status()
		}
		answer(w, r, http.StatusOK, all)
	})
}

// body is an answer.
type body struct {
	Status Level             `json:"status"` // the worst of the pools'
	Pools  map[string]Report `json:"pools"`
}

func handler(pools Pools, opts Options, good func(Report) bool) http.Handler {
	return only(func(w http.ResponseWriter, r *http.Request) {
		code, b := http.StatusOK, body{Status: OK, Pools: make(map[string]Report, len(pools))}
		if len(pools) == 0 {
			b.Status = Down
			if !good(Report{Status: Down}) {
				code = http.StatusServiceUnavailable
			}
		}
		now := time.Now()
		for name, p := range pools {
			report := ReportOf(p.Status(), now, opts)
			b.Pools[name] = report
			b.Status = b.Status.worse(report.Status)
			if !good(report) {
				code = http.StatusServiceUnavailable
			}
		}
		answer(w, r, code, b)
	})
}

// only lets questions through that change nothing.
func only(serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		serve(w, r)
	})
}

func answer(w http.ResponseWriter, r *http.Request, code int, content any) {
	text, err := json.Marshal(content)
	if err != nil { // a time beyond the year 9999
		http.Error(w, "status cannot be written as JSON", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		w.Write(append(text, '\n'))
	}
}
