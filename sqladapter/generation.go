package sqladapter

import (
	"database/sql/driver"

	"github.com/rekeyhq/rekey/internal/lineage"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/source"
)

// generation is a credential, and what makes connections with it.
type generation struct {
	lineage.Life
	credential source.Credential
	connector  driver.Connector
	notes      probe.Notes // what the probe remembers of the login

	heir *generation // same login, newer password: sessions being made will belong to it; guarded by the registry's lock
}

// sameLogin reports whether sessions of g are as good as sessions of next: only the password differs.
func (g *generation) sameLogin(next *generation) bool {
	a, b := g.credential, next.credential
	return a.Username == b.Username && a.Host == b.Host && a.Port == b.Port && a.Database == b.Database
}

// drain is one superseded generation at one moment.
type drain = lineage.Drain[*generation]
