package main

import "testing"

func TestAnonymous(t *testing.T) {
	for text, want := range map[string]string{
		"failed to connect to `user=rekey_bench_a_r5 database=app1`: 192.0.2.1:20068 (db.example): failed SASL auth: FATAL: password " +
			"authentication failed for user \"rekey_bench_a_r5\"": `failed to connect to the server: failed SASL auth: FATAL: password authentication failed for user "ours"`,
		"ERROR: permission denied for schema rekey_bench_a (SQLSTATE 42501)": "ERROR: permission denied for schema ours (SQLSTATE 42501)",
		"store: unavailable": "store: unavailable",
	} {
		if got := anonymous(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
