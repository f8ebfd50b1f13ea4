package awssm

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"golang.org/x/time/rate"
)

// value is what GetSecretValue answers with.
type value = secretsmanager.GetSecretValueOutput

// directReader reads one stage of a secret past the cache. One call is under way at a time, and there are not more than the
// limiter allows; everybody who asks before a call has begun shares what it brings, be it an error. A call goes on when its
// callers go: it belongs to all of them, and ends by itself.
type directReader struct {
	read  func(context.Context) (*value, error)
	limit *rate.Limiter

	mu   sync.Mutex // guards what follows
	next *reading   // that has not begun; nil: nobody waits for one
	busy bool       // a call is under way, or waits for its turn
}

// reading is a call of GetSecretValue.
type reading struct {
	ctx   context.Context // of who asked first, for its values
	done  chan struct{}
	value *value // once done is closed
	err   error
}

// A stage is asked for once a second past the cache, and three times at once.
const (
	directInterval = time.Second
	directBurst    = 3
)

func newDirectReader(read func(context.Context) (*value, error)) *directReader {
	return &directReader{read: read, limit: rate.NewLimiter(rate.Every(directInterval), directBurst)}
}

// get returns what a call brings that begins from now on, or fails when ctx ends.
func (d *directReader) get(ctx context.Context) (*value, error) {
	if ctx.Err() != nil {
		return nil, ended(ctx)
	}
	r := d.join(ctx)
	select {
	case <-r.done:
		return r.value, r.err
	case <-ctx.Done():
		return nil, ended(ctx)
	}
}

func (d *directReader) join(ctx context.Context) *reading {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next == nil {
		d.next = &reading{ctx: context.WithoutCancel(ctx), done: make(chan struct{})}
	}
	r := d.next
	if !d.busy {
		d.busy = true
		go d.run() // ends when nobody asks any more, within the calls' own limits
	}
	return r
}

// run makes calls as long as somebody waits for one.
func (d *directReader) run() {
	for {
		wait := d.limit.Reserve().Delay()
		if wait > 0 {
			<-time.After(wait)
		}
		r := d.begin()
		if r == nil {
			return
		}
		r.value, r.err = d.read(r.ctx)
		close(r.done)
		if d.idle() {
			return
		}
	}
}

// begin takes the reading that is next: whoever asks from now on waits for another.
func (d *directReader) begin() *reading {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.next
	d.next = nil
	if r == nil {
		d.busy = false
	}
	return r
}

// idle reports whether nobody waits for another call, and ends the run then.
func (d *directReader) idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next == nil {
		d.busy = false
		return true
	}
	return false
}
