package vault_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/testenv"
)

// documented is the code that docs/vault.md recommends, to the letter but for the names.
type documented struct {
	policy                 string // its places for the role's name are still to be filled
	create, renew, revoke  string
	passwordAuthentication string
}

// document reads it, with the names of a site. For PostgreSQL those are the groups, which are not quoted there.
func (s *site) document(t testing.TB) documented {
	t.Helper()
	text, err := os.ReadFile("../../docs/vault.md")
	must(t, err)
	policies, statements := fenced(string(text), "hcl"), fenced(string(text), "sql")
	if len(policies) != 1 || len(statements) != 1 {
		t.Fatalf("docs/vault.md has %d blocks of HCL and %d of SQL, want one of each", len(policies), len(statements))
	}
	named := strings.NewReplacer("app_users", s.db.Mount+"_app", "app_owner", s.issuer.Owner()).Replace(statements[0])
	files := regexp.MustCompile(`(?m)^-- (\w+)\.sql`).Split(named, -1)
	if len(files) != 4 || strings.TrimSpace(files[0]) != "" {
		t.Fatalf("docs/vault.md has these files of SQL: %q", files)
	}
	for i := range files { // what was taken away was the beginning of a comment
		files[i] = "--" + files[i]
	}
	return documented{
		policy: strings.ReplaceAll(policies[0], `"database/`, `"`+s.db.Mount+"/"),
		create: files[1], renew: files[2], revoke: files[3],
		passwordAuthentication: regexp.MustCompile(`password_authentication=([\w-]+) *\n`).FindStringSubmatch(string(text))[1],
	}
}

// fenced returns the code blocks of a language.
func fenced(text, language string) (blocks []string) {
	for _, found := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, found[1])
	}
	return blocks
}

// role is a dynamic role with the documented statements.
func (d documented) role() testenv.VaultRoleOptions {
	return testenv.VaultRoleOptions{
		Creation: []string{d.create}, Renewal: []string{d.renew}, Revocation: []string{d.revoke},
	}
}

// policyFor is the policy for a role.
func (d documented) policyFor(role string) string {
	return strings.ReplaceAll(d.policy, `creds/app"`, `creds/`+role+`"`)
}
