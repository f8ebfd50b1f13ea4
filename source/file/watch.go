package file

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// grace is how long a file may be broken before those who wait on Changed are told: deleting a file and
// creating it again takes a moment in between.
const grace = time.Second

// maxRounds ends the chase after directories that somebody makes faster than they can be watched.
const maxRounds = 10

// watch notices changes. Its methods run on the source's one goroutine.
type watch struct {
	reader *reader
	log    *slog.Logger
	told   func(*look)  // reports what is there now
	known  func() *look // what was last confirmed, nil before

	notify *fsnotify.Watcher // nil: there are no events, only the poll
	names  map[string]bool   // whose events matter
	dirs   map[string]bool   // that are watched

	first  *look // waits to be confirmed; nil: at rest
	timer  *time.Timer
	due    time.Time // when timer fires
	broken time.Time // since when the files have been broken; zero: they are not
	blind  bool      // that a directory cannot be watched has been logged
}

// matters reports whether an event concerns the files.
func (w *watch) matters(e fsnotify.Event) bool {
	return w.names[filepath.Clean(e.Name)] // fsnotify says //etc
}

// stir begins to look, or hurries a look that has begun.
func (w *watch) stir() {
	if w.first == nil {
		w.lookFirst()
		return
	}
	if soon := time.Now().Add(settleSoon); soon.Before(w.due) {
		w.wake(soon)
	}
}

// lookFirst takes the first of two looks.
func (w *watch) lookFirst() {
	w.arm()
	l := w.reader.look()
	if known := w.known(); known != nil && l.replaces(known) {
		w.conclude(l)
		return
	}
	w.expect(l)
}

// lookAgain is called when the timer fires.
func (w *watch) lookAgain() {
	if w.first == nil {
		w.lookFirst()
		return
	}
	w.arm()
	second := w.reader.look()
	switch {
	case second.confirms(w.first):
		w.conclude(second)
	case second.same(w.first): // it was hurried, and is the same so far
		w.wake(w.first.at.Add(second.settle))
	default:
		w.expect(second)
	}
}

// expect waits until l can be confirmed.
func (w *watch) expect(l *look) {
	if l.settle == 0 {
		w.conclude(l)
		return
	}
	w.first = l
	w.wake(l.at.Add(l.settle))
}

// conclude reports a confirmed look.
func (w *watch) conclude(l *look) {
	w.first = nil
	if l.err == nil {
		w.broken = time.Time{}
		w.told(l)
		return
	}
	if w.broken.IsZero() {
		w.broken = l.at
	}
	if until := w.broken.Add(grace); l.at.Before(until) {
		w.wake(until)
		return
	}
	w.told(l)
}

func (w *watch) wake(at time.Time) {
	w.due = at
	w.timer.Reset(time.Until(at))
}

// arm watches the directory of every name on the way to the files. It does so at each look, because a watch
// ends with its directory, silently where another one is mounted over it; what is watched already costs a
// system call. What appears while this goes on is seen by the next round.
func (w *watch) arm() {
	for range maxRounds {
		w.names = map[string]bool{}
		for _, path := range w.reader.layout.paths() {
			for _, name := range trail(path) {
				w.names[name] = true
			}
		}
		if w.notify == nil || !w.armDirs() {
			return
		}
	}
}

// armDirs reports whether it watches a directory that was not watched before.
func (w *watch) armDirs() (news bool) {
	dirs := map[string]bool{}
	for name := range w.names {
		dirs[filepath.Dir(name)] = true
	}
	for dir := range dirs {
		if err := w.notify.Add(dir); err != nil {
			delete(dirs, dir)
			w.cannotSee(dir, err)
		} else if !w.dirs[dir] {
			news = true
		}
	}
	for dir := range w.dirs {
		if !dirs[dir] {
			_ = w.notify.Remove(dir) // gone already, most likely
		}
	}
	w.dirs = dirs
	return news
}

// cannotSee logs, once, that the poll has to find changes: an ancestor that may be entered and not read is
// common, and so is a limit on watches.
func (w *watch) cannotSee(dir string, err error) {
	if !w.blind {
		w.blind = true
		w.log.Info("cannot watch a directory on the way to a credential file",
			"file", w.reader.name, "directory", dir, "error", err)
	}
}
