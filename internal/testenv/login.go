package testenv

import "log/slog"

// Login is one login role and its password.
type Login struct {
	User     string
	Password string

	// OID is the role's number. Sessions outlive a dropped role, and then only the number finds them. Zero
	// means: look it up by User.
	OID uint32
}

// String returns the user only: logins get printed by failing tests.
func (l Login) String() string { return l.User }

// GoString returns the user only.
func (l Login) GoString() string { return l.User }

// LogValue returns the user only.
func (l Login) LogValue() slog.Value { return slog.StringValue(l.User) }
