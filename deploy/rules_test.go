package deploy_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	promlabels "github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// expression is a query of a rule or a panel.
type expression struct{ where, text string }

// TestRulesAndDashboard parses every rule and every query, and finds each metric, label and value in what a pool exports.
func TestRulesAndDashboard(t *testing.T) {
	metrics := exported(t)
	for _, e := range append(alerts(t), panels(t)...) {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(e.text)
		if err != nil {
			t.Errorf("%s: %v", e.where, err)
			continue
		}
		parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
			if selector, ok := n.(*parser.VectorSelector); ok {
				checkSelector(t, e.where, selector, metrics)
			}
			return nil
		})
	}
}

func checkSelector(t *testing.T, where string, s *parser.VectorSelector, metrics map[string]labels) {
	t.Helper()
	l, ok := metrics[s.Name]
	if !ok {
		t.Errorf("%s: %s is not exported", where, s.Name)
		return
	}
	for _, m := range s.LabelMatchers {
		switch {
		case m.Name == model.MetricNameLabel || m.Name == model.JobLabel || m.Name == model.InstanceLabel:
		case l[m.Name] == nil:
			t.Errorf("%s: %s has no label %s", where, s.Name, m.Name)
		case m.Type == promlabels.MatchEqual && !l[m.Name][m.Value]:
			t.Errorf("%s: %s has no %s=%q, only %v", where, s.Name, m.Name, m.Value, l[m.Name])
		}
	}
}

// alerts reads the rules, and checks that each says what to do and is told of in docs.
func alerts(t *testing.T) (all []expression) {
	t.Helper()
	groups, errs := rulefmt.ParseFile("alerts.yaml", false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil {
		t.FailNow()
	}
	docs, err := os.ReadFile("../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(Rekey\\w+)` \\| (\\w+) \\|").FindAllStringSubmatch(string(docs), -1) {
		told[m[1]] = m[2]
	}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			all = append(all, expression{r.Alert, r.Expr})
			if told[r.Alert] != r.Labels["severity"] {
				t.Errorf("%s is of severity %q; docs say %q", r.Alert, r.Labels["severity"], told[r.Alert])
			}
			if r.Annotations["summary"] == "" || !strings.HasSuffix(r.Annotations["description"], ".") {
				t.Errorf("%s does not say what to do", r.Alert)
			}
			delete(told, r.Alert)
		}
	}
	for name := range told {
		t.Errorf("docs tell of %s, which is no rule", name)
	}
	return all
}

// panels reads the queries of the dashboard.
func panels(t *testing.T) (all []expression) {
	t.Helper()
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title, Description string
			Targets            []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	if len(dashboard.Panels) == 0 {
		t.Error("the dashboard has no panels")
	}
	for _, p := range dashboard.Panels {
		if p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("%s has no description, or shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			all = append(all, expression{p.Title, strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")})
		}
	}
	return all
}
