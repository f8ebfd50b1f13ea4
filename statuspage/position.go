package statuspage

import (
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
)

// life tells the numbers of one page from those of the one before a restart, which began at 1, too.
type life string

func newLife() life { return life(rand.Text()[:8]) }

// mark makes a number one of this life: how far a browser has read, as the id of an event in the stream.
func (l life) mark(n uint64) string { return string(l) + "-" + strconv.FormatUint(n, 10) }

// positionOf returns the number of the last event that whoever asks has seen in this life, zero for none. A browser that
// reconnects by itself says so in a header, and one that had to begin anew in the query.
func (l life) positionOf(r *http.Request) uint64 {
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		id = r.URL.Query().Get("after")
	}
	number, ours := strings.CutPrefix(id, string(l)+"-")
	if !ours {
		return 0
	}
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0
	}
	return seq
}
