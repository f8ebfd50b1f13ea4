package managedpool

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey"
)

// TestLinesHaveNames: every line says which pool it is about, and where its credentials come from, if that has names.
func TestLinesHaveNames(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]Options{
		"pool=orders source=vault generation=1": {Name: "orders", SourceName: "vault"},
		"drained\" generation=1":                {},
		"drained\" pool=orders generation=1":    {Name: "orders"},
	} {
		var lines bytes.Buffer
		o.Logger = slog.New(slog.NewTextHandler(&lines, nil))
		p := &Pool{options: o}
		p.tell(rekey.DrainedEvent{Generation: 1})
		if got := lines.String(); !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}
