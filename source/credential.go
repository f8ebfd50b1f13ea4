package source

import (
	"log/slog"
	"time"
)

// Credential is a snapshot of one database login. It is passed by value and not changed after a Source
// has returned it. To compare two, compare their Versions: a Secret is never equal to another.
type Credential struct {
	// Username is the login role.
	Username string

	// Password authenticates Username. It may be empty where the server asks for none.
	Password Secret

	// Host, Port and Database are an optional endpoint. A pool follows an endpoint only when its options
	// allow that endpoint; zero values mean the pool's own configuration.
	Host     string
	Port     uint16
	Database string

	// Version identifies the login without telling anything about it: a Vault lease ID, an AWS VersionId,
	// a keyed fingerprint. Equal Versions mean the same login, so a Source must change Version whenever
	// Username, Password or the endpoint changes. Versions are logged. Empty means that the pool makes one
	// up, from a fingerprint that is of no use outside of the process.
	Version string

	// IssuedAt is when the credential began to be valid, or when it was fetched. Zero means unknown; the
	// pool then counts from the moment in which it asked for the credential.
	IssuedAt time.Time

	// ExpiresAt is when the issuer ends the credential. Zero means that it does not end by itself.
	ExpiresAt time.Time

	// RefreshAfter is when the Source expects to have something newer. Zero means that the pool decides,
	// by ExpiresAt if there is one, else by its poll interval.
	RefreshAfter time.Time
}

// LogValue returns the loggable part of the credential: no password.
func (c Credential) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("username", c.Username),
		slog.String("version", c.Version),
	}
	if c.Host != "" {
		attrs = append(attrs, slog.String("host", c.Host))
	}
	if !c.ExpiresAt.IsZero() {
		attrs = append(attrs, slog.Time("expires_at", c.ExpiresAt))
	}
	return slog.GroupValue(attrs...)
}
