package watch_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/examples/internal/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestClosedWhileWatched: the page is there, and its end does not wait for those who look on.
func TestClosedWhileWatched(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	site, err := watch.Open("demo")
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	site.Observe("orders", func(rekey.Event) { told++ })(rekey.ClosedEvent{})
	stream, err := http.Get(site.URL() + "events")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if err := site.Close(); err != nil {
		t.Error(err)
	}
	text, _ := io.ReadAll(stream.Body) // how it ends does not matter
	if told != 1 || !strings.Contains(string(text), "pool closed") {
		t.Errorf("told %d times; the stream: %s", told, text)
	}
}
