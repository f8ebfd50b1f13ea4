package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/rekeyhq/rekey/internal/fields"
	"github.com/rekeyhq/rekey/source"
)

// ErrClosed is what Fetch returns after Close. Trying again does not help.
var ErrClosed = errors.New("file: source is closed")

// newWatcher is replaced by tests of systems without file events.
var newWatcher = fsnotify.NewWatcher

// Source is a credential in files. It implements source.Source, source.Notifier and io.Closer, owns one
// goroutine and is safe for concurrent use.
type Source struct {
	reader reader
	opts   Options
	stop   chan struct{} // closed by Close
	ended  chan struct{} // closed by the goroutine
	once   sync.Once     // for stop
	broken bool          // the goroutine's: that the files are broken has been logged

	mu      sync.Mutex    // guards what follows
	changed chan struct{} // closed at the next change
	seen    fingerprint   // of what those who wait have been told
	stray   bool          // a Fetch has returned something else
	known   *look         // what was last seen twice
	warned  bool          // that everybody may read the files
}

// Open returns a Source over one file that holds the whole credential. A nil opts means the defaults.
//
// The file need not be there yet, nor its directory. An error is about opts, or about a system that offers no
// file events while polling is off. The caller closes the Source.
func Open(path string, opts *Options) (*Source, error) {
	o, err := opts.complete()
	if err != nil {
		return nil, err
	}
	if o.Names != (Names{}) {
		return nil, errors.New("file: Options.Names is for OpenDir; use JSON or Env with names of your own")
	}
	if path == "" {
		return nil, errors.New("file: path is empty")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	return open(abs, oneFile{path: abs, parseFunc: o.Parse}, o)
}

// OpenDir returns a Source over a directory with a file for each field, as Kubernetes mounts a secret: its
// ..data link is resolved once for all files, so that a username never meets another's password. In a
// directory without that link such a mixture is possible while both files are being replaced; prefer one file
// there. A nil opts means the defaults. Otherwise it is like [Open].
func OpenDir(dir string, opts *Options) (*Source, error) {
	o, err := opts.complete()
	if err != nil {
		return nil, err
	}
	if o.Parse != nil {
		return nil, errors.New("file: Options.Parse is for Open")
	}
	names := o.Names.Or(fields.Plain)
	for _, name := range names.List() {
		if name != filepath.Base(name) || !filepath.IsLocal(name) {
			return nil, errors.New("file: Options.Names holds a path; want the names of files in the directory")
		}
	}
	if dir == "" {
		return nil, errors.New("file: dir is empty")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	return open(abs, secretDir{path: abs, names: names}, o)
}

// open starts the goroutine. The first look is taken here, with the watches in place, so that no change after
// open returns is missed.
func open(name string, l layout, o Options) (*Source, error) {
	s := &Source{
		reader:  reader{name: name, layout: l, owners: o.Owners, lease: o.LeaseDuration},
		opts:    o,
		stop:    make(chan struct{}),
		ended:   make(chan struct{}),
		changed: make(chan struct{}),
	}
	notify, err := newWatcher()
	if err != nil {
		if o.PollInterval < 0 {
			return nil, fmt.Errorf("file: %s: cannot watch, and Options.PollInterval is off: %w", name, err)
		}
		o.Logger.Warn("no file events: a changed credential file is found by polling only",
			"file", name, "error", err)
		notify = nil
	}
	w := &watch{reader: &s.reader, log: o.Logger, told: s.observe, known: s.confirmed, notify: notify, timer: stoppedTimer()}
	w.arm()
	first := s.reader.look()
	s.seen = first.print
	s.warn(first)
	s.logState(first)
	go s.run(w, s.signals())
	return s, nil
}

// Fetch implements source.Source. It reads the files anew, and again after 5 milliseconds unless they are as they were
// confirmed to be before, or one file of JSON has taken the place of another. It takes up to 2 seconds with files that are just being written.
//
// An error says which file is wrong and why, never what is in it. It is permanent (see source.IsPermanent)
// where only a human can help: wrong kind, size, owner or permissions. Whatever may pass, such as a missing
// file or one that does not parse, is worth another try; os errors can be found with errors.Is. Between its
// looks Fetch honours ctx, but a file system that hangs, hangs the look.
func (s *Source) Fetch(ctx context.Context) (source.Credential, error) {
	if isClosed(s.stop) {
		return source.Credential{}, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return source.Credential{}, err
	}
	l, err := s.reader.stable(ctx, s.stop, s.confirmed())
	if err != nil {
		return source.Credential{}, err
	}
	s.warn(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known = l
	s.stray = s.stray || l.print != s.seen
	return l.cred, l.err
}

// confirmed returns what was last seen twice, nil before.
func (s *Source) confirmed() *look {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known
}

// Changed implements source.Notifier. The channel is closed when the files hold something else, when they have
// been broken for a second, when they are good again, and by Reload. It is not closed by Close.
func (s *Source) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Reload tells those who wait on Changed to fetch, whether anything has changed or not. Options.Signals calls
// it; so may a program that handles its signals itself.
func (s *Source) Reload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.announce()
}

// Close ends the watch and waits until it has ended. It may be called more than once, and always returns nil.
func (s *Source) Close() error {
	s.once.Do(func() { close(s.stop) })
	<-s.ended
	return nil
}

// run is the goroutine.
func (s *Source) run(w *watch, signals chan os.Signal) {
	defer close(s.ended)
	defer w.timer.Stop()
	var (
		events <-chan fsnotify.Event
		lost   <-chan error
		poll   <-chan time.Time
	)
	if w.notify != nil {
		defer w.notify.Close()
		events, lost = w.notify.Events, w.notify.Errors
	}
	if s.opts.PollInterval > 0 {
		ticker := time.NewTicker(s.opts.PollInterval)
		defer ticker.Stop()
		poll = ticker.C
	}
	if signals != nil {
		defer signal.Stop(signals)
	}
	for {
		select {
		case <-s.stop:
			return
		case e := <-events:
			if w.matters(e) {
				w.stir()
			}
		case <-lost: // events were lost, so anything may have happened
			w.stir()
		case <-poll:
			w.stir()
		case <-w.timer.C:
			w.lookAgain()
		case <-signals:
			s.Reload()
		}
	}
}

// observe takes what the watch has seen, and tells those who wait if it is not what they know.
func (s *Source) observe(l *look) {
	s.mu.Lock()
	s.known = l
	news := l.print != s.seen || s.stray
	if news {
		s.seen, s.stray = l.print, false
		s.announce()
	}
	s.mu.Unlock()
	if news {
		s.logState(l)
	}
}

// logState says that the files are broken, and why, or that they are good again. Only open and the goroutine
// call it.
func (s *Source) logState(l *look) {
	if l.err != nil {
		s.opts.Logger.Warn("a credential file is broken; the credential in use stays in use",
			"file", s.reader.name, "error", l.err)
	} else if s.broken {
		s.opts.Logger.Info("a credential file is good again", "file", s.reader.name)
	}
	s.broken = l.err != nil
}

// announce closes the channel that Changed gave, and makes another. Call it with mu held.
func (s *Source) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// warn says once that everybody may read the files.
func (s *Source) warn(l *look) {
	if !l.open || !checksModes {
		return
	}
	s.mu.Lock()
	warned := s.warned
	s.warned = true
	s.mu.Unlock()
	if !warned {
		s.opts.Logger.Warn("everybody on this machine may read a credential file", "file", s.reader.name)
	}
}

// signals subscribes to the signals that the caller asked for. With none it does not: signal.Notify without
// names would take them all.
func (s *Source) signals() chan os.Signal {
	if len(s.opts.Signals) == 0 {
		return nil
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, s.opts.Signals...)
	return c
}

// stoppedTimer returns a timer to be Reset.
func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
