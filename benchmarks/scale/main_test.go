package main

import (
	"testing"

	"github.com/rekeyhq/rekey/benchmarks/internal/growth"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

func TestMain(m *testing.M) {
	growth.Main()
	envtest.Main(m)
}
