package probe_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/probe/pgxprobe"
)

// BenchmarkParity measures one check on a fresh connection, as a pool makes it: the server's caches are cold. The
// connect itself is not counted. "group" logins get everything through a common role, "direct" ones by grants of their
// own on each table, "short" ones likewise, but the new login lacks them.
func BenchmarkParity(b *testing.B) {
	for _, tables := range []int{10, 300, 10_000} {
		b.Run(fmt.Sprintf("tables=%d", tables), func(b *testing.B) {
			l := benchmarkLab(b, tables)
			b.Run("group", func(b *testing.B) { benchmarkParity(b, l, "group_cur", "group_new") })
			b.Run("direct", func(b *testing.B) { benchmarkParity(b, l, "direct_cur", "direct_new") })
			b.Run("short", func(b *testing.B) { benchmarkParity(b, l, "direct_cur", "new") })
		})
	}
}

// benchmarkLab is a lab with that many tables, and with the servers' usual settings where those of tests differ.
func benchmarkLab(b *testing.B, tables int) *lab {
	l := newLab(b)
	for name, value := range map[string]string{"log_statement": "none", "jit": "on"} {
		if err := l.db.Set(l.ctx(), name, value); err != nil {
			b.Fatal(err)
		}
	}
	for i := 0; i < tables; i += 1000 {
		l.exec(fmt.Sprintf(`DO $$ BEGIN FOR i IN %d..%d LOOP
			EXECUTE format('CREATE TABLE app.t%%s (id bigint, v text)', i);
		END LOOP; END $$`, i, min(i+1000, tables)-1))
	}
	for _, name := range []string{"group_cur", "group_new", "direct_cur", "direct_new"} {
		l.exec(`CREATE ROLE {` + name + `} LOGIN PASSWORD '` + password + `';
			GRANT CONNECT ON DATABASE {db} TO {` + name + `}`)
	}
	l.exec(`CREATE ROLE {grp}; GRANT {grp} TO {group_cur}, {group_new};
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA app TO {grp}, {direct_cur}, {direct_new}`)
	l.exec(`ANALYZE`)
	return l
}

func benchmarkParity(b *testing.B, l *lab, current, next string) {
	var checked, best time.Duration
	queries := 0
	for b.Loop() {
		conn := l.login(next)
		c := &countingConn{Conn: pgxprobe.Conn(conn)}
		start := time.Now()
		err := probe.Parity{}.Check(l.ctx(), probe.Target{Conn: c, Current: l.role(current)})
		took := time.Since(start)
		checked += took
		if best == 0 || took < best {
			best = took
		}
		if wrong := err != nil && !probe.Lacks(err); wrong || (err == nil) == (next == "new") {
			b.Fatal(err)
		}
		queries = c.queries
		conn.Close(l.ctx())
	}
	b.ReportMetric(float64(checked.Microseconds())/1000/float64(b.N), "ms/check")
	b.ReportMetric(float64(best.Microseconds())/1000, "ms/best")
	b.ReportMetric(float64(queries), "queries")
	b.ReportMetric(0, "ns/op") // includes the connect
}
