package contender

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// TestLifetime: connections end before their login does, and live on where it does not end.
func TestLifetime(t *testing.T) {
	var stays pgxpool.Config
	if (World{}).setLifetime(&stays); stays.MaxConnLifetime != 0 || (World{}).lifetime() != 0 {
		t.Errorf("%v, and nothing ends", stays.MaxConnLifetime)
	}
	var ends pgxpool.Config
	World{Overlap: time.Second}.setLifetime(&ends)
	if most := ends.MaxConnLifetime + ends.MaxConnLifetimeJitter; most < 700*time.Millisecond || most+ends.HealthCheckPeriod >= time.Second {
		t.Errorf("%v, looked for each %v", most, ends.HealthCheckPeriod)
	}
	World{Overlap: 3 * time.Second}.setLifetime(&ends)
	jitter := time.Duration((ends.MaxConnLifetimeJitter - 1).Seconds()) * time.Second // pgxpool's, at the most
	if most := ends.MaxConnLifetime + jitter; jitter == 0 || most < 2*time.Second || most+ends.HealthCheckPeriod >= 3*time.Second {
		t.Errorf("%v, looked for each %v", most, ends.HealthCheckPeriod)
	}
}
