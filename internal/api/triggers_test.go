package api_test

import (
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
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

// track has something become of a deal.
func (b bench) track(t *testing.T, deals ...string) {
	t.Helper()
	for _, deal := range deals {
		_, _, err := b.Store.Track(t.Context(), store.Tracking{TrackedEvent: store.TrackedEvent{
			ConnectionID: b.connection, TriggerID: "deal-won", TriggerVersion: 1, ObjectType: bridge.ObjectDeal, ObjectID: deal, Property: "dealstage",
			OccurredAt: time.Now(), OrderID: "deal-" + deal + "-x", State: store.TrackedWaiting, Reason: "nobody", WaitUntil: time.Now().Add(time.Hour),
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestTrackedEvents_areFilteredAndComeInPages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.track(t, "1", "2", "3")
	page, err := b.TrackedEvents(t.Context(), b.connection, api.TrackedFilter{ObjectID: "2", State: "waiting"}, "")
	if err != nil || len(page.Items) != 1 || page.Items[0].ObjectID != "2" || page.Items[0].Reason != "nobody" {
		t.Errorf("%+v, %v", page, err)
	}
	if page, err := b.TrackedEvents(t.Context(), b.connection, api.TrackedFilter{State: "complete"}, ""); err != nil || len(page.Items) != 0 {
		t.Errorf("%+v, %v", page, err)
	}
	all, err := b.TrackedEvents(t.Context(), b.connection, api.TrackedFilter{}, "")
	if err != nil || len(all.Items) != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	after, err := b.TrackedEvents(t.Context(), b.connection, api.TrackedFilter{}, strconv.FormatInt(all.Items[1].ID, 10))
	if err != nil || len(after.Items) != 1 || after.Items[0].ObjectID != "1" {
		t.Errorf("%+v, %v", after, err)
	}
	_, err = b.TrackedEvents(t.Context(), b.connection, api.TrackedFilter{State: "lost"}, "")
	if problem, ok := errors.AsType[*api.Problem](err); !ok || problem.Status != http.StatusBadRequest {
		t.Errorf("%v", err)
	}
}
