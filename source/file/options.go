package file

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/rekeyhq/rekey/internal/fields"
)

// Names tells which name each field of a credential has: a variable, a JSON member or a file in a directory.
// An empty name means the default, which depends on the format. Host, Port and Database are optional in a
// file; what they name is taken only where it is there.
type Names = fields.Names

// Options are the settings of a [Source]. The zero value is usable.
type Options struct {
	// Parse makes a credential of the file's content. Not for OpenDir. Defaults to [Auto].
	Parse ParseFunc

	// Names are the names of the files in the directory. Only for OpenDir; for one file give them to [JSON]
	// or [Env]. Default to username, password, host, port and dbname.
	Names Names

	// LeaseDuration is how long a credential lives from the moment that its file was written, where the file
	// itself does not say. It sets ExpiresAt to the file's modification time plus LeaseDuration, and
	// RefreshAfter to a twentieth of LeaseDuration after two thirds of it, which is when a Vault agent writes
	// the successor; both move with a file that is written again with the same content.
	//
	// Name the time after which the file is written again at the latest. For a Vault role whose lease the
	// agent renews, that is the role's max_ttl and not its ttl: a renewal does not touch the file. Connections
	// are closed before ExpiresAt, so a value that is too small costs connections and one that is too large
	// costs nothing but the foresight. Defaults to 0: the end is not known.
	LeaseDuration time.Duration

	// PollInterval is how often the files are read without any event, for file systems that make none and for
	// mounts that come and go. -1 means never. Defaults to 30 seconds.
	PollInterval time.Duration

	// Owners lists user IDs that may own the files besides root and the process's own user: that of a Vault
	// agent in another container, say. Ignored where files have no such owner. Defaults to none.
	Owners []int

	// Signals lists signals that make the source call Reload, commonly syscall.SIGHUP. The process's default
	// action on them is off until Close. Defaults to none: the source leaves signals alone.
	Signals []os.Signal

	// Logger is told when a file is broken, repaired, or readable by everybody, and when the source cannot
	// watch; never what is in a file. Defaults to none.
	Logger *slog.Logger
}

// defaultPollInterval is a compromise: a mounted file system is noticed soon, a disk does not care.
const defaultPollInterval = 30 * time.Second

// complete returns a copy of o, which may be nil, with its defaults filled in. An error names the field.
func (o *Options) complete() (Options, error) {
	var c Options
	if o != nil {
		c = *o
	}
	c.Owners = slices.Clone(c.Owners)
	c.Signals = slices.Clone(c.Signals)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.PollInterval == 0 {
		c.PollInterval = defaultPollInterval
	}
	switch {
	case c.LeaseDuration < 0:
		return c, optionError("LeaseDuration", "is negative")
	case c.PollInterval < -1:
		return c, optionError("PollInterval", "is negative and not -1")
	case slices.Contains(c.Signals, nil):
		return c, optionError("Signals", "holds nil")
	}
	return c, nil
}

func optionError(field, complaint string) error {
	return fmt.Errorf("file: Options.%s %s", field, complaint)
}
