package testenv_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv"
)

// module makes a module with a main of the given text.
func module(t *testing.T, main string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module example.com/server\n\ngo 1.26\n", 0o644)
	write(t, filepath.Join(dir, "main.go"), main, 0o644)
	return dir
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// countedGo puts a go command on PATH that notes its calls, and returns where.
func countedGo(t *testing.T) (calls string) {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	write(t, filepath.Join(dir, "go"), "#!/bin/sh\necho \"$1\" >>'"+calls+"'\nexec '"+tool+"' \"$@\"\n", 0o755)
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return calls
}

func TestBuildOnce(t *testing.T) {
	calls := countedGo(t)
	source, cache := module(t, "package main\n\nfunc main() { println(\"built\") }\n"), filepath.Join(t.TempDir(), "new")
	programs := make([]string, 4)
	var work sync.WaitGroup
	for n := range programs {
		work.Go(func() {
			var err error
			if programs[n], err = testenv.BuildOnce(t.Context(), source, cache); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	for _, program := range programs[1:] {
		if program != programs[0] {
			t.Errorf("programs %q", programs)
		}
	}
	if said, err := exec.Command(programs[0]).CombinedOutput(); err != nil || string(said) != "built\n" {
		t.Errorf("the program says %q, err %v", said, err)
	}
	if text, err := os.ReadFile(calls); err != nil || string(text) != "build\n" {
		t.Errorf("calls of go: %q, err %v; want one build", text, err)
	}
}

func TestBuildFollowsItsSources(t *testing.T) {
	source, cache := module(t, "package main\n\nfunc main() {}\n"), t.TempDir()
	first := build(t, source, cache)
	long := time.Now().Add(-60 * 24 * time.Hour)
	if err := os.Chtimes(first, long, long); err != nil {
		t.Fatal(err)
	}
	if again := build(t, source, cache); again != first {
		t.Errorf("built again: %s and %s", first, again)
	}
	if err := os.Chtimes(first, long, long); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(cache, "vaultserver-used"), "", 0o755)
	write(t, filepath.Join(cache, "vaultbuild-killed"), "", 0o755)
	write(t, filepath.Join(source, "main.go"), "package main\n\nfunc main() { println() }\n", 0o644)
	second := build(t, source, cache)
	for path, there := range map[string]bool{
		first: false, second: true, filepath.Join(cache, "vaultserver-used"): true, filepath.Join(cache, "vaultbuild-killed"): false,
	} {
		if _, err := os.Stat(path); (err == nil) != there {
			t.Errorf("%s is there: %v, want %v", path, err == nil, there)
		}
	}
}

func build(t *testing.T, source, cache string) string {
	t.Helper()
	program, err := testenv.BuildOnce(t.Context(), source, cache)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestBuildSaysWhatIsWrong(t *testing.T) {
	source, cache := module(t, "package main\n\nfunc main() { undefined() }\n"), t.TempDir()
	_, err := testenv.BuildOnce(t.Context(), source, cache)
	for _, want := range []string{"undefined: undefined", "make vault-server", "PATH", source} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %q in it", err, want)
		}
	}
	left, _ := filepath.Glob(filepath.Join(cache, "vault*-*"))
	if len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestBuildHonoursContext(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 0, errors.New("no time"))
	defer cancel()
	_, err := testenv.BuildOnce(ctx, module(t, "package main\n\nfunc main() {}\n"), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "no time") {
		t.Fatalf("err = %v, want the context's cause", err)
	}
}

func TestInstalledVaultIsPreferred(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "vault"), "#!/bin/sh\necho \"called with $1 $2\"\ncat \"$3\"\nexit 7\n", 0o755)
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	vault, err := testenv.StartVault(t.Context())
	if err == nil {
		vault.Stop()
		t.Fatal("a program that ends was started")
	}
	for _, want := range []string{"exit status 7", "called with server -config", `storage "file"`, "tls_disable = true"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %q in it", err, want)
		}
	}
}
