package testenv

// Traversable is traversable.
var Traversable = traversable

// FolderIn looks for the server's binaries in the folders that match globs.
func FolderIn(globs []string) (string, error) { return firstServerFolder("", globs) }

// SecondIssuer is an issuer for the schema that another one has made.
func SecondIssuer(db *Database, prefix string) *Issuer {
	return newIssuer(db, &IssuerOptions{Prefix: prefix})
}
