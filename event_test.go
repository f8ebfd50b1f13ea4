package rekey_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey"
)

const (
	debug = slog.LevelDebug
	info  = slog.LevelInfo
	warn  = slog.LevelWarn
	fault = slog.LevelError
)

// TestLevels: what an operator should see, of every event there is.
func TestLevels(t *testing.T) {
	fail := &rekey.FetchError{Op: "fetch", Err: errors.New("store is out")}
	refused := &rekey.VerifyError{Err: errors.New("wrong password")}
	missing := eventTypes(t)
	for _, row := range []struct {
		event rekey.Event
		want  slog.Level
	}{
		{rekey.FetchedEvent{}, debug},
		{rekey.AlternatesEvent{}, debug},
		{rekey.RefreshFailedEvent{Err: fail}, warn},
		{rekey.RenewedEvent{}, info},
		{rekey.RefusedEvent{Err: refused}, warn},
		{rekey.AdoptedEvent{}, info},
		{rekey.AdoptedEvent{Alternate: true}, warn},
		{rekey.ConfirmedEvent{}, info},
		{rekey.LoginRefusedEvent{}, fault},
		{rekey.LoginRestoredEvent{}, info},
		{rekey.ExpiredEvent{}, fault},
		{rekey.RefreshEndedEvent{}, debug},
		{rekey.RefreshEndedEvent{Err: fail}, debug},
		{rekey.RefreshEndedEvent{Outcome: rekey.OutcomeUnchanged, Recovered: 1}, info},
		{rekey.HandOverBegunEvent{}, info},
		{rekey.HandOverEndedEvent{}, info},
		{rekey.DrainedEvent{}, info},
		{rekey.DrainedEvent{Cancelled: 1}, warn},
		{rekey.DrainedEvent{Empty: true}, debug},
		{rekey.RetiredEvent{}, info},
		{rekey.RetiredEvent{Err: fail}, warn},
		{rekey.BreakerEvent{From: rekey.BreakerClosed, To: rekey.BreakerOpen}, warn},
		{rekey.BreakerEvent{From: rekey.BreakerOpen, To: rekey.BreakerHalfOpen}, debug},
		{rekey.BreakerEvent{From: rekey.BreakerHalfOpen, To: rekey.BreakerOpen}, debug},
		{rekey.BreakerEvent{From: rekey.BreakerHalfOpen, To: rekey.BreakerClosed}, info},
		{rekey.WarningEvent{}, warn},
		{rekey.ClosedEvent{}, info},
		{rekey.ClosedEvent{Abandoned: 1}, warn},
	} {
		if got := row.event.Level(); got != row.want {
			t.Errorf("%+v is of level %v, want %v", row.event, got, row.want)
		}
		if len(row.event.Attrs()) == 0 || row.event.Name() == "" {
			t.Errorf("%T says nothing", row.event)
		}
		delete(missing, reflect.TypeOf(row.event).Name())
	}
	for name := range missing {
		t.Errorf("%s is not in the table", name)
	}
}

// eventTypes returns the names of the structs of this package that end in "Event".
func eventTypes(t *testing.T) map[string]bool {
	t.Helper()
	files := token.NewFileSet()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && strings.HasSuffix(spec.Name.Name, "Event") && isStruct(spec.Type) {
				names[spec.Name.Name] = true
			}
			return true
		})
	}
	if len(names) == 0 {
		t.Fatal("found no events")
	}
	return names
}

func isStruct(e ast.Expr) bool {
	_, ok := e.(*ast.StructType)
	return ok
}
