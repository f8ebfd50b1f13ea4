// Package e2e_test looks at the page of package statuspage in a real browser, on pools of a real PostgreSQL.
package e2e_test

import (
	"flag"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

// screenshots is the folder that pictures of the page are put into. Without one none are taken.
var screenshots = flag.String("screenshots", "", "take screenshots, into this folder")

// patience bounds a wait for what happens by itself; machines that run tests are slow at times.
const patience = 30 * time.Second

func TestMain(m *testing.M) { envtest.Main(m) }
