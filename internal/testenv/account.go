package testenv

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// account is the system user that a server runs as; nil means the user we are.
type account struct{ uid, gid uint32 }

// serverAccount returns an unprivileged user when we are root, because PostgreSQL and MariaDB refuse to run as
// root.
func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil || uid == 0 {
			continue
		}
		return &account{uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("running as root, and there is neither a user postgres nor a user nobody to run servers as")
}

// makeFolder makes a fresh folder, named after what it is for, that belongs to the account and that the account can
// reach.
func makeFolder(acct *account, what string) (string, error) {
	dir, err := tempFolder(acct, "rekey-"+what+"-")
	if err != nil {
		return "", err
	}
	if err := acct.own(dir); err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	return dir, nil
}

// tempFolder makes a folder where servers have theirs.
func tempFolder(acct *account, prefix string) (string, error) {
	if inMemory.Load() {
		if parent := memoryFolder(); parent != "" {
			if dir, err := os.MkdirTemp(parent, prefix); err == nil {
				return dir, nil
			}
		}
	}
	return os.MkdirTemp(reachableParent(acct), prefix)
}

// reachableParent is the usual folder for temporary files, unless it lies below one that the account may not
// enter: root's TMPDIR is often below /root.
func reachableParent(acct *account) string {
	if acct == nil {
		return ""
	}
	for _, dir := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		if traversable(dir) {
			return dir
		}
	}
	return ""
}

// traversable reports whether everybody may enter dir and all folders above it.
func traversable(dir string) bool {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}

// own gives path to the account.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}

// writeFile writes a file that only the account can read (and root).
func (a *account) writeFile(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return err
	}
	return a.own(path)
}
