package statuspage

import (
	"encoding/json"
	"log/slog"
	"time"
	"unicode/utf8"

	"github.com/rekeyhq/rekey"
)

// mostText bounds each text of a record: errors quote whatever a server answered.
const mostText = 600

// record is an event as browsers get it. It does not change.
type record struct {
	seq     uint64
	routine bool
	data    json.RawMessage
}

// newRecord encodes an event once, for all who will read it.
func newRecord(seq uint64, id, pool string, at time.Time, event rekey.Event) record {
	attrs := map[string]any{}
	for _, a := range event.Attrs() {
		attrs[a.Key] = plain(a.Value.Resolve())
	}
	r := record{seq: seq, routine: routine(event)}
	data, err := json.Marshal(struct {
		Seq     uint64         `json:"seq"`
		ID      string         `json:"id"` // the pool's
		Pool    string         `json:"pool"`
		At      time.Time      `json:"at"`
		Name    string         `json:"name"`
		Level   string         `json:"level"`
		Routine bool           `json:"routine,omitempty"`
		Attrs   map[string]any `json:"attrs"`
	}{seq, id, pool, at, event.Name(), event.Level().String(), r.routine, attrs})
	if err != nil { // plain leaves nothing that could fail but a year beyond 9999
		data, _ = json.Marshal(map[string]any{"seq": seq, "id": id, "pool": pool, "at": at, "name": event.Name(), "level": "INFO", "attrs": struct{}{}})
	}
	r.data = data
	return r
}

// plain turns an attribute into what JSON has. Durations become milliseconds. Of values without a kind of their own
// only the text is shown, as a log would: their fields are nobody's business.
func plain(v slog.Value) any {
	switch v.Kind() {
	case slog.KindBool, slog.KindInt64, slog.KindUint64, slog.KindFloat64, slog.KindTime:
		return v.Any()
	case slog.KindDuration:
		return float64(v.Duration().Microseconds()) / 1000
	case slog.KindAny:
		if v.Any() == nil {
			return nil
		}
	}
	return clip(v.String())
}

func clip(text string) string {
	if len(text) <= mostText {
		return text
	}
	cut := mostText
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
