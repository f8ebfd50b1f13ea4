package probe

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Defaults of [Statements].
const (
	DefaultLockTimeout      = time.Second
	DefaultStatementTimeout = 5 * time.Second

	// rollbackTimeout bounds the rollback, which must happen even after the caller's context has ended.
	rollbackTimeout = 5 * time.Second
)

// Statements runs the caller's statements, in order, in one transaction that is always rolled back. The first that
// fails is the result, as a [StatementError].
//
// A rollback does not undo everything: sequences stay advanced, and what a function does outside the database stays
// done. Statements that cannot run in a transaction (VACUUM, CREATE DATABASE) or that end it (COMMIT, a procedure
// that commits) are not for a probe: after a COMMIT nothing is rolled back.
//
// While they run, the statements hold their locks as any others do. Choose rows that the application does not fight
// over, or WHERE false: privileges are checked even so.
//
// The timeouts are set for the transaction only. With both off, nothing but the caller's statements and BEGIN and
// ROLLBACK is sent, which other databases than PostgreSQL understand as well.
type Statements struct {
	List []Statement

	// LockTimeout bounds each wait for a lock, so that a probe never queues behind the application for
	// long. Defaults to 1 s; -1 leaves the server's own setting.
	LockTimeout time.Duration

	// StatementTimeout bounds each statement, and the idle time between two, after which the server ends
	// the transaction by itself. Defaults to 5 s; -1 leaves the server's own settings.
	StatementTimeout time.Duration
}

// Check runs the statements. Errors are of the type [StatementError] for the caller's statements, and [QueryError]
// for what surrounds them.
func (s Statements) Check(ctx context.Context, t Target) (err error) {
	if err := s.Validate(); err != nil {
		return err
	}
	if err := t.Conn.Exec(ctx, "BEGIN"); err != nil {
		return queryError("statements", err)
	}
	defer func() {
		if failed := rollback(ctx, t.Conn); failed != nil && err == nil {
			err = queryError("statements", failed)
		}
	}()
	if err := s.setTimeouts(ctx, t.Conn); err != nil {
		return queryError("statements", err)
	}
	for i, st := range s.List {
		if err := t.Conn.Exec(ctx, st.SQL, st.Args...); err != nil {
			return statementError(i, st, err)
		}
	}
	return nil
}

// Validate reports empty statements.
func (s Statements) Validate() error {
	for i, st := range s.List {
		if st.SQL == "" {
			return fmt.Errorf("probe: Statements: statement %s is empty", label(i, st.Name))
		}
	}
	return nil
}

// setTimeouts sets the timeouts for this transaction, in one round trip.
func (s Statements) setTimeouts(ctx context.Context, conn Conn) error {
	lock := orDefault(s.LockTimeout, DefaultLockTimeout)
	statement := orDefault(s.StatementTimeout, DefaultStatementTimeout)
	var calls []string
	if lock > 0 {
		calls = append(calls, setLocal("lock_timeout", lock))
	}
	if statement > 0 {
		calls = append(calls, setLocal("statement_timeout", statement),
			setLocal("idle_in_transaction_session_timeout", statement))
	}
	if calls == nil {
		return nil
	}
	return conn.Exec(ctx, "SELECT "+strings.Join(calls, ", "))
}

// setLocal is the call that sets a timeout until the transaction ends. It rounds up, because zero milliseconds
// would mean no timeout.
func setLocal(name string, d time.Duration) string {
	ms := (d + time.Millisecond - 1).Milliseconds()
	return fmt.Sprintf("pg_catalog.set_config('%s', '%d', true)", name, ms)
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// rollback ends the transaction, also when ctx has ended.
func rollback(ctx context.Context, conn Conn) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	return conn.Exec(ctx, "ROLLBACK")
}
