package portal

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/internal/bridge"
)

func TestMetrics_countCallsByLaneOperationAndOutcome(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	metrics := NewMetrics(registry)
	synctest.Test(t, func(t *testing.T) {
		c := newCRM("1")
		live, bulk := New(1, c, &window{}, WithMetrics(metrics)), New(2, c, &window{}, WithMetrics(metrics))
		if _, err := live.Contact(t.Context(), "1"); err != nil {
			t.Fatal(err)
		}
		if _, err := bulk.ReadContacts(t.Context(), bridge.LaneBulk, ids(101)); err != nil {
			t.Fatal(err)
		}
		c.fail = func(string, []string) error { return fmt.Errorf("odd") }
		if _, err := bulk.UpdateContacts(t.Context(), bridge.LaneBulk, writesOf(1)); err == nil {
			t.Fatal("a failing call succeeded")
		}
	})

	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "advocatesync_hubspot_calls_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			name := ""
			for _, label := range m.GetLabel() { // sorted by name: lane, op, outcome
				name += label.GetValue() + " "
			}
			got[name] = m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{
		"live hubspot.batch_read_contacts ok ":        1,
		"bulk hubspot.batch_read_contacts ok ":        2,
		"bulk hubspot.batch_update_contacts unknown ": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
