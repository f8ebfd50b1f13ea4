package main

import _ "embed"

// What docs/vault.md recommends, as it is written there.
var (
	//go:embed policy.hcl
	policy string
	//go:embed create.sql
	createStatements string
	//go:embed renew.sql
	renewStatements string
	//go:embed revoke.sql
	revokeStatements string
)

// rolesScript is for PostgreSQL.
//
//go:embed roles.sql
var rolesScript string
