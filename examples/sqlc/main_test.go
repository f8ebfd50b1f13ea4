package main

import (
	"testing"

	"github.com/rekeyhq/rekey/examples/internal/turns"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

func TestMain(m *testing.M) { envtest.Main(m) }

func TestThreeRotations(t *testing.T) {
	envtest.NoLeak(t)
	turns.Three(t, envtest.Issuer(t), nil, serve)
}
