package otelrekey_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
)

// row is a line of a table in docs/observability.md.
type row struct {
	kind, unit string
	attributes map[string]bool // true: always there
	parent     string
	values     map[string][]string
}

var (
	inTicks     = regexp.MustCompile("`([^`]+)`")
	inAttribute = regexp.MustCompile("(\\(?)`([^`]+)`(?:: ([^;)]*))?")
)

// table reads the table that follows a comment in docs/observability.md, by the names in its first column.
func table(t *testing.T, comment string) map[string]row {
	t.Helper()
	text, err := os.ReadFile("../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "<!-- "+comment+":")
	if !found {
		t.Fatalf("there is no table of %s", comment)
	}
	rows := map[string]row{}
	for _, line := range strings.Split(rest, "\n")[2:] {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		name := inTicks.FindStringSubmatch(cells[0])
		if name == nil {
			continue
		}
		rows[name[1]] = rowOf(cells[1:])
	}
	return rows
}

func rowOf(cells []string) row {
	r := row{attributes: map[string]bool{}, values: map[string][]string{}}
	if len(cells) == 3 {
		r.kind, r.unit = strings.TrimSpace(cells[0]), inTicks.FindStringSubmatch(cells[1])[1]
	} else if parent := inTicks.FindStringSubmatch(cells[0]); parent != nil {
		r.parent = parent[1]
	}
	attributes, _, _ := strings.Cut(cells[len(cells)-1], "; linked")
	for _, a := range inAttribute.FindAllStringSubmatch(attributes, -1) {
		r.attributes[a[2]] = a[1] == ""
		for v := range strings.SplitSeq(strings.TrimSpace(a[3]), ",") {
			if v = strings.TrimSpace(v); v != "" {
				r.values[a[2]] = append(r.values[a[2]], v)
			}
		}
	}
	return r
}

// checkMetrics compares what was exported with the table, both ways, and where all is true, every value of an attribute.
func checkMetrics(t *testing.T, points []point, all bool) {
	t.Helper()
	rows := table(t, "metrics")
	if all {
		checkValues(t, rows, points)
	}
	seen := map[string]bool{}
	for _, p := range points {
		r, ok := rows[p.name]
		if !ok {
			t.Errorf("%s is not in the table", p.name)
			continue
		}
		seen[p.name] = true
		if p.kind != r.kind || p.unit != r.unit {
			t.Errorf("%s is a %s in %s; the table says %s in %s", p.name, p.kind, p.unit, r.kind, r.unit)
		}
		checkAttributes(t, p.name, p.attributes.ToSlice(), r, strings.HasPrefix(p.name, "rekey."), true)
	}
	for name := range rows {
		if !seen[name] {
			t.Errorf("%s is in the table and was not exported", name)
		}
	}
}

// checkValues finds the values of attributes that the table knows and nobody has seen.
func checkValues(t *testing.T, rows map[string]row, points []point) {
	t.Helper()
	seen := map[string]bool{}
	for _, p := range points {
		for _, a := range p.attributes.ToSlice() {
			seen[p.name+" "+string(a.Key)+"="+a.Value.String()] = true
		}
	}
	for name, r := range rows {
		for key, values := range r.values {
			for _, v := range values {
				if !seen[name+" "+key+"="+v] {
					t.Errorf("%s was not exported with %s=%s", name, key, v)
				}
			}
		}
	}
}

// checkAttributes compares attributes with a row. Those of a source have its name. strict says that all which are always
// there must be.
func checkAttributes(t *testing.T, name string, attributes []attribute.KeyValue, r row, ofSource, strict bool) {
	t.Helper()
	got := map[string]bool{}
	for _, a := range attributes {
		key := string(a.Key)
		got[key] = true
		if key == "db.client.connection.pool.name" || ofSource && key == "rekey.source" {
			continue
		}
		if _, ok := r.attributes[key]; !ok {
			t.Errorf("%s has the attribute %s, which is not in its row", name, key)
		}
		if known := r.values[key]; len(known) > 0 && !slices.Contains(known, a.Value.String()) {
			t.Errorf("%s has %s=%s; the table knows %v", name, key, a.Value.String(), known)
		}
	}
	if !got["db.client.connection.pool.name"] || got["rekey.source"] != ofSource {
		t.Errorf("%s lacks the names of pool and source, or has too many: %v", name, attributes)
	}
	for key, always := range r.attributes {
		if strict && always && !got[key] {
			t.Errorf("%s lacks the attribute %s: %v", name, key, attributes)
		}
	}
}
