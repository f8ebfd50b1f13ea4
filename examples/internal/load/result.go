package load

import (
	"fmt"
	"io"
	"time"
)

// Result is what a load has shown, with latencies in microseconds.
type Result struct {
	Queries, Failed     int64
	Failures            []Failure // the first few that differ
	P50, P99, P999, Max int64
}

// Failure is an error's text and how often it was seen.
type Failure struct {
	Text  string
	Count int
}

// PrintFailures says what failed, if anything did; name is the pool's.
func (r Result) PrintFailures(out io.Writer, name string) {
	if r.Failed == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s failed %d times, with:\n", name, r.Failed)
	for _, f := range r.Failures {
		fmt.Fprintf(out, "  %d × %s\n", f.Count, f.Text)
	}
}

// Millis shows a latency.
func Millis(micros int64) string {
	return fmt.Sprintf("%.1f ms", float64(micros)/float64(time.Millisecond/time.Microsecond))
}
