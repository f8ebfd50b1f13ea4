package sqladapter_test

import (
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/sqladapter"
)

// TestRegister: a framework that only knows sql.Open gets a DB that follows, and closes it.
func TestRegister(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		var config sqladapter.Config
		r := newRig(t, k, func(c *sqladapter.Config) { config = *c })
		must(t, r.db.Close())
		config.OnEvent = nil
		name := "rekey test " + k.name
		must(t, sqladapter.Register(name, config))
		if _, err := sql.Open(name, "host=other"); err == nil {
			t.Error("took a name")
		}
		unused, err := sql.Open(name, "")
		must(t, err)
		must(t, unused.Close())
		db, err := sql.Open(name, "")
		must(t, err)
		var balance int64
		stmt, err := db.Prepare("select balance from " + r.accounts + " where id = " + r.arg)
		must(t, err)
		must(t, stmt.QueryRow(1).Scan(&balance))
		for range 3 {
			old := r.rotate(t)
			envtest.Eventually(t, patience, func() bool {
				must(t, stmt.QueryRow(2).Scan(&balance))
				return r.sessions(t, r.login) > 0 && r.sessions(t, old) == 0
			}, "the new login is in use")
			r.revoke(t, old)
		}
		must(t, stmt.QueryRow(3).Scan(&balance))
		must(t, db.Close())
		if err := db.Ping(); err == nil {
			t.Error("it still works")
		}
	})
}

// registered is a driver's name, and the rig that its DBs are of.
func registered(t *testing.T, k kind, name string, change func(*sqladapter.Config)) *rig {
	t.Helper()
	var config sqladapter.Config
	r := newRig(t, k, func(c *sqladapter.Config) { config = *c })
	must(t, r.db.Close())
	if change != nil {
		change(&config)
	}
	must(t, sqladapter.Register(name, config))
	return r
}

// TestRegisterTwice: a name that is taken is an error that says which, not a panic.
func TestRegisterTwice(t *testing.T) {
	config := sqladapter.Config{Source: noSource, Driver: sqladapter.Driver{Connector: nothing}}
	must(t, sqladapter.Register("rekey test twice", config))
	for _, name := range []string{"rekey test twice", "pgx"} {
		if err := sqladapter.Register(name, config); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := sqladapter.Register("rekey test bad", sqladapter.Config{}); err == nil || !strings.Contains(err.Error(), "Config.Source") {
		t.Errorf("a config without a source: %v", err)
	}
}

// TestRegisteredTwoDBs: each sql.Open is a DB of its own, and the end of one is not the other's.
func TestRegisteredTwoDBs(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		name := "rekey test two " + k.name
		r := registered(t, k, name, nil)
		var dbs [3]*sql.DB
		for i := range dbs {
			db, err := sql.Open(name, "")
			must(t, err)
			defer db.Close()
			dbs[i] = db
		}
		held, err := dbs[0].Conn(t.Context())
		must(t, err)
		must(t, dbs[1].Ping())
		must(t, dbs[1].Close())
		must(t, held.PingContext(t.Context()))
		must(t, dbs[0].Ping())
		must(t, dbs[2].Ping())
		old := r.rotate(t)
		envtest.Eventually(t, patience, func() bool {
			must(t, dbs[0].Ping())
			must(t, dbs[2].Ping())
			return r.sessions(t, old) == 1 && r.sessions(t, r.login) > 1
		}, "both follow, but for what is in use")
		must(t, held.Close())
		must(t, dbs[0].Close())
		must(t, dbs[2].Ping())
		must(t, dbs[2].Close())
	})
}

// TestRegisteredBrokenConnection: a connection of which the driver says that it is broken is not handed out once more.
func TestRegisteredBrokenConnection(t *testing.T) {
	const name = "rekey test broken"
	r := registered(t, kinds[1], name, func(c *sqladapter.Config) {
		c.MaxOpenConns = 1
		inner := c.Driver.Connector
		c.Driver.Connector = breaking(inner)
	})
	db, err := sql.Open(name, "")
	must(t, err)
	defer db.Close()
	must(t, db.Ping())
	before := r.proxy.Total()
	conn, err := db.Conn(t.Context())
	must(t, err)
	if _, err := conn.ExecContext(t.Context(), breaks); err != driver.ErrBadConn {
		t.Errorf("the driver says %v", err)
	}
	conn.Close()
	conn, err = db.Conn(t.Context())
	must(t, err)
	defer conn.Close()
	if made := r.proxy.Total() - before; made != 1 {
		t.Errorf("%d connections were made for the one that broke", made)
	}
	must(t, conn.PingContext(t.Context()))
}
