package source_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/rekeyhq/rekey/source"
)

const plain = "correct-horse-battery"

// wantSilent checks that text shows the plain secret in none of its usual forms.
func wantSilent(t *testing.T, what, text string) {
	t.Helper()
	for _, form := range []string{
		plain,
		hex.EncodeToString([]byte(plain)),
		strings.ToUpper(hex.EncodeToString([]byte(plain))),
		strings.Trim(fmt.Sprint([]byte(plain)), "[]"),
	} {
		if strings.Contains(text, form) {
			t.Errorf("%s shows the secret", what)
		}
	}
}

func TestSecretReveal(t *testing.T) {
	if got := source.NewSecret(plain).Reveal(); got != plain {
		t.Errorf("Reveal = %q", got)
	}
	if got := (source.Secret{}).Reveal(); got != "" {
		t.Errorf("the zero Secret reveals %q", got)
	}
	if !(source.Secret{}).IsZero() || !source.NewSecret("").IsZero() || source.NewSecret("x").IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestSecretPrintsRedacted(t *testing.T) {
	s := source.NewSecret(plain)
	for _, verb := range strings.Split("v,+v,#v,s,+s,q,x,X,#x,d,o,b,c,U,e,f,g,t,p,10s,-30v,T", ",") {
		for _, value := range []any{s, &s} {
			got := fmt.Sprintf("%"+verb, value)
			wantSilent(t, "%"+verb, got)
			if verb != "T" && verb != "p" && !strings.Contains(got, "[redacted]") {
				t.Errorf("%%%s of %T prints %q", verb, value, got)
			}
		}
	}
}

// nested holds Secrets wherever a printer could find them.
type nested struct {
	Exported   source.Secret
	unexported source.Secret
	pointer    *source.Secret
	deep       struct{ in struct{ s source.Secret } }
	list       []source.Secret
	byName     map[string]source.Secret
	byPointer  map[*source.Secret]int
	anything   any
	credential source.Credential
}

func newNested() nested {
	s := source.NewSecret(plain)
	n := nested{Exported: s, unexported: s, pointer: &s, list: []source.Secret{s}, anything: s}
	n.deep.in.s = s
	n.byName = map[string]source.Secret{"a": s}
	n.byPointer = map[*source.Secret]int{&s: 1}
	n.credential = source.Credential{Username: "app", Password: s, Version: "v1"}
	return n
}

func TestSecretSilentWhenNested(t *testing.T) {
	n := newNested()
	for _, verb := range []string{"v", "+v", "#v", "s", "q", "x", "X", "d"} {
		wantSilent(t, "%"+verb+" of a struct", fmt.Sprintf("%"+verb, n))
		wantSilent(t, "%"+verb+" of a pointer", fmt.Sprintf("%"+verb, &n))
		wantSilent(t, "%"+verb+" of maps and slices", fmt.Sprintf("%"+verb, []any{n.byName, n.byPointer, n.list}))
	}
	if got := fmt.Sprintf("%+v", n.credential); !strings.Contains(got, "Password:[redacted]") {
		t.Errorf("a Credential prints as %q", got)
	}
}

func TestSecretSilentInDeepPrint(t *testing.T) {
	var b strings.Builder
	deepPrint(&b, reflect.ValueOf(newNested()), 0)
	if !strings.Contains(b.String(), "app") {
		t.Fatal("the deep printer does not see strings")
	}
	wantSilent(t, "a printer that follows unexported fields", b.String())
}

// deepPrint prints as test diffs do: it follows everything that reflect can follow, and calls no method.
func deepPrint(b *strings.Builder, v reflect.Value, depth int) {
	if depth > 20 || !v.IsValid() {
		return
	}
	fmt.Fprintf(b, " %s", v.Type())
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		deepPrint(b, v.Elem(), depth+1)
	case reflect.Struct:
		deepPrintStruct(b, v, depth)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			deepPrint(b, v.Index(i), depth+1)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			deepPrint(b, key, depth+1)
			deepPrint(b, v.MapIndex(key), depth+1)
		}
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		fmt.Fprintf(b, "=%v", !v.IsNil())
	default:
		fmt.Fprintf(b, "=%v", v)
	}
}

func deepPrintStruct(b *strings.Builder, v reflect.Value, depth int) {
	addressable := reflect.New(v.Type()).Elem()
	if v.CanInterface() {
		addressable.Set(v)
		v = addressable
	}
	for i := range v.NumField() {
		f := v.Field(i)
		if f.CanAddr() { // past the export check, as go-cmp's exporter goes
			f = reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem()
		}
		deepPrint(b, f, depth+1)
	}
}

func TestSecretSilentInEncodings(t *testing.T) {
	n := newNested()
	for what, value := range map[string]any{
		"secret": n.Exported, "struct": n, "credential": n.credential, "map": n.byName, "slice": n.list,
	} {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		wantSilent(t, "JSON of a "+what, string(data))
		if !bytes.Contains(data, []byte("[redacted]")) {
			t.Errorf("JSON of a %s: %s", what, data)
		}
	}
	type document struct{ S source.Secret }
	data, err := xml.Marshal(document{n.Exported})
	if err != nil {
		t.Fatal(err)
	}
	wantSilent(t, "XML", string(data))
}

func TestSecretSilentInLogs(t *testing.T) {
	n := newNested()
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		log := slog.New(handler(&b))
		log.Info("m", "secret", n.Exported, "pointer", n.pointer, "credential", n.credential)
		if got := strings.Count(b.String(), "[redacted]"); got != 2 {
			t.Errorf("%s handler: %d times redacted, want 2: %s", name, got, &b)
		}
		log.Info("m", "nested", n, "map", n.byName, "list", n.list, "any", []any{n})
		log.With("secret", n.Exported).WithGroup("g").Error(fmt.Sprint(n.Exported), "err", fmt.Errorf("x: %v", n))
		wantSilent(t, name+" handler", b.String())
	}
}

func TestSecretAsMapKeyPanicsSilently(t *testing.T) {
	defer func() {
		problem := recover()
		if problem == nil {
			t.Error("a Secret can be a map key, so equal secrets can be told")
		}
		wantSilent(t, "the panic", fmt.Sprintf("%v %+v %#v", problem, problem, problem))
	}()
	_ = map[any]int{source.NewSecret(plain): 1}
}

func TestSecretIsNotComparable(t *testing.T) {
	if reflect.TypeFor[source.Secret]().Comparable() {
		t.Error("a Secret can be compared with ==, which would compare addresses")
	}
}

func TestCredentialLogValue(t *testing.T) {
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "credential", newNested().credential)
	for _, want := range []string{`"username":"app"`, `"version":"v1"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in %s", want, &b)
		}
	}
	wantSilent(t, "a logged credential", b.String())
}
