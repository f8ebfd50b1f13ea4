package main

import "encoding/json"

// MarshalJSON gives the object that -json prints. Its keys are a promise to scripts.
func (r *report) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Queries          int64 `json:"queries"`
		Failed           int64 `json:"failed"`
		Rotations        int   `json:"rotations"`
		MaxSessions      int   `json:"max_sessions"`
		SessionLimit     int   `json:"session_limit"`
		P50              int64 `json:"p50_us"`
		P99              int64 `json:"p99_us"`
		P999             int64 `json:"p999_us"`
		PlainP50         int64 `json:"plain_p50_us"`
		PlainP99         int64 `json:"plain_p99_us"`
		PlainP999        int64 `json:"plain_p999_us"`
		NaiveQueries     int64 `json:"naive_queries"`
		NaiveFailed      int64 `json:"naive_failed"`
		LeakedSessions   int   `json:"leaked_sessions"`
		LeakedGoroutines int   `json:"leaked_goroutines"`
	}{
		r.managed.Queries, r.managed.Failed, r.rotations, r.maxSessions, r.sessionLimit,
		r.managed.P50, r.managed.P99, r.managed.P999,
		r.plain.P50, r.plain.P99, r.plain.P999,
		r.naive.Queries, r.naive.Failed, r.leakedSessions, r.leakedGoroutines,
	})
}
