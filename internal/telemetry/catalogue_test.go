package telemetry_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/internal/bridge"
	"advocatesync/internal/intake"
	"advocatesync/internal/journal"
	"advocatesync/internal/portal"
	"advocatesync/internal/relay"
	"advocatesync/internal/store"
	"advocatesync/internal/telemetry"
	"advocatesync/internal/wiring"
)

var update = flag.Bool("update", false, "write docs/monitoring/metrics.md anew")

// catalogue is a registerer that remembers what every metric is called, whether
// or not it has a value yet, with its labels and what it means.
type catalogue map[string]string // the document's line, by name

var described = regexp.MustCompile(`fqName: "([^"]+)", help: "([^"]+)",.* constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}`)

func (c catalogue) Register(collector prometheus.Collector) error {
	descs := make(chan *prometheus.Desc)
	go func() { collector.Describe(descs); close(descs) }()
	for d := range descs {
		m := described.FindStringSubmatch(d.String())
		if m == nil {
			return fmt.Errorf("a description that this test cannot read: %s", d)
		}
		var labels []string
		for label := range strings.SplitSeq(m[3]+","+m[4], ",") {
			if name, _, _ := strings.Cut(label, "="); name != "" {
				labels = append(labels, name)
			}
		}
		slices.Sort(labels)
		c[m[1]] = fmt.Sprintf("| %#q | %s | %s |\n", m[1], strings.Join(labels, ", "), m[2])
	}
	return nil
}

func (c catalogue) MustRegister(all ...prometheus.Collector) {
	for _, collector := range all {
		if err := c.Register(collector); err != nil {
			panic(err)
		}
	}
}

func (c catalogue) Unregister(prometheus.Collector) bool { return false }

// ours are the metrics of our own code, by the constructors that production
// calls.
func ours() catalogue {
	c, log := catalogue{}, slog.New(slog.DiscardHandler)
	s := (*store.Store)(nil)
	intake.NewHandler(intake.HandlerConfig{Inbox: s, Triggers: wiring.NewTriggers(s, log), Metrics: c, Log: log, Now: time.Now})
	intake.NewAdvocateHandler(intake.AdvocateConfig{Inbox: s, HTTP: http.DefaultClient, Metrics: c, Log: log, Now: time.Now})
	intake.NewJournal(intake.JournalConfig{Inbox: s, Triggers: wiring.NewTriggers(s, log), Metrics: c, Now: time.Now})
	journal.New(journal.Config{Metrics: c})
	relay.NewMetrics(c)
	relay.NewAdvocate(relay.AdvocateConfig{Metrics: c, Log: log, Now: time.Now})
	portal.NewMetrics(c)
	telemetry.ContactLag(c)
	telemetry.ConnectionMetrics(c, telemetry.ConnectionSource{
		Metrics: func(context.Context) ([]store.ConnectionMetrics, error) { return nil, nil },
		Stuck:   func(context.Context) ([]bridge.StuckWork, error) { return nil, nil },
	}, 110, log)
	return c
}

// The document is what dashboards and alerts are checked against.
func TestCatalogue_documentsEveryMetricAndItsLabels(t *testing.T) {
	t.Parallel()
	known := ours()
	var page strings.Builder
	page.WriteString("# Metrics\n\nOf our own; beside them worker and starter show those of Temporal's SDK (`temporal_...`), of Go and of the process.\n" +
		"No label holds anything but ids of connections and a few fixed words.\n\n| Metric | Labels | Meaning |\n|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(known)) {
		page.WriteString(known[name])
	}
	const file = "../../docs/monitoring/metrics.md"
	if *update {
		if err := os.WriteFile(file, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page.String(), string(text)); diff != "" {
		t.Errorf("the document is not up to date; go test ./internal/telemetry -run Catalogue -update (-want +got)\n%s", diff)
	}
}

func TestCatalogue_hasNoLabelsThatCouldNamePeopleOrGrowWithoutBound(t *testing.T) {
	t.Parallel()
	bounded := []string{"connection", "vendor", "disposition", "status", "outcome", "effect", "inbox", "lane", "op", "cause", "class", "result", "state", "work"}
	for name, line := range ours() {
		if !strings.HasPrefix(name, "advocatesync_") {
			t.Errorf("%s does not begin with our name", name)
		}
		for label := range strings.SplitSeq(strings.Split(line, "|")[2], ",") {
			if label = strings.TrimSpace(label); label != "" && !slices.Contains(bounded, label) {
				t.Errorf("%s has the label %s, which nobody has thought about", name, label)
			}
		}
	}
}
