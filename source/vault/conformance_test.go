package vault_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/sourcetest"
	"github.com/rekeyhq/rekey/source/vault"
)

// TestConformance runs the suite for sources on a real Vault.
func TestConformance(t *testing.T) {
	t.Parallel()
	server := envtest.OwnVault(t)
	origin := func(s *site, rules string, src source.Source, rotate func(*testing.T)) *sourcetest.Origin {
		return &sourcetest.Origin{
			Source: src, Rotate: rotate,
			Break:  func(t *testing.T) { must(t, server.Client().Sys().PutPolicy(s.policy, "# nothing")) },
			Repair: func(t *testing.T) { must(t, server.Client().Sys().PutPolicy(s.policy, rules)) },
			Stall: func(t *testing.T) func() {
				must(t, server.Pause())
				return func() { must(t, server.Resume()) }
			},
			Secrets: func() []string { return []string{server.RootToken()} },
		}
	}
	t.Run("dynamic", func(t *testing.T) {
		sourcetest.Run(t, sourcetest.Harness{Dynamic: true, Make: func(t *testing.T) *sourcetest.Origin {
			s := newSite(t, server, testenv.VaultTokenOptions{})
			role, err := s.db.DynamicRole(t.Context(), &testenv.VaultRoleOptions{TTL: time.Minute})
			must(t, err)
			src, err := s.login(t).Dynamic(s.db.Mount, role, &vault.DynamicOptions{Burst: 1000})
			must(t, err)
			return origin(s, s.db.Rules(), src, nil)
		}})
	})
	t.Run("static", func(t *testing.T) {
		sourcetest.Run(t, sourcetest.Harness{Make: func(t *testing.T) *sourcetest.Origin {
			s := newSite(t, server, testenv.VaultTokenOptions{})
			role, err := s.db.StaticRole(t.Context(), time.Hour)
			must(t, err)
			src, err := s.login(t).Static(s.db.Mount, role.Name)
			must(t, err)
			return origin(s, s.db.Rules(), src, func(t *testing.T) { must(t, s.db.Rotate(t.Context(), role.Name)) })
		}})
	})
	for _, engine := range []int{1, 2} {
		t.Run(fmt.Sprintf("kv %d", engine), func(t *testing.T) {
			sourcetest.Run(t, sourcetest.Harness{Make: func(t *testing.T) *sourcetest.Origin {
				mount, err := server.MountKV(t.Context(), engine)
				must(t, err)
				path, rules := mount+"/app/db", `path "`+mount+`/*" { capabilities = ["read"] }`
				if engine == 2 {
					path = mount + "/data/app/db"
				}
				n := 0
				rotate := func(t *testing.T) {
					n++
					data := map[string]any{"username": "app", "password": fmt.Sprintf("planted-%06d-of-the-secret-store", n)}
					if engine == 2 {
						data = map[string]any{"data": data}
					}
					_, err := server.Client().Logical().WriteWithContext(t.Context(), path, data)
					must(t, err)
				}
				rotate(t)
				s := newSite(t, server, testenv.VaultTokenOptions{})
				must(t, server.Client().Sys().PutPolicy(s.policy, rules))
				src, err := s.login(t).KV(mount, "app/db", &vault.KVOptions{Engine: engine})
				must(t, err)
				return origin(s, rules, src, rotate)
			}})
		})
	}
}
