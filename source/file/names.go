package file

// Names tells which name each field of a credential has: a variable, a JSON member or a file in a directory.
// An empty name means the default, which depends on the format. Host, Port and Database are optional in a
// file; what they name is taken only where it is there.
type Names struct {
	Username string
	Password string
	Host     string
	Port     string
	Database string
}

var (
	// envNames are libpq's.
	envNames = Names{Username: "PGUSER", Password: "PGPASSWORD", Host: "PGHOST", Port: "PGPORT", Database: "PGDATABASE"}

	// plainNames are those that secret managers and operators use.
	plainNames = Names{Username: "username", Password: "password", Host: "host", Port: "port", Database: "dbname"}
)

// or returns n with its empty names taken from defaults.
func (n Names) or(defaults Names) Names {
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

// list returns the names, the required ones first.
func (n Names) list() []string { return []string{n.Username, n.Password, n.Host, n.Port, n.Database} }
