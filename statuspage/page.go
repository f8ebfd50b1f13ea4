package statuspage

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"reflect"
	"sync"

	"github.com/rekeyhq/rekey"
)

// Page is an http.Handler. It is safe for concurrent use. Close it before the http.Server is shut down, which waits
// for requests to end, and a stream ends with the page; http.Server.RegisterOnShutdown is a good place.
type Page struct {
	opts    Options
	life    life
	journal *journal
	closing chan struct{} // closed by Close

	mu      sync.Mutex // guards the rest
	pools   []*entry   // in the order in which they were first named
	named   uint64     // entries so far
	streams int        // being served
	closed  bool
	idle    sync.WaitGroup // streams; Add under the lock and not after closed
}

// entry is a pool under its name.
type entry struct {
	id   string // of no other pool, not of one that had the name before, nor of another process
	name string
	pool Pool // nil: only observed so far
}

// New makes a page without pools. nil opts means the defaults.
func New(opts *Options) (*Page, error) {
	o := opts.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Page{opts: o, life: newLife(), journal: newJournal(o.History), closing: make(chan struct{})}, nil
}

// Add puts a pool on the page. Its name, which no other pool has, is what Observe was given for its events.
func (p *Page) Add(name string, pool Pool) error {
	switch {
	case name == "":
		return errors.New("statuspage: Page.Add: name must not be empty")
	case isNil(pool):
		return fmt.Errorf("statuspage: Page.Add: pool %q must not be nil", name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entry(name)
	if e.pool != nil {
		return fmt.Errorf("statuspage: Page.Add: name %q is another pool's", name)
	}
	e.pool = pool
	p.journal.wake()
	return nil
}

// isNil also finds the nil pointer that a constructor returns with its error.
func isNil(pool Pool) bool {
	if pool == nil {
		return true
	}
	v := reflect.ValueOf(pool)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// Observe returns the handler of a pool's events, for OnEvent in the pool's options: the page shows them under this
// name, from before the pool is added. It blocks for nothing.
func (p *Page) Observe(name string) func(rekey.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entry(name)
	return func(event rekey.Event) { p.journal.add(e.id, name, event) }
}

// Remove takes a pool and its events off the page, also those that it will have: the next pool of that name needs
// another call of Observe, after this. A name that is not there is none to remove.
func (p *Page) Remove(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, e := range p.pools {
		if e.name == name {
			p.pools = append(p.pools[:i:i], p.pools[i+1:]...)
			p.journal.forget(e.id)
			return
		}
	}
}

// entry finds a pool or makes room for it. It is called under the lock.
func (p *Page) entry(name string) *entry {
	for _, e := range p.pools {
		if e.name == name {
			return e
		}
	}
	p.named++
	e := &entry{id: p.life.mark(p.named), name: name}
	p.pools = append(p.pools, e)
	p.journal.open(e.id)
	return e
}

// ServeHTTP serves the page and what it is made of. It goes by the last element of the path alone, so that it need not
// know where it is mounted.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protect(w.Header())
	if !p.allowsHost(r) {
		http.Error(w, "the status page is not served under this name, unless statuspage.Options.Hosts has it", http.StatusForbidden)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this page can only be read", http.StatusMethodNotAllowed)
		return
	}
	folder, name := path.Split(r.URL.Path)
	switch {
	case folder == "" && name == "": // StripPrefix without a slash at the end
		redirectToFolder(w, r)
	case name == "":
		p.serveIndex(w)
	case name == "state.json":
		p.serveState(w)
	case name == "events":
		p.serveEvents(w, r)
	default:
		serveAsset(w, r, name)
	}
}

// Close ends all streams and waits until they have. The page then serves no more streams; pools and handlers of events
// are left as they are.
func (p *Page) Close() {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.closing)
	}
	p.mu.Unlock()
	p.idle.Wait()
}

// enter reserves a place for a stream. leave gives it back; it is nil if there is none.
func (p *Page) enter() (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.streams >= p.opts.MaxStreams {
		return nil
	}
	p.streams++
	p.idle.Add(1)
	return func() {
		p.mu.Lock()
		p.streams--
		p.mu.Unlock()
		p.idle.Done()
	}
}
