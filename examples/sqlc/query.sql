-- name: Balance :one
SELECT balance FROM app.accounts WHERE id = $1;

-- name: Note :exec
INSERT INTO app.events (account_id, kind) VALUES ($1, $2);
