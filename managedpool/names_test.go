package managedpool

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey"
)

// TestLinesHaveNames: every line says which pool it is about, and where its credentials come from.
func TestLinesHaveNames(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	log := slog.New(slog.NewTextHandler(&lines, nil))
	(&Pool{options: Options{Name: "orders", SourceName: "vault", Logger: log}}).tell(rekey.DrainedEvent{Generation: 1})
	if want := "pool=orders source=vault generation=1"; !strings.Contains(lines.String(), want) {
		t.Errorf("%q lacks %q", lines.String(), want)
	}
}
