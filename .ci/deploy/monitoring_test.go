package deploy

import (
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// ours are the labels of our own metrics by name, as docs/monitoring/metrics.md
// has them, which a test of the code keeps true.
func ours(t *testing.T) map[string][]string {
	t.Helper()
	known := map[string][]string{"up": {"job", "instance"}}
	page := string(must(os.ReadFile(root + "/docs/monitoring/metrics.md")))
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([^|]*) \\|").FindAllStringSubmatch(page, -1) {
		known[m[1]] = strings.Split(m[2], ", ")
	}
	if len(known) < 10 {
		t.Fatalf("the document has only %v", known)
	}
	return known
}

// temporals are the metrics of Temporal's SDK, as the source of the version that
// the product uses names them.
func temporals(t *testing.T) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "go.temporal.io/sdk")
	list.Dir = root
	source := must(os.ReadFile(strings.TrimSpace(string(must(list.Output()))) + "/internal/common/metrics/constants.go"))
	var names []string
	for _, m := range regexp.MustCompile(`TemporalMetricsPrefix \+ "([a-z_]+)"`).FindAllSubmatch(source, -1) {
		names = append(names, "temporal_"+string(m[1]))
	}
	if len(names) < 20 {
		t.Fatalf("found only %v", names)
	}
	return names
}

// base cuts off what Prometheus adds to the name of a counter, a duration or a
// histogram.
var base = regexp.MustCompile(`(_total|(_seconds)?(_bucket|_sum|_count))$`)

// check parses an expression and reports metrics and labels that nobody exposes.
func check(t *testing.T, where, expression string, known map[string][]string, sdk []string) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	found := false
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		found = true
		labels, ok := known[selector.Name]
		if !ok {
			labels, ok = known[regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(selector.Name, "")]
		}
		if !ok && !slices.Contains(sdk, base.ReplaceAllString(selector.Name, "")) {
			t.Errorf("%s: nobody exposes %s", where, selector.Name)
		}
		for _, m := range selector.LabelMatchers {
			if ok && m.Name != "__name__" && !slices.Contains(labels, m.Name) {
				t.Errorf("%s: %s has no label %s", where, selector.Name, m.Name)
			}
		}
		return nil
	})
	if !found {
		t.Errorf("%s asks for no metric: %s", where, expression)
	}
}

const alertsFile = root + "/docs/monitoring/alerts.yaml"

func TestAlerts_areRulesOverMetricsThatWeExpose(t *testing.T) {
	t.Parallel()
	rules, errs := rulefmt.ParseFile(alertsFile, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	known, sdk := ours(t), temporals(t)
	guide, err := os.ReadFile(root + "/docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			check(t, rule.Alert, rule.Expr, known, sdk)
			if rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" {
				t.Errorf("%s has no severity or no summary", rule.Alert)
			}
			if !strings.Contains(string(guide), "`"+rule.Alert+"`") {
				t.Errorf("docs/operations.md does not say what to do about %s", rule.Alert)
			}
		}
	}
	alerts := string(must(os.ReadFile(alertsFile)))
	for _, m := range regexp.MustCompile("`(Advocatesync[A-Za-z]+)`").FindAllStringSubmatch(string(guide), -1) {
		if !strings.Contains(alerts, "alert: "+m[1]+"\n") {
			t.Errorf("docs/operations.md explains %s, which is no alert", m[1])
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestDashboard_showsMetricsThatWeExpose(t *testing.T) {
	t.Parallel()
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Query string }
		}
	}
	if err := json.Unmarshal(must(os.ReadFile(root+"/docs/monitoring/dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	known, sdk := ours(t), temporals(t)
	ids, shown := map[int]bool{}, ""
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] || len(panel.Targets) == 0 {
			t.Errorf("%s: its id is taken, or it shows nothing", panel.Title)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			shown += target.Expr + "\n"
			expr := strings.NewReplacer("$__rate_interval", "5m", `"$connection"`, `".*"`).Replace(target.Expr)
			check(t, panel.Title, expr, known, sdk)
		}
	}
	for _, v := range dashboard.Templating.List {
		if m := regexp.MustCompile(`label_values\((\w+), (\w+)\)`).FindStringSubmatch(v.Query); m != nil && !slices.Contains(known[m[1]], m[2]) {
			t.Errorf("the variable asks for what nobody exposes: %s", v.Query)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if strings.HasPrefix(name, "advocatesync_") && !strings.Contains(shown, name) {
			t.Errorf("%s is on no panel", name)
		}
	}
}
