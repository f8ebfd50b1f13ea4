package probe

import "context"

// Ping asks only whether the session answers. A login without a single grant passes it, and so does a session
// whose role has been dropped: use it where nothing better is possible, such as with a server that is not
// PostgreSQL.
type Ping struct{}

// Check runs SELECT 1. Any error is a [QueryError].
func (Ping) Check(ctx context.Context, t Target) error {
	if err := t.Conn.Exec(ctx, "SELECT 1"); err != nil {
		return queryError("ping", err)
	}
	return nil
}
