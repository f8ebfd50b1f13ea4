package vault_test

import (
	"testing"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

func TestMain(m *testing.M) {
	envtest.Waiting(4)
	envtest.Main(m)
}
