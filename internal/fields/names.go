// Package fields makes a credential of named values, as files and secret stores hold them. None of its errors quotes what
// was read.
package fields

// Names tells which name each field of a credential has: a variable, a JSON member or a file in a directory.
// An empty name means the default, which depends on the format. Host, Port and Database are optional;
// what they name is taken only where it is there.
type Names struct {
	Username string
	Password string
	Host     string
	Port     string
	Database string
}

var (
	// Libpq are the variables that libpq reads.
	Libpq = Names{Username: "PGUSER", Password: "PGPASSWORD", Host: "PGHOST", Port: "PGPORT", Database: "PGDATABASE"}

	// Plain are those that secret managers and operators use.
	Plain = Names{Username: "username", Password: "password", Host: "host", Port: "port", Database: "dbname"}
)

// Or returns n with its empty names taken from defaults.
func (n Names) Or(defaults Names) Names {
	for _, f := range []struct{ name, standard *string }{
		{&n.Username, &defaults.Username},
		{&n.Password, &defaults.Password},
		{&n.Host, &defaults.Host},
		{&n.Port, &defaults.Port},
		{&n.Database, &defaults.Database},
	} {
		if *f.name == "" {
			*f.name = *f.standard
		}
	}
	return n
}

// List returns the names, the required ones first.
func (n Names) List() []string { return []string{n.Username, n.Password, n.Host, n.Port, n.Database} }
