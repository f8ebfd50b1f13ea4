// Package sqladapter compares the *sql.DB of package sqladapter with a plain one of the same driver: each operation is timed
// over both in turn, within one run, so that what else the machine does hits both.
package sqladapter

import (
	"context"
	"database/sql"
	"slices"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
	"github.com/rekeyhq/rekey/sqladapter/libpq"
	"github.com/rekeyhq/rekey/sqladapter/mysql"
	"github.com/rekeyhq/rekey/sqladapter/pgxstdlib"
)

func TestMain(m *testing.M) { envtest.Main(m) }

const size = 4

// pair is a plain DB and ours.
type pair struct{ plain, ours *sql.DB }

func open(b *testing.B, plain *sql.DB, user, password string, d sqladapter.Driver) pair {
	b.Helper()
	plain.SetMaxOpenConns(size)
	plain.SetMaxIdleConns(size)
	b.Cleanup(func() { plain.Close() })
	src := source.Func(func(context.Context) (source.Credential, error) {
		return source.Credential{Username: user, Password: source.NewSecret(password)}, nil
	})
	db, err := sqladapter.Open(b.Context(), sqladapter.Config{Source: src, Driver: d, MaxOpenConns: size})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return pair{plain, db.DB}
}

// drivers make a pair for each driver.
var drivers = map[string]func(*testing.B) pair{
	"pgx": func(b *testing.B) pair {
		config, err := pgx.ParseConfig(envtest.Database(b).AdminDSN())
		if err != nil {
			b.Fatal(err)
		}
		return open(b, stdlib.OpenDB(*config), config.User, config.Password, pgxstdlib.New(config, nil))
	},
	"libpq": func(b *testing.B) pair {
		config, err := pq.NewConfig(envtest.Database(b).AdminDSN())
		if err != nil {
			b.Fatal(err)
		}
		connector, err := pq.NewConnectorConfig(config)
		if err != nil {
			b.Fatal(err)
		}
		return open(b, sql.OpenDB(connector), config.User, config.Password, libpq.New(config))
	},
	"mysql": func(b *testing.B) pair {
		issuer := envtest.MariaIssuer(b)
		login, err := issuer.Issue(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		connector, err := driver.NewConnector(issuer.Config(login))
		if err != nil {
			b.Fatal(err)
		}
		return open(b, sql.OpenDB(connector), login.User, login.Password, mysql.New(issuer.Config(login)))
	},
}

// BenchmarkQuery is a query without arguments, and BenchmarkPrepared one that was prepared on the DB.
func BenchmarkQuery(b *testing.B) {
	each(b, func(db *sql.DB) func() error {
		return func() error {
			var one int
			return db.QueryRow("select 1").Scan(&one)
		}
	})
}

func BenchmarkPrepared(b *testing.B) {
	each(b, func(db *sql.DB) func() error {
		stmt, err := db.Prepare("select 1")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { stmt.Close() })
		return func() error {
			var one int
			return stmt.QueryRow().Scan(&one)
		}
	})
}

func each(b *testing.B, prepare func(*sql.DB) func() error) {
	for _, name := range []string{"pgx", "libpq", "mysql"} {
		b.Run(name, func(b *testing.B) {
			p := drivers[name](b)
			compare(b, prepare(p.plain), prepare(p.ours))
		})
	}
}

// compare reports the medians of both, their ratio, and how much more ours allocates.
func compare(b *testing.B, plain, ours func() error) {
	var times [2][]time.Duration
	for n := range b.N {
		for k := range 2 {
			which := (n + k) % 2 // each goes first as often as the other
			operation := plain
			if which == 1 {
				operation = ours
			}
			began := time.Now()
			if err := operation(); err != nil {
				b.Fatal(err)
			}
			times[which] = append(times[which], time.Since(began))
		}
	}
	b.StopTimer()
	a, o := median(times[0]), median(times[1])
	b.ReportMetric(float64(a.Nanoseconds()), "plain-ns")
	b.ReportMetric(float64(o.Nanoseconds()), "ours-ns")
	b.ReportMetric(float64(o)/float64(a), "ratio")
	b.ReportMetric(allocations(b, plain), "plain-allocs")
	b.ReportMetric(allocations(b, ours), "ours-allocs")
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

func allocations(b *testing.B, operation func() error) float64 {
	return testing.AllocsPerRun(500, func() {
		if err := operation(); err != nil {
			b.Fatal(err)
		}
	})
}
