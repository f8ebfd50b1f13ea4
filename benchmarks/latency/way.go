package main

import (
	"context"
	"time"

	"github.com/rekeyhq/rekey/source"
)

// way is one way in which a changed secret is found.
type way struct {
	name    string
	about   string // what is changed, and what the clock counts from
	refused bool   // found by a login that the server refuses
	other   bool   // another role takes the place of one that is still there: the probe compares them
	slow    bool   // a round takes seconds: fewer of them
	private bool   // cannot be had on the user's server
	open    func(context.Context, *servers) (subject, error)
}

// subject is a secret at a source, for a login of a database.
type subject interface {
	// Open returns a source of the secret, for a new pool; the pool's owner closes it.
	Open(ctx context.Context) (source.Source, error)
	// DSN is where the login is for, with another login.
	DSN(user, password string) string
	// Issue makes a login of its own, with the same rights.
	Issue(ctx context.Context) (user, password string, err error)
	// Change changes the secret and returns once it has.
	Change(ctx context.Context, p *followed) error
	// Changed is when that was, asked once the pool has followed.
	Changed(ctx context.Context) (time.Time, error)
	Close() error
}

// rounds is how many rounds of a way there are where others have n.
func (w way) rounds(n int) int {
	if w.slow {
		return max(1, n/3)
	}
	return n
}

// ways are all of them, in the order of the report.
var ways = []way{
	{
		name: "file: its watch", open: openFile, other: true,
		about: "another login, renamed over the file",
	},
	{
		name: "file without events: a refused login", open: openQuietFile, refused: true,
		about: "the password changed in the database and the file renamed, on a file system that makes no events",
	},
	{
		name: "Vault lease: it is due", open: openDueLease, private: true, other: true,
		about: "a lease of two seconds comes to the time of its refresh",
	},
	{
		name: "Vault lease revoked: a refused login", open: openRevokedLease, private: true, refused: true,
		about: "an operator revokes the lease, and its user is dropped",
	},
	{
		name: "Vault static role: its schedule", open: openScheduledRole, private: true, slow: true,
		about: "Vault changes the password, every five seconds; the role is asked a second after each is due, because Vault rotates late",
	},
	{
		name: "Vault static role: a refused login", open: openRotatedRole, private: true, refused: true,
		about: "an operator rotates the role long before its time",
	},
	{
		name: "Secrets Manager: its poll", open: openPolledSecret, other: true,
		about: "another login becomes AWSCURRENT; Options.TTL is a second, the least, where the default is five minutes: the notice grows with it",
	},
	{
		name: "Secrets Manager: a refused login", open: openPromotedSecret, refused: true,
		about: "a single user's rotation: the password changed in the database and AWSCURRENT moved, with the default TTL",
	},
	{
		name: "Secrets Manager, AWSCURRENT late: a refused login", open: openPendingSecret, refused: true,
		about: "the same, found in AWSPENDING before AWSCURRENT has moved",
	},
}
