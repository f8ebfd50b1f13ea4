package probe_test

import (
	"testing"

	"github.com/rekeyhq/rekey/probe"
)

type noteKey struct{}

func TestNotes(t *testing.T) {
	var some, others probe.Notes
	some.Keep(noteKey{}, 1)
	if v, ok := some.Kept(noteKey{}); !ok || v != 1 {
		t.Errorf("kept %v, %v", v, ok)
	}
	if v, ok := others.Kept(noteKey{}); ok {
		t.Errorf("another login's notes have %v", v)
	}
	var none *probe.Notes
	none.Keep(noteKey{}, 1)
	if v, ok := none.Kept(noteKey{}); ok {
		t.Errorf("nil notes have %v", v)
	}
}
