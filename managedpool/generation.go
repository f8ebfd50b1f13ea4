package managedpool

import (
	"sync/atomic"

	"github.com/rekeyhq/rekey/internal/lineage"
	"github.com/rekeyhq/rekey/source"
)

// generation is a credential and the pgxpool that its connections are in. In place, all generations share one.
type generation struct {
	lineage.Life
	backing    *backing
	credential source.Credential
	endpoint   endpoint

	disabled atomic.Bool // its role may not log in any more: the source was asked, and its hand-over will have no pace

	heir *generation // same login, newer password: sessions being made will belong to it; guarded by the registry's lock
}

func newGeneration(b *backing, c source.Credential, e endpoint) *generation {
	return &generation{backing: b, credential: c, endpoint: e}
}

// sameLogin reports whether sessions of g are as good as sessions of next: only the password differs.
func (g *generation) sameLogin(next *generation) bool {
	return g.credential.Username == next.credential.Username && g.endpoint == next.endpoint
}

// drain is one superseded generation at one moment.
type drain = lineage.Drain[*generation]
