package statuspage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// errSlow ends a stream whose reader has fallen behind by more than the history holds. It comes again, and begins anew.
var errSlow = errors.New("statuspage: the reader is too slow")

// serveEvents streams as server-sent events:
//
//	hello   once: whether the reader must forget what it has, and how often it will hear something
//	pools   what all pools are like, whenever that has changed
//	record  an event, with its position as id
//	beat    nothing is new
func (p *Page) serveEvents(w http.ResponseWriter, r *http.Request) {
	leave := p.enter()
	if leave == nil {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "no room for another stream", http.StatusServiceUnavailable)
		return
	}
	defer leave()
	s := &stream{page: p, out: w, control: http.NewResponseController(w)}
	if !s.begin(r) {
		return
	}
	s.run(r) // its error says why there is nobody left to tell
}

// stream is one reader. It has no queue: it reads the journal at its own pace.
type stream struct {
	page    *Page
	out     http.ResponseWriter
	control *http.ResponseController

	seen  uint64       // the last event that was sent
	pools []byte       // as last sent
	spoke time.Time    // when anything was last sent
	batch bytes.Buffer // not yet sent
}

// begin sends the headers, and reports whether there is a stream to follow.
func (s *stream) begin(r *http.Request) bool {
	h := s.out.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform") // what compresses collects
	h.Set("X-Accel-Buffering", "no")                 // nginx would hold the events back
	s.extend()
	if err := s.control.Flush(); errors.Is(err, http.ErrNotSupported) {
		http.Error(s.out, "the server's ResponseWriter cannot stream", http.StatusNotImplemented)
		return false
	}
	return r.Method != http.MethodHead // which asks whether it would work
}

func (s *stream) run(r *http.Request) error {
	tick := time.NewTicker(s.page.opts.Interval)
	defer tick.Stop()
	err := s.hello(s.page.life.positionOf(r))
	for err == nil {
		changed := s.page.journal.watch()
		if err = s.tell(); err != nil {
			break
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-s.page.closing:
			return nil
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
	return err
}

// hello begins where the reader was, or at the beginning when what it missed is not here any more.
func (s *stream) hello(seen uint64) error {
	_, complete, _ := s.page.journal.since(seen)
	if complete {
		s.seen = seen
	}
	data, err := json.Marshal(struct {
		Reset     bool  `json:"reset"`
		History   int   `json:"history"`
		Routine   int   `json:"routine"`
		Heartbeat int64 `json:"heartbeat_ms"`
	}{s.seen == 0, s.page.opts.History, routineRoom, s.page.opts.Heartbeat.Milliseconds()})
	s.put("hello", "", data)
	return err
}

// tell sends what is new.
func (s *stream) tell() error {
	if err := s.putPools(); err != nil {
		return err
	}
	if err := s.putRecords(); err != nil {
		return err
	}
	if s.batch.Len() == 0 && time.Since(s.spoke) >= s.page.opts.Heartbeat {
		s.put("beat", "", []byte("{}"))
	}
	return s.send()
}

func (s *stream) putPools() error {
	now, pools := time.Now(), s.page.look()
	same, err := json.Marshal(pools)
	if err != nil || bytes.Equal(same, s.pools) {
		return err
	}
	s.pools = same
	data, err := json.Marshal(state{Now: now, Pools: pools})
	s.put("pools", "", data)
	return err
}

func (s *stream) putRecords() error {
	records, complete, _ := s.page.journal.since(s.seen)
	if !complete && s.seen > 0 {
		return errSlow
	}
	for _, r := range records {
		s.put("record", s.page.life.mark(r.seq), r.data)
		s.seen = r.seq
	}
	return nil
}

// put adds an event to the batch. JSON has no line breaks.
func (s *stream) put(event, id string, data []byte) {
	if id != "" {
		fmt.Fprintf(&s.batch, "id: %s\n", id)
	}
	fmt.Fprintf(&s.batch, "event: %s\ndata: %s\n\n", event, data)
}

// send writes the batch. A reader who does not take it within the time is dropped.
func (s *stream) send() error {
	if s.batch.Len() == 0 {
		return nil
	}
	s.extend()
	_, err := s.batch.WriteTo(s.out)
	s.spoke = time.Now()
	return errors.Join(err, s.control.Flush())
}

// extend gives the next write its time. A ResponseWriter that knows no deadlines has none.
func (s *stream) extend() {
	_ = s.control.SetWriteDeadline(time.Now().Add(s.page.opts.WriteTimeout))
}
