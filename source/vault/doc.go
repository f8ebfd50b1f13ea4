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
// anew where that is not enough. No goroutine does that behind your back. A lease dies with the token that asked for
// it, so a credential's ExpiresAt is never later than that token's end; when a new token has taken over, leases of
// the old one live to that end, which is time enough to replace them.
//
// # Requests
//
// Requests end with their context, but for those that make a database user (see [Dynamic.Fetch]). The client's own retries are not used, except where Vault says when to come again (412,
// and 429 or 503 with Retry-After): a request that fails may have made a database user, and asking again at once makes
// another. It is the pool that tries again, with a backoff. How many users a source may ask for in a time is limited
// besides, whatever happens.
//
// # Errors
//
// Errors are *[Error] and say which path was asked, and Vault's status. They are permanent (see source.IsPermanent)
// where somebody must change something: 400, 403, 404 and 405. Vault that is sealed, on standby or out of reach is not.
package vault
