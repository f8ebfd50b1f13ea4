package testenv

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNoMariaDB is wrapped by the error of [StartMariaDB] when the server is not installed.
var ErrNoMariaDB = errors.New("MariaDB's server (mariadbd, with the SQL files that make its system tables) was not found; " +
	"install it with scripts/setup.sh, or with: apt-get install mariadb-server-core")

// mariaFolders are the folders where systems keep a server that is not on PATH.
var mariaFolders = []string{
	"/usr/sbin",                      // Debian, Ubuntu: not on everybody's PATH
	"/usr/libexec",                   // Fedora, Red Hat
	"/opt/homebrew/opt/mariadb*/bin", // Homebrew on Apple silicon
	"/usr/local/opt/mariadb*/bin",    // Homebrew on Intel
	"/usr/local/mysql/bin",           // built from source
}

// mariaShares are where the SQL files are, seen from the server's folder.
var mariaShares = []string{"../share/mysql", "../share/mariadb", "../share"}

// mariaProgram is the server and the SQL that makes its system tables. mariadb-install-db is not needed: it is a
// script that feeds these files to the server, and asks for programs of the client's package.
type mariaProgram struct {
	path   string
	tables string
	data   string
}

// findMariaDB looks on PATH, then in the usual folders.
func findMariaDB() (mariaProgram, error) {
	if path, err := exec.LookPath("mariadbd"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return firstMariaDB(filepath.Dir(path), mariaFolders)
		}
	}
	return firstMariaDB("", mariaFolders)
}

// firstMariaDB is findMariaDB for any place.
func firstMariaDB(first string, globs []string) (mariaProgram, error) {
	for _, glob := range append([]string{first}, globs...) {
		dirs, _ := filepath.Glob(glob) // the patterns are constant, but for a folder that exists: no error to have
		for _, dir := range dirs {
			if program, ok := mariaProgramIn(dir); ok {
				return program, nil
			}
		}
	}
	return mariaProgram{}, ErrNoMariaDB
}

func mariaProgramIn(dir string) (mariaProgram, bool) {
	path := filepath.Join(dir, "mariadbd")
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return mariaProgram{}, false
	}
	for _, share := range mariaShares {
		// Named after MySQL before version 11.
		for _, name := range []string{"mariadb", "mysql"} {
			tables := filepath.Join(dir, share, name+"_system_tables.sql")
			data := filepath.Join(dir, share, name+"_system_tables_data.sql")
			if isFile(tables) && isFile(data) {
				return mariaProgram{path: path, tables: tables, data: data}, true
			}
		}
	}
	return mariaProgram{}, false
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
