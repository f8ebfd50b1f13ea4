// Package progress shows a program's progress to whoever looks on.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// Progress tells what is going on: in a terminal on one line that is drawn again and again, elsewhere on a line
// of its own every two seconds.
type Progress struct {
	out   io.Writer
	width int // of the terminal; zero: there is none
	quit  chan struct{}
	done  chan struct{}

	mu    sync.Mutex // guards the rest
	line  func() string
	notes []string // not yet printed
}

// Start begins to tell on out.
func Start(out io.Writer) *Progress {
	p := &Progress{out: out, quit: make(chan struct{}), done: make(chan struct{}), line: func() string { return "" }}
	interval := 2 * time.Second
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.width, interval = 80, 200*time.Millisecond
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			p.width = width
		}
	}
	go p.run(interval)
	return p
}

// Say shows a text until there is something else to show.
func (p *Progress) Say(text string) { p.Follow(func() string { return text }) }

// Follow shows what line returns.
func (p *Progress) Follow(line func() string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line = line
}

// Note prints a line that stays. It only queues it, so that an event's handler may call it.
func (p *Progress) Note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notes = append(p.notes, text)
}

// Stop ends it and clears the line.
func (p *Progress) Stop() {
	close(p.quit)
	<-p.done
}

func (p *Progress) run(interval time.Duration) {
	defer close(p.done)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		p.draw()
		select {
		case <-tick.C:
		case <-p.quit:
			p.Say("")
			p.draw()
			return
		}
	}
}

func (p *Progress) draw() {
	p.mu.Lock()
	line, notes := p.line, p.notes
	p.notes = nil
	p.mu.Unlock()
	for _, note := range notes {
		fmt.Fprintf(p.out, "%s%s\n", p.clear(), note)
	}
	text := line()
	switch {
	case p.width > 0:
		fmt.Fprint(p.out, p.clear(), cut(text, p.width-1)) // a full line would wrap
	case text != "":
		fmt.Fprintln(p.out, text)
	}
}

// clear is what takes a terminal's line away.
func (p *Progress) clear() string {
	if p.width == 0 {
		return ""
	}
	return "\r\x1b[K"
}

func cut(text string, width int) string {
	return text[:min(len(text), max(0, width))]
}
