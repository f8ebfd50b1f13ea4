package refresh

import (
	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/source"
)

// command is something that the machine wants done. The first four are started and end in an input; the
// others are done at once.
type command interface{ isCommand() }

type (
	fetch struct {
		force bool
		fresh bool
	}
	renew struct {
		credential source.Credential
		preferred  bool // not because a fetch has failed
	}
	alternates struct{ refused source.Credential }
	verify     struct{ credential source.Credential }

	publish struct{ generation *Generation }
	extend  struct{ generation *Generation }
	expire  struct{ generation *Generation }
	suspect struct {
		generation *Generation
		revoked    bool
	}
	retire struct{ credential source.Credential }
	emit   struct{ event rekey.Event }
)

func (fetch) isCommand()      {}
func (renew) isCommand()      {}
func (alternates) isCommand() {}
func (verify) isCommand()     {}
func (publish) isCommand()    {}
func (extend) isCommand()     {}
func (expire) isCommand()     {}
func (suspect) isCommand()    {}
func (retire) isCommand()     {}
func (emit) isCommand()       {}
