package refresh

import (
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/source"
)

// input is something that the machine reacts to.
type input interface{ isInput() }

type (
	// tick: time has passed.
	tick struct{}

	// ask: somebody wants a refresh now. force passes the circuit breaker; fresh is for those who may have had
	// what the source would give unasked (source.WithForce).
	ask struct {
		force bool
		fresh bool
	}

	// distrust: the server refused a login, or a role was found revoked.
	distrust struct {
		generation uint64
		err        *rekey.VerifyError
		revoked    bool
	}

	// fetched, renewed, alternated and verified are the ends of what the machine has started.
	fetched struct {
		credential source.Credential
		err        *rekey.FetchError
		forced     bool
		took       time.Duration
	}
	renewed struct {
		credential source.Credential
		err        *rekey.FetchError
		preferred  bool
		took       time.Duration
	}
	alternated struct {
		candidates []source.Credential
		err        *rekey.FetchError
		took       time.Duration
	}
	verified struct {
		err  *rekey.VerifyError
		took time.Duration
	}
)

func (tick) isInput()       {}
func (ask) isInput()        {}
func (distrust) isInput()   {}
func (fetched) isInput()    {}
func (renewed) isInput()    {}
func (alternated) isInput() {}
func (verified) isInput()   {}
