package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/file"
)

// fileSecret is a secret in a file that is replaced by rename, as an agent does.
type fileSecret struct {
	*roles
	folder string
	quiet  bool // the file system makes no events, and it is the password that changes
}

func openFile(ctx context.Context, s *servers) (subject, error)      { return newFile(ctx, s, false) }
func openQuietFile(ctx context.Context, s *servers) (subject, error) { return newFile(ctx, s, true) }

func newFile(ctx context.Context, s *servers, quiet bool) (*fileSecret, error) {
	r, err := newRoles(ctx, s)
	if err != nil {
		return nil, err
	}
	f := &fileSecret{roles: r, quiet: quiet}
	if f.folder, err = os.MkdirTemp("", "latency"); err != nil {
		return nil, err
	}
	if err := f.write(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *fileSecret) path() string { return filepath.Join(f.folder, "db.json") }

func (f *fileSecret) Open(context.Context) (source.Source, error) {
	if !f.quiet {
		return file.Open(f.path(), nil)
	}
	src, err := file.Open(f.path(), &file.Options{PollInterval: -1})
	if err != nil {
		return nil, err
	}
	return source.Compose(src, source.Abilities{Closer: src}), nil
}

func (f *fileSecret) Change(ctx context.Context, _ *followed) error {
	next := f.another
	if f.quiet {
		next = f.anotherPassword
	}
	if err := next(ctx); err != nil {
		return err
	}
	return f.write()
}

// write counts from before the rename: the watch may be told before that returns.
func (f *fileSecret) write() error {
	text, err := f.secret()
	if err != nil {
		return err
	}
	if err := os.WriteFile(f.path()+".new", text, 0o600); err != nil {
		return err
	}
	f.changed = time.Now()
	return os.Rename(f.path()+".new", f.path())
}

func (f *fileSecret) Close() error { return errors.Join(os.RemoveAll(f.folder), f.drop()) }
