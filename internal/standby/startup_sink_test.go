package standby

import (
	"bytes"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// startup is a startup message and what a client may send right after it.
func startup(t *testing.T) (message, rest []byte) {
	t.Helper()
	message, err := (&pgproto3.StartupMessage{
		ProtocolVersion: pgproto3.ProtocolVersion30,
		Parameters:      map[string]string{"user": "u", "database": "d", "application_name": "a longer value"},
	}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	rest, err = (&pgproto3.Query{String: "select 1"}).Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	return message, rest
}

// write writes parts one after the other.
func write(t *testing.T, sink *startupSink, parts ...[]byte) {
	t.Helper()
	for _, p := range parts {
		if n, err := sink.Write(p); n != len(p) || err != nil {
			t.Fatalf("Write of %d bytes: %d, %v", len(p), n, err)
		}
	}
}

// However the stream is cut into writes, the startup message goes and everything else passes.
func TestStartupSinkSplitAnywhere(t *testing.T) {
	message, rest := startup(t)
	stream := append(append([]byte{}, message...), rest...)
	for first := range len(stream) + 1 {
		for second := first; second <= len(stream); second++ {
			var to bytes.Buffer
			write(t, &startupSink{to: &to}, stream[:first], stream[first:second], stream[second:])
			if !bytes.Equal(to.Bytes(), rest) {
				t.Fatalf("cut at %d and %d: %q came through, want %q", first, second, to.Bytes(), rest)
			}
		}
	}
}

func TestStartupSinkByteByByte(t *testing.T) {
	message, rest := startup(t)
	var to bytes.Buffer
	sink := &startupSink{to: &to}
	for _, b := range append(append([]byte{}, message...), rest...) {
		write(t, sink, nil, []byte{b})
	}
	if !bytes.Equal(to.Bytes(), rest) {
		t.Errorf("%q came through, want %q", to.Bytes(), rest)
	}
}

// A message with no more than its length in it, or a nonsensical length, is over with its header.
func TestStartupSinkShortMessage(t *testing.T) {
	for _, header := range [][]byte{{0, 0, 0, 4}, {0, 0, 0, 0}} {
		var to bytes.Buffer
		write(t, &startupSink{to: &to}, header, []byte("x"))
		if to.String() != "x" {
			t.Errorf("header %v: %q came through", header, to.String())
		}
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 1, w.err }

func TestStartupSinkPassesErrorsOn(t *testing.T) {
	message, rest := startup(t)
	broken := errors.New("broken pipe")
	sink := &startupSink{to: brokenWriter{broken}}
	n, err := sink.Write(append(append([]byte{}, message...), rest...))
	if n != len(message)+1 || !errors.Is(err, broken) {
		t.Errorf("Write = %d, %v, want %d and the error", n, err, len(message)+1)
	}
	if n, err := sink.Write(rest); n != 1 || !errors.Is(err, broken) {
		t.Errorf("Write = %d, %v", n, err)
	}
}
