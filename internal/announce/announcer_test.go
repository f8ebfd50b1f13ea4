package announce_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/announce"
)

// TestLinesHaveNames: every line says which pool it is about, and where its credentials come from, if that has names.
func TestLinesHaveNames(t *testing.T) {
	for want, a := range map[string]announce.Announcer{
		"drained\" pool=orders source=vault generation=1": {Pool: "orders", Source: "vault"},
		"drained\" generation=1":                          {},
		"drained\" pool=orders generation=1":              {Pool: "orders"},
		"drained\" source=vault generation=1":             {Source: "vault"},
	} {
		var lines bytes.Buffer
		a.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		told := 0
		a.OnEvent = func(rekey.Event) { told++ }
		a.Tell(rekey.DrainedEvent{Generation: 1})
		if got := lines.String(); !strings.Contains(got, want) || strings.Count(got, "\n") != 1 || told != 1 {
			t.Errorf("%q lacks %q, or is not told once", got, want)
		}
	}
	announce.Announcer{}.Tell(rekey.DrainedEvent{}) // nobody wants it
}
