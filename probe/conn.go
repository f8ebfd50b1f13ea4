package probe

import "context"

// Conn is one database connection. It is used by one goroutine at a time, and a probe neither opens nor closes
// it. [SQL] and package pgxprobe make one of the usual types.
//
// Errors of the server must hold, somewhere in their chain, a method SQLState() string, as those of pgx and
// lib/pq do. Without it [Lacks] takes every refusal for a check that could not be made.
type Conn interface {
	// Query runs a query whose columns all have the type text and returns its rows; NULL becomes the
	// empty string. Arguments are strings, and the query casts each of them.
	Query(ctx context.Context, query string, args ...string) ([][]string, error)

	// Exec runs a statement of any kind, with arguments as the driver takes them, and drops its result.
	Exec(ctx context.Context, statement string, args ...any) error
}
