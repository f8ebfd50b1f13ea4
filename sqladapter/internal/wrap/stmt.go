package wrap

import (
	"context"
	"database/sql/driver"
)

// stmt is what every wrapped statement has. The types of compose_stmt.go add the optional interfaces.
type stmt struct {
	driver.Stmt
	owner Owner

	executes driver.StmtExecContext
	queries  driver.StmtQueryContext
	checks   driver.NamedValueChecker
	//lint:ignore SA1019 some drivers have nothing newer
	converts driver.ColumnConverter
}

func newStmt(inner driver.Stmt, owner Owner) driver.Stmt {
	s := &stmt{Stmt: inner, owner: owner}
	s.executes, _ = inner.(driver.StmtExecContext)
	s.queries, _ = inner.(driver.StmtQueryContext)
	s.checks, _ = inner.(driver.NamedValueChecker)
	//lint:ignore SA1019 some drivers have nothing newer
	s.converts, _ = inner.(driver.ColumnConverter)
	return composeStmt(s)
}

// Unwrap returns the driver's statement.
func (s *stmt) Unwrap() driver.Stmt { return s.Stmt }

// Exec is for drivers without ExecContext.
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	result, err := s.Stmt.Exec(args) //lint:ignore SA1019 the driver has nothing newer
	return result, s.failed(err)
}

// Query is for drivers without QueryContext.
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	rows, err := s.Stmt.Query(args) //lint:ignore SA1019 the driver has nothing newer
	return rows, s.failed(err)
}

func (s *stmt) failed(err error) error {
	if err != nil {
		s.owner.Failed(err)
	}
	return err
}

// The parts of a wrapped statement that depend on the driver.
type (
	stmtExecer    struct{ s *stmt }
	stmtQueryer   struct{ s *stmt }
	stmtChecker   struct{ s *stmt }
	stmtConverter struct{ s *stmt }
)

func (e stmtExecer) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	result, err := e.s.executes.ExecContext(ctx, args)
	return result, e.s.failed(err)
}

func (q stmtQueryer) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := q.s.queries.QueryContext(ctx, args)
	return rows, q.s.failed(err)
}

func (n stmtChecker) CheckNamedValue(v *driver.NamedValue) error {
	return n.s.checks.CheckNamedValue(v)
}

func (c stmtConverter) ColumnConverter(i int) driver.ValueConverter {
	return c.s.converts.ColumnConverter(i)
}
