package accounts

import (
	"context"
)

const balance = `-- name: Balance :one
SELECT balance FROM app.accounts WHERE id = $1
`

func (q *Queries) Balance(ctx context.Context, id int32) (int64, error) {
	row := q.db.QueryRowContext(ctx, balance, id)
	var balance int64
	err := row.Scan(&balance)
	return balance, err
}

const note = `-- name: Note :exec
INSERT INTO app.events (account_id, kind) VALUES ($1, $2)
`

type NoteParams struct {
	AccountID int32
	Kind      string
}

func (q *Queries) Note(ctx context.Context, arg NoteParams) error {
	_, err := q.db.ExecContext(ctx, note, arg.AccountID, arg.Kind)
	return err
}
