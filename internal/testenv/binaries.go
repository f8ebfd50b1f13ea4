package testenv

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNoPostgres is wrapped by the error of [StartPostgres] when the server's binaries are not installed.
var ErrNoPostgres = errors.New("PostgreSQL's server binaries (initdb, postgres) were not found; " +
	"install them with scripts/setup.sh, or with: apt-get install postgresql")

// serverBinaries are the programs that a private cluster needs. pg_ctl is not among them: the server is our
// own child process, so that it cannot outlive us.
var serverBinaries = []string{"initdb", "postgres"}

// binaryGlobs are the folders where systems keep versions that are not on PATH.
var binaryGlobs = []string{
	"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                   // PGDG on Red Hat
	"/usr/libexec/postgresql*",           // Alpine
	"/opt/homebrew/opt/postgresql@*/bin", // Homebrew on Apple silicon
	"/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
	"/usr/local/pgsql/bin",               // built from source
}

// binaryFolder returns the folder that holds the server's binaries: the one on PATH, else the newest version
// that the system keeps.
func binaryFolder() (string, error) {
	return firstServerFolder(folderOnPath(), binaryGlobs)
}

// firstServerFolder is binaryFolder for any place.
func firstServerFolder(first string, globs []string) (string, error) {
	if holdsServer(first) {
		return first, nil
	}
	for _, glob := range globs {
		dirs, _ := filepath.Glob(glob) // the patterns are constant: no error to have
		slices.SortFunc(dirs, func(a, b string) int { return cmp.Compare(folderVersion(b), folderVersion(a)) })
		if i := slices.IndexFunc(dirs, holdsServer); i >= 0 {
			return dirs[i], nil
		}
	}
	return "", ErrNoPostgres
}

// folderOnPath follows the link that PATH may have, because initdb looks for postgres beside itself. It returns
// "" when there is no initdb on PATH.
func folderOnPath() string {
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return ""
	}
	initdb, err = filepath.EvalSymlinks(initdb)
	if err != nil {
		return ""
	}
	return filepath.Dir(initdb)
}

func holdsServer(dir string) bool {
	if dir == "" {
		return false
	}
	for _, name := range serverBinaries {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

// folderVersion reads the version number out of a folder's name, the last one in it; 0 when there is none.
func folderVersion(dir string) (version float64) {
	for part := range strings.SplitSeq(dir, string(filepath.Separator)) {
		digits := strings.TrimLeft(part, "abcdefghijklmnopqrstuvwxyz-@")
		if v, err := strconv.ParseFloat(digits, 64); err == nil {
			version = v
		}
	}
	return version
}

// runTool runs a program to its end. What it prints goes to the file output, and into the
// error if it fails.
func runTool(p program, output string) error {
	out, err := os.Create(output)
	if err != nil {
		return err
	}
	defer out.Close()
	p.output = out
	proc, err := startProcess(p)
	if err != nil {
		return err
	}
	if err := proc.wait(); err != nil {
		said, _ := os.ReadFile(output) // the error is bad enough without
		return fmt.Errorf("%s: %w: %s", filepath.Base(p.path), err, strings.TrimSpace(string(said)))
	}
	return nil
}
