package statuspage

import (
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
)

// process tells this process's events from those of the one before a restart, whose numbers began at 1, too.
var process = rand.Text()[:8]

// position makes a number one of this process: how far a browser has read, as the id of an event in the stream.
func position(seq uint64) string { return process + "-" + strconv.FormatUint(seq, 10) }

// positionOf returns the number of the last event that whoever asks has seen in the life of this process, zero for
// none. A browser that reconnects by itself says so in a header, and one that had to begin anew in the query.
func positionOf(r *http.Request) uint64 {
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		id = r.URL.Query().Get("after")
	}
	number, ours := strings.CutPrefix(id, process+"-")
	if !ours {
		return 0
	}
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0
	}
	return seq
}
