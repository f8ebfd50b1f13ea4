package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey/internal/fields"
	"github.com/rekeyhq/rekey/source"
)

const (
	// maxSize is the largest file that is read, in bytes.
	maxSize = 64 << 10

	// settleSoon lies between two looks that must agree.
	settleSoon = 5 * time.Millisecond

	// settleLate is the same for what may be half of something: a writer may be slow, or wait for a processor.
	settleLate = 250 * time.Millisecond

	// longAgo is how old a file must be for its age to say that nobody is writing it. Clocks of file servers
	// are coarse and differ a little.
	longAgo = 10 * time.Second

	// maxSwaps is how often a volume may be swapped away under one look.
	maxSwaps = 10

	// patience is how long Fetch looks at a file that goes on changing.
	patience = 2 * time.Second
)

// errMoving is for a file that changed while it was read.
const errMoving = fields.Problem("it is being written to")

// reader reads a layout's files, and only such as can be trusted.
type reader struct {
	name   string // for errors
	layout layout
	owners []int
	lease  time.Duration
	looks  atomic.Int64 // how often the files were read, for tests
}

// stable looks until two looks agree that are far enough apart, and returns what they saw. It looks in between
// too, so that it does not wait for the confirmation of what has passed. One look is enough if it sees what was
// confirmed before, or another whole file in its place; known may be nil.
func (r *reader) stable(ctx context.Context, stop <-chan struct{}, known *look) (*look, error) {
	end := time.Now().Add(patience)
	first, step := r.look(), settleSoon
	if known != nil && (first.same(known) || first.replaces(known)) {
		return first, nil
	}
	for first.settle > 0 {
		left := time.Until(first.at.Add(first.settle))
		if err := sleep(ctx, stop, max(min(step, left), time.Millisecond)); err != nil {
			return nil, err
		}
		second := r.look()
		switch {
		case second.confirms(first):
			return second, nil
		case second.same(first):
			step *= 2
		case time.Now().After(end):
			return nil, r.explain(errMoving)
		default:
			first, step = second, settleSoon
		}
	}
	return first, nil
}

// look reads all files once.
func (r *reader) look() *look {
	r.looks.Add(1)
	l := &look{at: time.Now(), settle: settleLate}
	frozen := r.readAll(l)
	if l.err == nil {
		l.cred, l.err = r.credential(l)
	}
	if l.err != nil {
		l.err = r.explain(l.err)
	}
	// An old file has been what it is for longer than any wait here, be it good or bad.
	if old := l.at.Sub(l.modTime) > longAgo && !l.modTime.IsZero(); old || (l.err == nil && r.layout.whole(l.contents)) {
		l.settle = settleSoon
	}
	if frozen && l.err == nil {
		l.settle = 0
	}
	l.complete = l.err == nil && r.layout.complete(l.contents)
	l.seal(r.lease > 0)
	return l
}

// readAll fills in the look's contents, modification time and error, and reports whether the files are frozen.
func (r *reader) readAll(l *look) (frozen bool) {
	for range maxSwaps {
		files, frozen, err := r.layout.locate()
		if err == nil {
			err = r.readThese(l, files)
		}
		l.err = err
		if !frozen || !errors.Is(err, fs.ErrNotExist) || !r.swapped(files) {
			return frozen
		}
	}
	return false
}

// readThese fills in the look's contents and modification time.
func (r *reader) readThese(l *look, files []wanted) error {
	l.contents, l.infos, l.modTime = nil, nil, time.Time{}
	for _, f := range files {
		data, info, err := r.readFile(f.path)
		if f.optional && errors.Is(err, fs.ErrNotExist) {
			l.contents = append(l.contents, nil)
			continue
		}
		if err != nil {
			return err
		}
		l.add(data, info)
	}
	return nil
}

// swapped reports whether the files have been replaced by others since they were located, which is why they
// are not there.
func (r *reader) swapped(files []wanted) bool {
	now, _, err := r.layout.locate()
	return err == nil && now[0].path != files[0].path
}

// readFile reads a file that may be hostile. It looks before it opens, because opening alone has effects on
// some devices, opens without blocking, as a FIFO would, and then trusts nothing but the descriptor.
func (r *reader) readFile(path string) ([]byte, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if err := r.trust(info); err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if err := r.trust(before); err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, nil, err
	}
	after, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !before.ModTime().Equal(after.ModTime()) || after.Size() != int64(len(data)) {
		return nil, nil, errMoving
	}
	return data, after, nil
}

// trust refuses a file that somebody else could have written, and what is no file at all. All of it takes a
// human to repair.
func (r *reader) trust(info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return source.Permanent(fields.Problem("it is not a regular file"))
	case info.Size() > maxSize:
		return source.Permanent(fields.Problem(fmt.Sprintf("it is larger than %d bytes", maxSize)))
	case info.Mode().Perm()&0o022 != 0 && checksModes:
		return source.Permanent(fields.Problem(fmt.Sprintf("others than its owner may write to it (mode %#o)", info.Mode().Perm())))
	case !ownedBy(info, r.owners):
		return source.Permanent(fields.Problem("it belongs to another user" + ownerOf(info) + "; Options.Owners can allow that one"))
	}
	return nil
}

// credential makes the credential of a look.
func (r *reader) credential(l *look) (source.Credential, error) {
	c, err := r.layout.parse(l.contents)
	if err != nil {
		return source.Credential{}, err
	}
	if err := fields.Check(c); err != nil {
		return source.Credential{}, err
	}
	c.Version = version(c)
	if c.IssuedAt.IsZero() && l.modTime.Before(l.at) {
		c.IssuedAt = l.modTime
	}
	if r.lease > 0 && c.ExpiresAt.IsZero() {
		c.ExpiresAt = l.modTime.Add(r.lease)
		if c.RefreshAfter.IsZero() {
			c.RefreshAfter = l.modTime.Add(r.lease/3*2 + r.lease/20)
		}
	}
	return c, nil
}

// explain adds which file it is. The errors of package os quote names only, but say each twice.
func (r *reader) explain(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	err = fmt.Errorf("file: %s: %w", r.name, err)
	if errors.Is(err, fs.ErrPermission) {
		return source.Permanent(err)
	}
	return err
}

// sleep waits for d, or until ctx or the source ends.
func sleep(ctx context.Context, stop <-chan struct{}, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-stop:
		return ErrClosed
	}
}
