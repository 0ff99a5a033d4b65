package api_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/api"
)

const dealWon = `id: deal-won
object: deal
event: {type: property_changed, property: dealstage}
when: deal.dealstage == "closedwon"
advocate_event: {key: deal_won}
`

// deal makes a deal that nobody is credited for.
func (b bench) deal(t *testing.T) string {
	t.Helper()
	id, err := b.Portal.Person(1).Create("deals", map[string]string{"dealname": "Big", "dealstage": "closedwon"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestApplyTrigger_pointsAtEveryMistake(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := b.ApplyTrigger(t.Context(), b.connection, "id: x\nobject: deal\nevent: {type: created}\nwhen: deal.amout > 1\nadvocate_event: {}\n")
	problem, ok := errors.AsType[*api.Problem](err)
	if !ok || problem.Status != http.StatusUnprocessableEntity || problem.Code != "trigger_mistakes" {
		t.Fatalf("%v", err)
	}
	want := []api.Mistake{
		{Field: "when", Line: 4, Column: 12, Detail: `the portal has no property "amout" here (did you mean "amount"?)`},
		{Field: "advocate_event.key", Line: 5, Column: 17, Detail: "an Advocate event needs a key, by which the program's rules know it"},
	}
	if diff := cmp.Diff(want, problem.Mistakes); diff != "" {
		t.Error(diff)
	}
}

func TestTriggers_requestsWithoutWhatTheyNeed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.ApplyTrigger(t.Context(), b.connection, dealWon); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		do     func() error
		status int
	}{
		"no text":      {func() error { _, err := b.ApplyTrigger(t.Context(), b.connection, ""); return err }, http.StatusBadRequest},
		"no record":    {func() error { _, err := b.TestTrigger(t.Context(), b.connection, "deal-won", ""); return err }, http.StatusBadRequest},
		"no such one":  {func() error { _, err := b.Trigger(t.Context(), b.connection, "nobody"); return err }, http.StatusNotFound},
		"nobody there": {func() error { _, err := b.Triggers(t.Context(), "cnowhere"); return err }, http.StatusNotFound},
	} {
		problem, ok := errors.AsType[*api.Problem](tt.do())
		if !ok || problem.Status != tt.status {
			t.Errorf("%s: %v", name, problem)
		}
	}
}
