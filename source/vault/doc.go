// Package vault takes credentials from HashiCorp Vault: leases of the database secrets engine ([Login.Dynamic]), its static
// roles ([Login.Static]), and secrets that somebody has put into the key-value engine ([Login.KV]).
//
//	client, err := api.NewClient(api.DefaultConfig()) // VAULT_ADDR, VAULT_CACERT, VAULT_NAMESPACE, ...
//	auth, err := approle.NewAppRoleAuth(roleID, &approle.SecretID{FromFile: "/run/secrets/secret-id"})
//	login, err := vault.NewLogin(client, auth, nil)
//	defer login.Close()
//	src, err := login.Dynamic("database", "app", nil)
//	pool, err := managedpool.New(ctx, "host=db.internal dbname=app sslmode=verify-full", src, nil)
//
// # Tokens
//
// A [Login] is one login at Vault that any number of sources share. It logs in when it is first needed, and whenever a
// request is made it first sees to it that its token has half of its life before it: it renews the token, and logs in
// anew where that is not enough. Nothing does that while nobody asks. A lease dies with the token that asked for
// it, so a credential's ExpiresAt is never later than that token's end, as far as the token may look that up; when a new
// token has taken over, leases of the old one live to that end, which is time enough to replace them.
//
// # Requests
//
// Requests end with their context, but for logins and for those that make a database user: they go on for up to fifteen
// seconds, for whoever asks next, because an answer that is lost leaves a token or a user that nobody knows. The client's
// own retries (SetMaxRetries) are used only where Vault says when to come again: 412, and 429 or 503 with Retry-After. A
// request that fails may have made a database user, and asking again at once makes another. It is the pool that tries
// again, with a backoff. How many users a source may ask for in a time is limited besides, whatever happens.
//
// # Errors
//
// What went wrong between us and Vault is an *[Error], which says which path was asked, and Vault's status. It is
// permanent (see source.IsPermanent) where somebody must change something: 400, 403, 404 and 405, and answers of which
// nothing can be made. Vault that is sealed, on standby or out of reach is not. Requests after Login.Close fail with
// [ErrClosed], and too many users with an error of its own.
package vault
