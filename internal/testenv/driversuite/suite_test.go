// Package driversuite runs the tests of pgx's package stdlib over the *sql.DB of package sqladapter, and compares what
// they say with what they say over stdlib's own.
package driversuite

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"                // whose tests run here
	_ "github.com/rekeyhq/rekey/sqladapter/pgxstdlib" // in place of what they open
	_ "github.com/stretchr/testify/require"           // which they need

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

const suite = "github.com/jackc/pgx/v5/stdlib"

func TestMain(m *testing.M) { envtest.Main(m) }

// ours opens a DB that follows a source, for the tests' own helpers to call. The login is the one that they use.
const ours = `
func openOurs(t testing.TB, config *pgx.ConnConfig) *sql.DB {
	t.Helper()
	src := source.Func(func(context.Context) (source.Credential, error) {
		return source.Credential{Username: config.User, Password: source.NewSecret(config.Password)}, nil
	})
	db, err := sqladapter.Open(context.Background(), sqladapter.Config{Source: src, Driver: pgxstdlib.New(config, nil)})
	require.NoError(t, err)
	return db.DB
}
`

// replacements turn what the tests open into ours. Tests that are about stdlib's own options, its pool or its name as a
// driver keep what they open.
var replacements = []struct {
	old, new string
	times    int
}{
	{"\treturn stdlib.OpenDB(*config, opts...)", "\tif len(opts) == 0 {\n\t\treturn openOurs(t, config)\n\t}\n\treturn stdlib.OpenDB(*config, opts...)", 1},
	{"db := stdlib.OpenDB(*config)\n", "db := openOurs(t, config)\n", 1},
	{`"github.com/jackc/pgx/v5/tracelog"`, "\"github.com/jackc/pgx/v5/tracelog\"\n\t\"github.com/rekeyhq/rekey/source\"\n" +
		"\t\"github.com/rekeyhq/rekey/sqladapter\"\n\t\"github.com/rekeyhq/rekey/sqladapter/pgxstdlib\"", 1},
}

// TestPgxStdlib: every test ends as it does over stdlib's own DB.
func TestPgxStdlib(t *testing.T) {
	db := envtest.Database(t)
	plain := run(t, db.AdminDSN())
	managed := run(t, db.AdminDSN(), "-modfile", changed(t))
	counts := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(plain)) {
		if managed[name] != plain[name] {
			t.Errorf("%s: %s over stdlib's DB, %s over ours", name, plain[name], managed[name])
		}
		counts[plain[name]]++
	}
	if len(managed) != len(plain) || counts["pass"] < 40 {
		t.Errorf("%d tests over ours, %d over stdlib's", len(managed), len(plain))
	}
	t.Logf("%d tests and subtests over each: %v", len(plain), counts)
}

// changed makes a copy of pgx with the changed tests, and returns the go.mod that takes it in place of the published one.
func changed(t *testing.T) string {
	t.Helper()
	where, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/jackc/pgx/v5").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "pgx"), os.DirFS(strings.TrimSpace(string(where)))); err != nil {
		t.Fatal(err)
	}
	tests := filepath.Join(dir, "pgx", "stdlib", "sql_test.go")
	content, err := os.ReadFile(tests)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content) + ours
	for _, r := range replacements {
		if n := strings.Count(text, r.old); n != r.times {
			t.Fatalf("%q is there %d times", r.old, n)
		}
		text = strings.ReplaceAll(text, r.old, r.new)
	}
	must(t, os.Chmod(tests, 0o600))
	must(t, os.WriteFile(tests, []byte(text), 0o600))
	here, err := filepath.Abs(".")
	must(t, err)
	module, err := os.ReadFile("go.mod")
	must(t, err)
	root := filepath.Join(here, "..", "..", "..")
	file := filepath.Join(dir, "go.mod")
	next := strings.Replace(string(module), "=> ../../../", "=> "+root, 1) +
		"\nreplace github.com/jackc/pgx/v5 => " + filepath.Join(dir, "pgx") + "\n"
	must(t, os.WriteFile(file, []byte(next), 0o600))
	sums, err := os.ReadFile("go.sum")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o600))
	return file
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run returns how each test ended. With -trimpath what is compiled does not depend on the folder of the copy, and the next
// run finds it in Go's cache.
func run(t *testing.T, dsn string, flags ...string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"test", "-json", "-count=1", "-trimpath", "-vet=off"}, flags...), suite)...)
	cmd.Env = append(os.Environ(), "PGX_TEST_DATABASE="+dsn)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	ends := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var line struct{ Action, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.Test == "" {
			continue
		}
		switch line.Action {
		case "pass", "fail", "skip":
			ends[line.Test] = line.Action
		case "output":
			if strings.Contains(line.Output, "Error") {
				fmt.Fprint(&complaints, line.Output)
			}
		}
	}
	if err != nil {
		t.Logf("%v\n%s", err, complaints.String())
	}
	return ends
}
