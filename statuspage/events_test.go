package statuspage_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/statuspage/internal/everyevent"
)

// TestEveryEvent: each kind of event that package rekey has is shown, its errors as text, and has a sentence.
func TestEveryEvent(t *testing.T) {
	page := newPage(t, nil)
	observe := page.Observe("orders")
	for _, e := range everyevent.All() {
		observe(e)
	}
	var state struct {
		Events []struct {
			Name, Level string
			Attrs       map[string]any
		}
	}
	if err := json.Unmarshal(get(page, "GET", "/state.json").Body.Bytes(), &state); err != nil {
		t.Fatal(err)
	}
	if len(state.Events) != len(everyevent.All()) {
		t.Fatalf("%d events are shown", len(state.Events))
	}
	sentences := get(page, "GET", "/sentences.js").Body.String()
	kinds := eventKinds(t)
	for i, e := range everyevent.All() {
		got := state.Events[i]
		if got.Name != e.Name() || got.Level != e.Level().String() || len(got.Attrs) != len(e.Attrs()) {
			t.Errorf("%T became %+v", e, got)
		}
		if !strings.Contains(sentences, `"`+e.Name()+`":`) {
			t.Errorf("there is no sentence for %q", e.Name())
		}
		delete(kinds, reflect.TypeOf(e).Name())
		if text, is := got.Attrs["error"].(string); is && text != "no route" && text != "permission denied" {
			t.Errorf("the error of %T is shown as %q", e, text)
		}
	}
	for kind := range kinds {
		t.Errorf("everyevent.All lacks %s", kind)
	}
}

// TestValues: durations are milliseconds, and texts have an end.
func TestValues(t *testing.T) {
	page := newPage(t, nil)
	observe := page.Observe("orders")
	observe(adopted(1))
	observe(rekey.WarningEvent{Message: strings.Repeat("ä", 1000)})
	var state struct {
		Events []struct{ Attrs map[string]any }
	}
	if err := json.Unmarshal(get(page, "GET", "/state.json").Body.Bytes(), &state); err != nil {
		t.Fatal(err)
	}
	if got := state.Events[0].Attrs["verify"]; got != 12.0 {
		t.Errorf("12 ms are shown as %v", got)
	}
	if got := state.Events[1].Attrs["message"].(string); len(got) > 620 || !strings.HasSuffix(got, "ä…") {
		t.Errorf("a long text has %d bytes and ends %q", len(got), got[len(got)-10:])
	}
}

// eventKinds reads in the source of package rekey which types are events: they have a Name and a Level.
func eventKinds(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("the source is not there: %v", err)
	}
	methods := map[string]map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, is := d.(*ast.FuncDecl); is && f.Recv != nil {
				receiver := receiverName(f)
				if methods[receiver] == nil {
					methods[receiver] = map[string]bool{}
				}
				methods[receiver][f.Name.Name] = true
			}
		}
	}
	kinds := map[string]bool{}
	for receiver, has := range methods {
		if has["Name"] && has["Level"] && has["Attrs"] {
			kinds[receiver] = true
		}
	}
	if len(kinds) < 10 {
		t.Fatalf("only %d events were found", len(kinds))
	}
	return kinds
}

func receiverName(f *ast.FuncDecl) string {
	switch receiver := f.Recv.List[0].Type.(type) {
	case *ast.Ident:
		return receiver.Name
	case *ast.StarExpr:
		if name, is := receiver.X.(*ast.Ident); is {
			return name.Name
		}
	}
	return ""
}
