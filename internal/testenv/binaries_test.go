package testenv_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/testenv"
)

// install makes a folder that looks like a version of PostgreSQL.
func install(t *testing.T, folder string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"initdb", "postgres"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFolderInPrefersTheHighestVersion(t *testing.T) {
	root := t.TempDir()
	for _, version := range []string{"9.6", "15", "17"} {
		install(t, filepath.Join(root, version, "bin"), 0o755)
	}
	install(t, filepath.Join(root, "18", "bin"), 0o644) // not executable
	folder, err := testenv.FolderIn([]string{root + "/*/bin"})
	if err != nil || folder != filepath.Join(root, "17", "bin") {
		t.Fatalf("folder %q, err %v", folder, err)
	}
}

func TestFolderInSaysHowToInstall(t *testing.T) {
	_, err := testenv.FolderIn([]string{t.TempDir() + "/*"})
	if !errors.Is(err, testenv.ErrNoPostgres) || !strings.Contains(err.Error(), "scripts/setup.sh") {
		t.Fatalf("err = %v", err)
	}
}

func TestTraversable(t *testing.T) {
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if testenv.Traversable(folder) {
		t.Error("a folder of mode 0700 is said to be open to everybody")
	}
	if !testenv.Traversable("/") {
		t.Error("the root folder is said to be closed")
	}
}
