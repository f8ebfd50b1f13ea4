package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/rekeyhq/rekey/internal/fields"
	"github.com/rekeyhq/rekey/source"
)

// layout is how a credential lies in files.
type layout interface {
	// locate returns the files to read now. frozen says that they are never written to once they can be seen.
	locate() (files []wanted, frozen bool, err error)

	// parse makes a credential of their contents, nil for an optional file that is not there.
	parse(contents [][]byte) (source.Credential, error)

	// whole reports whether contents show that nothing is missing at their end.
	whole(contents [][]byte) bool

	// complete reports whether contents prove that they are all there is.
	complete(contents [][]byte) bool

	// paths returns the names whose changes matter.
	paths() []string
}

// wanted is a file to read.
type wanted struct {
	path     string
	optional bool
}

// oneFile is a file that holds everything.
type oneFile struct {
	path      string
	parseFunc ParseFunc // nil: Auto
}

func (l oneFile) locate() ([]wanted, bool, error) { return []wanted{{path: l.path}}, false, nil }

func (l oneFile) paths() []string { return []string{l.path} }

func (l oneFile) parse(contents [][]byte) (source.Credential, error) {
	data := contents[0]
	if len(bytes.TrimSpace(data)) == 0 {
		return source.Credential{}, fields.Problem("the file is empty")
	}
	if l.parseFunc == nil {
		return Auto(data)
	}
	c, err := l.parseFunc(data)
	if err != nil {
		return source.Credential{}, withoutText(err)
	}
	return c, nil
}

// whole trusts a brace, because half of an object does not parse, and a newline.
func (l oneFile) whole(contents [][]byte) bool {
	return looksLikeJSON(contents[0]) || bytes.HasSuffix(contents[0], []byte("\n"))
}

// complete trusts JSON: no beginning of an object is one.
func (l oneFile) complete(contents [][]byte) bool {
	return looksLikeJSON(contents[0]) && json.Valid(fields.TrimBOM(contents[0]))
}

// secretDir is a directory with a file for each field, as Kubernetes mounts a secret.
type secretDir struct {
	path  string
	names Names
}

// dataLink is the symbolic link that Kubernetes swaps to replace all of a volume's files at once.
const dataLink = "..data"

// locate resolves the directory once for all files: resolved for each of them, some would be read from before
// a swap and some from after it.
func (l secretDir) locate() (files []wanted, frozen bool, err error) {
	dir, err := filepath.EvalSymlinks(filepath.Join(l.path, dataLink))
	frozen = err == nil
	if errors.Is(err, fs.ErrNotExist) {
		dir, err = filepath.EvalSymlinks(l.path)
	}
	if err != nil {
		return nil, false, err
	}
	for i, name := range l.names.List() {
		files = append(files, wanted{path: filepath.Join(dir, name), optional: i >= 2})
	}
	return files, frozen, nil
}

func (l secretDir) paths() []string {
	paths := []string{filepath.Join(l.path, dataLink)}
	for _, name := range l.names.List() {
		paths = append(paths, filepath.Join(l.path, name))
	}
	return paths
}

// parse takes the files as they are, but for one newline at the end: editors and echo leave one.
func (l secretDir) parse(contents [][]byte) (source.Credential, error) {
	value := map[string]string{}
	for i, name := range l.names.List() {
		data := bytes.TrimSuffix(contents[i], []byte("\n"))
		value[name] = string(bytes.TrimSuffix(data, []byte("\r")))
	}
	return fields.Build(l.names, value)
}

func (l secretDir) complete([][]byte) bool { return false }

func (l secretDir) whole(contents [][]byte) bool {
	for _, data := range contents {
		if data != nil && !bytes.HasSuffix(data, []byte("\n")) {
			return false
		}
	}
	return true
}
