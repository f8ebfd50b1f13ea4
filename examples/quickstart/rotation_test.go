package main

import (
	"testing"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
)

// TestWhenLoginsAreLeft follows a pool that never comes to b: c was issued before it could.
func TestWhenLoginsAreLeft(t *testing.T) {
	r := newRotation(nil, nil)
	for _, user := range []string{"a", "b", "c"} {
		r.roles = append(r.roles, &role{login: testenv.Login{User: user}})
	}
	f := newFollower(r, func(e rekey.Event) { t.Errorf("warned of %v", e) })
	check := func(want string) {
		t.Helper()
		got := ""
		for _, role := range r.leaving() {
			got += role.login.User
		}
		if got != want {
			t.Errorf("left are %q, want %q", got, want)
		}
	}
	f.observe(rekey.AdoptedEvent{Generation: 1, Username: "a"})
	check("")
	f.observe(rekey.AdoptedEvent{Generation: 2, Username: "c"})
	check("b")
	f.observe(rekey.DrainedEvent{Generation: 1})
	check("ab")
	if r.user() != "c" || r.count() != 1 {
		t.Errorf("login %q, %d rotations; want c and 1", r.user(), r.count())
	}
}
