package wrap

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"testing"
)

// quiet is an owner that only notes errors.
type quiet struct{ errs []error }

func (*quiet) Close(inner driver.Conn) error { return inner.Close() }
func (*quiet) Stays() bool                   { return true }
func (*quiet) Reused(context.Context) error  { return nil }
func (q *quiet) Failed(err error)            { q.errs = append(q.errs, err) }

// The interfaces that drivers may have.
var connInterfaces = []reflect.Type{
	reflect.TypeFor[driver.Pinger](), reflect.TypeFor[driver.ExecerContext](), reflect.TypeFor[driver.QueryerContext](),
	reflect.TypeFor[driver.ConnPrepareContext](), reflect.TypeFor[driver.ConnBeginTx](),
	reflect.TypeFor[driver.NamedValueChecker](), reflect.TypeFor[driver.SessionResetter](),
}

var stmtInterfaces = []reflect.Type{
	reflect.TypeFor[driver.StmtExecContext](), reflect.TypeFor[driver.StmtQueryContext](),
	reflect.TypeFor[driver.NamedValueChecker](),
	//lint:ignore SA1019 some drivers have nothing newer
	reflect.TypeFor[driver.ColumnConverter](),
}

// TestEveryCombination: a wrapped connection or statement has what the driver's has, and nothing else.
func TestEveryCombination(t *testing.T) {
	for mask := range 1 << len(connInterfaces) {
		c := &conn{inner: bare{}, owner: &quiet{}}
		set(mask, 0, func() { c.pings = all{} })
		set(mask, 1, func() { c.executes = all{} })
		set(mask, 2, func() { c.queries = all{} })
		set(mask, 3, func() { c.prepares = all{} })
		set(mask, 4, func() { c.begins = all{} })
		set(mask, 5, func() { c.checks = all{} })
		set(mask, 6, func() { c.resets = all{} })
		wantExactly(t, composeConn(c), mask, connInterfaces)
	}
	for mask := range 1 << len(stmtInterfaces) {
		s := &stmt{Stmt: bareStmt{}, owner: &quiet{}}
		set(mask, 0, func() { s.executes = allStmt{} })
		set(mask, 1, func() { s.queries = allStmt{} })
		set(mask, 2, func() { s.checks = allStmt{} })
		set(mask, 3, func() { s.converts = allStmt{} })
		wantExactly(t, composeStmt(s), mask, stmtInterfaces)
	}
}

func set(mask, bit int, field func()) {
	if mask&(1<<bit) != 0 {
		field()
	}
}

func wantExactly(t *testing.T, got any, mask int, interfaces []reflect.Type) {
	t.Helper()
	for i, in := range interfaces {
		if has, want := reflect.TypeOf(got).Implements(in), mask&(1<<i) != 0; has != want {
			t.Errorf("combination %b: %v is %v", mask, in, has)
		}
	}
}

// TestPassesOn: each call reaches the driver, and each error the owner.
func TestPassesOn(t *testing.T) {
	owner := &quiet{}
	c := Conn(all{}, owner)
	ctx := t.Context()
	if err := c.(driver.Pinger).Ping(ctx); err != errAll {
		t.Error(err)
	}
	if _, err := c.(driver.ExecerContext).ExecContext(ctx, "", nil); err != errAll {
		t.Error(err)
	}
	if _, err := c.(driver.QueryerContext).QueryContext(ctx, "", nil); err != driver.ErrSkip {
		t.Error(err)
	}
	if _, err := c.(driver.ConnBeginTx).BeginTx(ctx, driver.TxOptions{}); err != errAll {
		t.Error(err)
	}
	s, err := c.(driver.ConnPrepareContext).PrepareContext(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.(driver.StmtExecContext).ExecContext(ctx, nil); err != errAll {
		t.Error(err)
	}
	if _, err := s.(driver.StmtQueryContext).QueryContext(ctx, nil); err != errAll {
		t.Error(err)
	}
	if len(owner.errs) != 5 {
		t.Errorf("the owner has heard of %v", owner.errs)
	}
	if _, ok := c.(interface{ Unwrap() driver.Conn }).Unwrap().(all); !ok || OwnerOf(c) != owner || OwnerOf(all{}) != nil {
		t.Error("it does not unwrap")
	}
}

// TestOldDrivers: what a driver has in its old form only is there in the new one.
func TestOldDrivers(t *testing.T) {
	c := Conn(old{}, &quiet{})
	_, err := c.(driver.ExecerContext).ExecContext(t.Context(), "", []driver.NamedValue{{Value: int64(1)}})
	if fmt.Sprint(err) != "exec [1]" {
		t.Error(err)
	}
	_, err = c.(driver.QueryerContext).QueryContext(t.Context(), "", []driver.NamedValue{{Name: "x"}})
	if err == nil || err.Error() == "query [<nil>]" {
		t.Error(err)
	}
}

var errAll = errors.New("all")

// bare is a connection without optional interfaces.
type bare struct{}

func (bare) Prepare(string) (driver.Stmt, error) { return allStmt{}, nil }
func (bare) Close() error                        { return nil }
func (bare) Begin() (driver.Tx, error)           { return nil, errAll }

type old struct{ bare }

func (old) Exec(_ string, args []driver.Value) (driver.Result, error) {
	return nil, fmt.Errorf("exec %v", args)
}
func (old) Query(_ string, args []driver.Value) (driver.Rows, error) {
	return nil, fmt.Errorf("query %v", args)
}

// all is a connection with all of them.
type all struct{ bare }

func (all) Ping(context.Context) error { return errAll }
func (all) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return nil, errAll
}
func (all) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return nil, driver.ErrSkip
}
func (all) PrepareContext(context.Context, string) (driver.Stmt, error)  { return allStmt{}, nil }
func (all) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) { return nil, errAll }
func (all) CheckNamedValue(*driver.NamedValue) error                     { return nil }
func (all) ResetSession(context.Context) error                           { return nil }

type bareStmt struct{}

func (bareStmt) Close() error                               { return nil }
func (bareStmt) NumInput() int                              { return 0 }
func (bareStmt) Exec([]driver.Value) (driver.Result, error) { return nil, errAll }
func (bareStmt) Query([]driver.Value) (driver.Rows, error)  { return nil, errAll }

type allStmt struct{ bareStmt }

func (allStmt) ExecContext(context.Context, []driver.NamedValue) (driver.Result, error) {
	return nil, errAll
}
func (allStmt) QueryContext(context.Context, []driver.NamedValue) (driver.Rows, error) {
	return nil, errAll
}
func (allStmt) CheckNamedValue(*driver.NamedValue) error  { return nil }
func (allStmt) ColumnConverter(int) driver.ValueConverter { return driver.DefaultParameterConverter }
