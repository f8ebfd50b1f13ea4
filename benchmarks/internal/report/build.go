package report

import (
	"os/exec"
	"runtime/debug"
	"slices"
	"strings"
)

// Build is what was measured.
type Build struct {
	Commit   string   `json:"commit,omitempty"`
	Modified bool     `json:"modified,omitempty"` // there were changes that are in no commit
	Modules  []string `json:"modules,omitempty"`  // others that take part, with their versions
}

// compared are the modules whose version a reader wants to know.
var compared = []string{
	"github.com/jackc/pgx/v5", "github.com/GoCodeAlone/go-db-credential-refresh", "github.com/lib/pq", "github.com/go-sql-driver/mysql",
}

// ThisBuild describes this program. The go command does not say the commit of a program that it runs at once; git does.
func ThisBuild() Build {
	var b Build
	if info, ok := debug.ReadBuildInfo(); ok {
		b = buildOf(info)
	}
	if b.Commit == "" {
		b.Commit = git("rev-parse", "HEAD")
		b.Modified = b.Commit != "" && git("status", "--porcelain") != ""
	}
	return b
}

func buildOf(info *debug.BuildInfo) (b Build) {
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	for _, m := range info.Deps {
		if slices.Contains(compared, m.Path) {
			b.Modules = append(b.Modules, m.Path+" "+m.Version)
		}
	}
	return b
}

// String is short, and empty where nothing is known.
func (b Build) String() string {
	var parts []string
	if b.Commit != "" {
		commit := "commit " + b.Commit[:min(12, len(b.Commit))]
		if b.Modified {
			commit += " (modified)"
		}
		parts = append(parts, commit)
	}
	for _, m := range b.Modules {
		_, name, _ := strings.Cut(strings.TrimPrefix(m, "github.com/"), "/")
		parts = append(parts, name)
	}
	return strings.Join(parts, ", ")
}

// git is what it answers, or nothing.
func git(args ...string) string {
	out, err := exec.Command("git", args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
