package cli

import (
	"fmt"
	"io"
	"os"
	"time"
)

// Progress says on standard error where a run is, and how long it may still take.
type Progress struct {
	to    io.Writer
	began time.Time
	steps int
	done  int
}

// NewProgress is for a run of that many steps, which take about equally long.
func (f *Flags) NewProgress(steps int) *Progress {
	p := &Progress{to: os.Stderr, began: time.Now(), steps: steps}
	if f.Quiet {
		p.to = io.Discard
	}
	return p
}

// Step says that one more step is done, and what came of it.
func (p *Progress) Step(format string, args ...any) {
	p.done++
	left := time.Since(p.began) / time.Duration(p.done) * time.Duration(max(0, p.steps-p.done))
	fmt.Fprintf(p.to, "%3d%%, %s left: %s\n", 100*p.done/max(1, p.steps), left.Round(time.Second), fmt.Sprintf(format, args...))
}
