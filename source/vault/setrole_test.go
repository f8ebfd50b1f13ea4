package vault_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/managedpool"
)

// asOwner is a role as documented, whose logins become the owner besides.
func (s *site) asOwner(t testing.TB) testenv.VaultRoleOptions {
	t.Helper()
	opts := s.document(t).role()
	become := fmt.Sprintf(`GRANT %[1]s TO "{{name}}"; ALTER ROLE "{{name}}" SET ROLE %[1]s;`, s.issuer.Owner())
	opts.Creation = append(opts.Creation, become)
	must(t, s.issuer.Exec(t.Context(), fmt.Sprintf("GRANT %s TO %s WITH ADMIN OPTION", s.issuer.Owner(), s.db.Engine)))
	return opts
}

// TestSetRole: a session that became the owner goes on when its lease was revoked and its user dropped; any other one
// meets that with its first statement.
func TestSetRole(t *testing.T) {
	for name, owner := range map[string]bool{"with SET ROLE": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, envtest.Vault(t), testenv.VaultTokenOptions{})
			opts := s.document(t).role()
			if owner {
				opts = s.asOwner(t)
			}
			role, src := s.role(t, opts)
			c := fetch(t, src)
			conn := s.connect(t, c)
			const read = "SELECT balance FROM app.accounts WHERE id = 1"
			if _, err := conn.Exec(t.Context(), read); err != nil {
				t.Fatal(err)
			}
			must(t, src.Retire(t.Context(), c))
			if n := s.users(t, role); n > 0 {
				t.Fatalf("%d users are left", n)
			}
			_, err := conn.Exec(t.Context(), read)
			if owner && err != nil || !owner && stateOf(err) != "42501" {
				t.Errorf("reading after the end of the user: %v", err)
			}
			if err := conn.Ping(t.Context()); err != nil {
				t.Errorf("the session has ended: %v", err)
			}
		})
	}
}

// TestSetRolePool: a pool ends such sessions itself, each before the end of its lease, also when there is no other lease.
func TestSetRolePool(t *testing.T) {
	const ttl = 4 * time.Second
	s := newSite(t, envtest.OwnVault(t), testenv.VaultTokenOptions{})
	opts := s.asOwner(t)
	opts.TTL = ttl
	_, src := s.role(t, opts)
	r := s.start(t, src, managedpool.Options{}, nil)
	watch := r.watch(t)
	r.generation(t, 4, 4*ttl)
	r.end(t)
	must(t, s.server.Pause())
	await(t, r, 2*ttl, func(rekey.ExpiredEvent) bool { return true })
	<-time.After(time.Until(r.pool.Status().ExpiresAt) + time.Second)
	must(t, s.server.Resume())
	if users := watch.end(); users < 4 {
		t.Errorf("sessions of %d users were seen", users)
	}
}

// leaseWatch looks at the sessions of Vault's users, and whether their leases have ended.
type leaseWatch struct {
	r     *run
	users map[uint32]string // by number: a dropped user has no name any more
	quit  chan struct{}
	done  chan struct{}
}

// watch begins to look.
func (r *run) watch(t testing.TB) *leaseWatch {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), r.issuer.Database().AdminDSN())
	must(t, err)
	w := &leaseWatch{r: r, users: map[uint32]string{}, quit: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(w.done)
		defer conn.Close(context.Background())
		for {
			select {
			case <-w.quit:
				return
			case <-time.After(10 * time.Millisecond):
			}
			if err := w.look(conn); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	return w
}

// look finds sessions that are older than they may be.
func (w *leaseWatch) look(conn *pgx.Conn) error {
	now := time.Now()
	rows, err := conn.Query(context.Background(), `
		SELECT usesysid, coalesce(rolname, '') FROM pg_stat_get_activity(NULL) LEFT JOIN pg_roles ON pg_roles.oid = usesysid
		WHERE backend_type = 'client backend' AND datid = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	if err != nil {
		return err
	}
	ends := w.ends()
	var number uint32
	var name string
	_, err = pgx.ForEachRow(rows, []any{&number, &name}, func() error {
		if strings.HasPrefix(name, "v-") {
			w.users[number] = name
		}
		user := w.users[number]
		if end, adopted := ends[user]; adopted && now.After(end) {
			return fmt.Errorf("a session of %s, whose lease has ended %v ago", user, now.Sub(end))
		}
		if name == "" && user == "" {
			return fmt.Errorf("a session of user %d, who was dropped before he was seen", number)
		}
		return nil
	})
	return err
}

// ends returns when the leases of adopted users end.
func (w *leaseWatch) ends() map[string]time.Time {
	ends := map[string]time.Time{}
	for _, e := range loadtest.Find[rekey.AdoptedEvent](w.r.diary) {
		ends[e.Username] = e.ExpiresAt
	}
	return ends
}

// end returns how many users were seen.
func (w *leaseWatch) end() int {
	close(w.quit)
	<-w.done
	return len(w.users)
}
