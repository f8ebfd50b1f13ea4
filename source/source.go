// Package source defines where database credentials come from: the [Credential] itself, the one-method
// [Source] interface that a secret store implements, and the optional abilities that a store may add.
//
// It is a leaf: it imports the standard library only, so that a store's package and a database driver's
// package can both depend on it without meeting each other.
package source

import "context"

// Source gives the credential to use now.
//
// A Source that owns a watcher, a token or anything else that must be ended is also an io.Closer. Whoever
// made the Source closes it, after the pools that use it.
type Source interface {
	// Fetch returns the credential to use now. It must be safe for concurrent use and return soon after
	// ctx ends. Repeated calls may return the same credential, with the same Version.
	//
	// An error wrapped by [Permanent] says that trying again cannot help until somebody changes
	// something; any other error is taken for a passing one.
	Fetch(ctx context.Context) (Credential, error)
}

// Func makes a Source of a function.
type Func func(context.Context) (Credential, error)

// Fetch calls f.
func (f Func) Fetch(ctx context.Context) (Credential, error) { return f(ctx) }

// Renewer is the ability to extend a credential's life without changing the login.
type Renewer interface {
	// Renew extends c and returns it with the same Version and, where the issuer granted it, a later
	// ExpiresAt. Safe for concurrent use.
	Renew(ctx context.Context, c Credential) (Credential, error)
}

// Notifier is the ability to say that the credential may have changed.
type Notifier interface {
	// Changed returns a channel that is closed at the next change. Each call returns the channel for the
	// change after the call, so read the channel first and fetch second. Any number of readers may wait
	// on it.
	Changed() <-chan struct{}
}

// Alternates is the ability to name other credentials that may be right when the server refuses the one
// that Fetch returned: the one that an issuer has set in the database but not yet promoted in the store.
type Alternates interface {
	// Alternates is called after the server refused c's password (SQLSTATE 28P01), and only then. The
	// candidates are tried in order. None is an empty result, not an error.
	Alternates(ctx context.Context, c Credential) ([]Credential, error)
}

// Retirer is the ability to give a credential back to its issuer.
type Retirer interface {
	// Retire is called once no connection uses c any more, after the pool refused to adopt c, and at
	// shutdown. It is tried once; an error is reported and not retried.
	Retire(ctx context.Context, c Credential) error
}
