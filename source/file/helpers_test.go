package file_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/source"
)

// wantError fetches an error that says text, and returns it.
func wantError(t testing.TB, src source.Source, text string) error {
	t.Helper()
	_, err := src.Fetch(context.Background())
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Fatalf("Fetch: error %v, want one that says %q", err, text)
	}
	return err
}

// wantSilent checks that text shows nothing of password n.
func wantSilent(t testing.TB, what, text string, n int) {
	t.Helper()
	if strings.Contains(text, password(n)[:14]) {
		t.Errorf("%s shows the password", what)
	}
}

func waitUntil(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// logBuffer collects log lines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) has(text string) bool { return strings.Contains(l.String(), text) }

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
