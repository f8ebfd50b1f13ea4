// Package pgxstdlib lets database/sql follow credentials over pgx: [OpenDB] beside a pool of package managedpool, or
// [New] as the driver of package sqladapter. In both, sql.Conn.Raw gives pgx's own *stdlib.Conn.
package pgxstdlib
