package handedover

import (
	"reflect"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
)

func TestLog(t *testing.T) {
	var l Log
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l.Publish(1, "a", 0, began) // nothing to hand over
	l.Drained(began)
	if news := l.Take(); news != nil {
		t.Errorf("of nothing: %v", news)
	}
	l.Publish(2, "b", 3, began)
	l.Publish(3, "c", 4, began.Add(time.Second))
	l.Drained(began.Add(4 * time.Second))
	l.Drained(began.Add(5 * time.Second))
	want := []rekey.Event{
		rekey.HandOverBegunEvent{Generation: 2, Version: "b", Connections: 3},
		rekey.HandOverEndedEvent{Generation: 2, Version: "b", Overtaken: true, Duration: time.Second},
		rekey.HandOverBegunEvent{Generation: 3, Version: "c", Connections: 4},
		rekey.HandOverEndedEvent{Generation: 3, Version: "c", Duration: 3 * time.Second},
	}
	if news := l.Take(); !reflect.DeepEqual(news, want) {
		t.Errorf("%+v", news)
	}
	if news := l.Take(); news != nil {
		t.Errorf("taken twice: %v", news)
	}
}
