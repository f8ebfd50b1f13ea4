// Package work is what the application of the examples does with its database: the same statements, whatever pool is
// between them.
package work

import (
	"context"
	"time"
)

// Work is the application's work, a piece at a time. It is safe for concurrent use.
type Work interface {
	Query(context.Context) error
	Transfer(context.Context) error // a transaction
	Batch(context.Context) error
	Copy(context.Context) error
}

// Accounts is how many there have to be: enough for transactions not to meet often.
const Accounts = 1000

const (
	// pause is what a transaction takes besides its statements: the application thinks. It is what keeps
	// all connections busy without a machine at its limit.
	pause = 10 * time.Millisecond
	// copied is how many rows one copy carries.
	copied = 20
)

const (
	readSQL   = `SELECT balance FROM app.accounts WHERE id = $1`
	changeSQL = `UPDATE app.accounts SET balance = balance + $2 WHERE id = $1`
	eventSQL  = `INSERT INTO app.events (account_id, kind) VALUES ($1, $2)`
)
