package main

import (
	"testing"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

func TestMain(m *testing.M) { envtest.Main(m) }
