package file

import (
	"errors"
	"testing"

	"github.com/fsnotify/fsnotify"
)

// WithoutEvents makes Open find a system without file events, for the test.
func WithoutEvents(t testing.TB) {
	before := newWatcher
	newWatcher = func() (*fsnotify.Watcher, error) { return nil, errors.New("no inotify here") }
	t.Cleanup(func() { newWatcher = before })
}

// Looks returns how often s has read its files.
func Looks(s *Source) int64 { return s.reader.looks.Load() }

// Key is what fingerprints are made with.
func Key() []byte { return key() }

// ParseJSON and ParseEnv are what the fuzz targets call.
var (
	ParseJSON = JSON(Names{})
	ParseEnv  = Env(Names{})
)
