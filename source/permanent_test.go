package source_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/rekeyhq/rekey/source"
)

func TestPermanent(t *testing.T) {
	marked := source.Permanent(io.EOF)
	for _, test := range []struct {
		name string
		err  error
		want bool
	}{
		{"nil", nil, false},
		{"Permanent(nil)", source.Permanent(nil), false},
		{"ordinary", io.EOF, false},
		{"marked", marked, true},
		{"wrapped", fmt.Errorf("fetch: %w", marked), true},
		{"joined", errors.Join(io.ErrClosedPipe, marked), true},
		{"marked twice", source.Permanent(marked), true},
		{"only quoted", fmt.Errorf("fetch: %v", marked), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := source.IsPermanent(test.err); got != test.want {
				t.Errorf("IsPermanent = %v, want %v", got, test.want)
			}
		})
	}
	if source.Permanent(nil) != nil {
		t.Error("Permanent(nil) is not nil")
	}
	if !errors.Is(marked, io.EOF) || marked.Error() != io.EOF.Error() {
		t.Errorf("Permanent hides or changes the error it marks: %v", marked)
	}
}
