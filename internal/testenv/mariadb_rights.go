package testenv

// MariaRights is how a login of a [MariaIssuer] comes by its rights. What an open session feels when they are taken
// away depends on it.
type MariaRights int

const (
	// OnTables grants on each table and function.
	OnTables MariaRights = iota

	// OnDatabase grants on the whole database.
	OnDatabase

	// ByRole grants a role that has the rights on tables, and makes it the login's default.
	ByRole
)

// grants is SQL with the issuer's names to be filled in.
func (r MariaRights) grants() string {
	switch r {
	case OnDatabase:
		return `
		GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON {database}.* TO {user};`
	case ByRole:
		return `
		GRANT {role} TO {user};
		SET DEFAULT ROLE {role} FOR {user};`
	default:
		return mariaTableGrants
	}
}

// mariaTableGrants is what the application needs to do its work.
const mariaTableGrants = `
		GRANT SELECT, INSERT, UPDATE, DELETE ON {database}.accounts TO {user};
		GRANT SELECT, INSERT, UPDATE, DELETE ON {database}.events TO {user};
		GRANT EXECUTE ON FUNCTION {database}.balance_of TO {user};`
