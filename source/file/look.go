package file

import (
	"io/fs"
	"os"
	"time"

	"github.com/rekeyhq/rekey/source"
)

// look is what was seen when all files were read once: a credential or an error.
type look struct {
	at     time.Time
	settle time.Duration // how much later a second look must see the same; 0: it need not be confirmed
	cred   source.Credential
	err    error
	print  fingerprint // of the contents, or of the error

	contents [][]byte // until seal
	infos    []fs.FileInfo
	modTime  time.Time // of the file that was written last
	open     bool      // everybody may read one of the files
	complete bool      // the contents prove that nothing of them is missing
}

// add notes a file that was read.
func (l *look) add(data []byte, info fs.FileInfo) {
	l.contents = append(l.contents, data)
	l.infos = append(l.infos, info)
	l.open = l.open || info.Mode().Perm()&0o004 != 0
	if info.ModTime().After(l.modTime) {
		l.modTime = info.ModTime()
	}
}

// seal replaces the contents by their fingerprint. Where a lease counts from the modification time, that
// belongs to what is told.
func (l *look) seal(withTime bool) {
	parts := l.contents
	if l.err != nil {
		parts = [][]byte{[]byte(l.err.Error())}
	} else if withTime {
		parts = append(parts, []byte(l.modTime.UTC().Format(time.RFC3339Nano)))
	}
	l.print = newFingerprint(l.err == nil, parts...)
	for _, data := range l.contents {
		clear(data)
	}
	l.contents = nil
}

// confirms reports whether l saw what the earlier look saw, long enough after it.
func (l *look) confirms(earlier *look) bool {
	return l.same(earlier) && l.at.Sub(earlier.at) >= l.settle
}

// same reports whether l saw the same files, with the same content and not written to in between.
func (l *look) same(earlier *look) bool {
	if l.print != earlier.print || len(l.infos) != len(earlier.infos) {
		return false
	}
	for i, info := range l.infos {
		before := earlier.infos[i]
		if !os.SameFile(info, before) || !info.ModTime().Equal(before.ModTime()) {
			return false
		}
	}
	return true
}

// replaces reports whether l saw another file in the place of the one that the earlier look saw, and all of it: a
// file that was put there by rename, or made anew and finished. Nobody has written to it since it was seen last,
// so one look is enough.
func (l *look) replaces(earlier *look) bool {
	if l.err != nil || !l.complete || len(l.infos) == 0 || len(earlier.infos) == 0 {
		return false
	}
	return !os.SameFile(l.infos[0], earlier.infos[0])
}
