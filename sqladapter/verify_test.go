package sqladapter_test

import (
	"database/sql"
	"testing"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
)

// TestVerificationTakesOnePlace: without headroom a verification costs one connection, an idle one or the next to come home,
// and no second.
func TestVerificationTakesOnePlace(t *testing.T) {
	const size = 4
	for name, busy := range map[string]bool{"idle": false, "in use": true} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, k kind) {
				r := newRig(t, k, func(c *sqladapter.Config) { c.Headroom, c.MaxOpenConns = -1, size })
				r.warm(t, size)
				made := r.proxy.Total()
				release := func() {}
				if busy {
					release = r.occupy(t, size)
				}
				bad := source.Credential{Username: r.login.User, Password: source.NewSecret("wrong"), Version: "b"}
				r.source.Rotate(bad)
				if busy {
					envtest.Eventually(t, patience, func() bool { return r.db.Status().NextRefresh.IsZero() }, "it is being verified")
				}
				release()
				envtest.Eventually(t, patience, func() bool { return len(loadtest.Find[rekey.RefusedEvent](r.diary)) > 0 }, "refused")
				dialled := int(r.proxy.Total()-made) - 1 // for callers who wait; one was the verification's
				if gone := size + dialled - r.db.Stats().OpenConnections; gone != 1 {
					t.Errorf("%d connections went for one verification", gone)
				}
			})
		})
	}
}

// occupy takes n connections, and returns a function that gives them back.
func (r *rig) occupy(t *testing.T, n int) (release func()) {
	var held []*sql.Conn
	for range n {
		conn, err := r.db.Conn(t.Context())
		must(t, err)
		held = append(held, conn)
	}
	return func() {
		for _, c := range held {
			c.Close()
		}
	}
}
