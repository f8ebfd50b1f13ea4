package main

import "encoding/json"

// MarshalJSON gives the object that -json prints. Its keys are a promise to scripts.
func (r *report) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Queries          int64  `json:"queries"`
		Failed           int64  `json:"failed"`
		P50              int64  `json:"p50_us"`
		P99              int64  `json:"p99_us"`
		P999             int64  `json:"p999_us"`
		Max              int64  `json:"max_us"`
		Generations      uint64 `json:"generations"`
		LeasesMade       int64  `json:"leases_made"`
		LeasesRenewed    int64  `json:"leases_renewed"`
		LeasesRevoked    int64  `json:"leases_revoked"`
		Outage           int64  `json:"outage_us"`
		MaxSessions      int    `json:"max_sessions"`
		SessionLimit     int    `json:"session_limit"`
		LeakedUsers      int    `json:"leaked_users"`
		LeakedLeases     int    `json:"leaked_leases"`
		LeakedSessions   int    `json:"leaked_sessions"`
		LeakedGoroutines int    `json:"leaked_goroutines"`
	}{
		r.managed.Queries, r.managed.Failed, r.managed.P50, r.managed.P99, r.managed.P999, r.managed.Max,
		r.generations, r.leasesMade, r.leasesRenewed, r.leasesRevoked, r.outage.Microseconds(),
		r.maxSessions, r.sessionLimit, r.leakedUsers, r.leakedLeases, r.leakedSessions, r.leakedGoroutines,
	})
}
