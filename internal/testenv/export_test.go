package testenv

import (
	"syscall"
	"time"
)

// Traversable is traversable.
var Traversable = traversable

// FolderIn looks for the server's binaries in the folders that match globs.
func FolderIn(globs []string) (string, error) { return firstServerFolder("", globs) }

// SecondIssuer is an issuer for the schema that another one has made.
func SecondIssuer(db *Database, prefix string) *Issuer {
	return newIssuer(db, &IssuerOptions{Prefix: prefix})
}

// TerminateVault sends SIGTERM and reports whether the server ended within d, and how.
func TerminateVault(v *Vault, d time.Duration) (bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.proc.signal(syscall.SIGTERM); err != nil {
		return false, err
	}
	if !v.proc.waitFor(d) {
		return false, nil
	}
	return true, v.proc.err
}

// BuildOnce is buildOnce.
var BuildOnce = buildOnce

// MariaDBIn looks for a server in the folders that match globs, and returns its path.
func MariaDBIn(globs []string) (string, error) {
	program, err := firstMariaDB("", globs)
	return program.path, err
}

// SecondMariaIssuer is an issuer for the schema that another one has made.
var SecondMariaIssuer = newMariaIssuer
