// Package probe checks that a database login can do an application's work before a pool adopts it.
//
// A login that answers SELECT 1 may still be unable to read a single table. A [Probe] asks more: [Parity],
// which needs no configuration, whether the new login holds every privilege of the login in use;
// [Privileges], whether it holds the named ones; [Statements], whether the application's own statements run;
// [Ping], only whether the session answers. [All] and [Timeout] combine them, and [Func] makes a probe of
// a function.
//
// A probe's error means one of two things, and [Lacks] tells which: the login lacks something, so it must not
// be adopted; or the check could not be made, which says nothing about the login and is worth another try.
//
// The package sees connections and role names, never a password, so that nothing it returns or prints can hold
// one. It imports the standard library only: connections come as [Conn], from a *sql.Conn through [SQL] and
// from a *pgx.Conn through package pgxprobe.
package probe

import "context"

// Probe is one check of a login.
type Probe interface {
	// Check returns nil if the login of t.Conn can do the work. It must be safe for concurrent use with
	// different connections, and return soon after ctx ends.
	//
	// It may leave the session changed after an error; the connection is then best closed.
	Check(ctx context.Context, t Target) error
}

// Func makes a Probe of a function. Its errors mean that the check could not be made, unless they are marked by
// [Refuse] or carry a SQLSTATE that [Lacks] knows.
type Func func(ctx context.Context, t Target) error

// Check calls f.
func (f Func) Check(ctx context.Context, t Target) error { return f(ctx, t) }
