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

// checkMetrics compares what was exported with the table, both ways.
func checkMetrics(t *testing.T, points []point) {
	t.Helper()
	rows := table(t, "metrics")
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
		checkAttributes(t, p.name, p.attributes.ToSlice(), r, strings.HasPrefix(p.name, "rekey."))
	}
	for name := range rows {
		if !seen[name] {
			t.Errorf("%s is in the table and was not exported", name)
		}
	}
}

// checkAttributes compares attributes with a row. Those of a source have its name.
func checkAttributes(t *testing.T, name string, attributes []attribute.KeyValue, r row, ofSource bool) {
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
		if always && !got[key] && r.kind != "" {
			t.Errorf("%s lacks the attribute %s: %v", name, key, attributes)
		}
	}
}
