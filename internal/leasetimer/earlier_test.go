package leasetimer_test

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/leasetimer"
)

func TestEarlier(t *testing.T) {
	var never time.Time
	soon, late := time.Unix(1, 0), time.Unix(2, 0)
	for _, test := range [][3]time.Time{
		{never, never, never}, {soon, never, soon}, {never, soon, soon}, {soon, late, soon}, {late, soon, soon},
	} {
		if got := leasetimer.Earlier(test[0], test[1]); !got.Equal(test[2]) {
			t.Errorf("Earlier(%v, %v) = %v", test[0], test[1], got)
		}
	}
}
