package file

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is how many symbolic links are followed, as many as Linux follows.
const maxLinks = 40

// trail returns every name that is looked up on the way to path, an absolute one: its directories, the links
// among them, what those lead to, and so on to the file or to the first name that is missing. Whatever makes
// path mean something else changes one of these names, so these are what to watch.
func trail(path string) []string {
	root := filepath.VolumeName(path) + string(filepath.Separator)
	var names []string
	at, left, links := root, components(path), 0
	for len(left) > 0 {
		part := left[0]
		left = left[1:]
		if part == ".." {
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, part)
		names = append(names, next)
		info, err := os.Lstat(next)
		if err != nil {
			return names
		}
		if info.Mode()&os.ModeSymlink == 0 {
			at = next
			continue
		}
		target, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return names
		}
		if filepath.IsAbs(target) {
			at = root
		}
		left = append(components(target), left...)
	}
	return names
}

// components splits a path without cleaning it: link/.. is not the directory of link.
func components(path string) []string {
	path = path[len(filepath.VolumeName(path)):]
	var parts []string
	for _, part := range strings.Split(filepath.ToSlash(path), "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return parts
}
