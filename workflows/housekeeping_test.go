package workflows_test

import (
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// housekeepingAfter keeps house as if so much time had passed.
func housekeepingAfter(t *testing.T, s *wiringtest.System, passed time.Duration) activities.Purged {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	workflows.Register(env)
	env.RegisterActivity(activities.NewHousekeeping(s.Store, func() time.Time { return time.Now().Add(passed) }))
	env.ExecuteWorkflow(workflows.HousekeepingName)
	var purged activities.Purged
	if err := env.GetWorkflowResult(&purged); err != nil {
		t.Fatal(err)
	}
	return purged
}

func TestHousekeeping_forgetsWhatHubSpotCannotRestoreAnyMore(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	archive(t, s, id)
	live(t, s, id, deleted())
	former := func() int {
		known, err := s.Store.Known(t.Context(), s.Connection.ID, id)
		if err != nil {
			t.Fatal(err)
		}
		return len(known.Former)
	}

	if got := housekeepingAfter(t, s, 89*day); got.FormerMappings != 0 || former() != 1 {
		t.Errorf("%d former mappings went while HubSpot can restore the contact", got.FormerMappings)
	}
	if got := housekeepingAfter(t, s, 91*day); got.FormerMappings != 1 || former() != 0 {
		t.Errorf("%d former mappings went, %d stayed", got.FormerMappings, former())
	}
}

func TestHousekeeping_deletesEndedParkedItemsAfterAMonth(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	s := wiringtest.New(t)
	for _, contact := range []string{"101", "102"} {
		item := bridge.ParkedItem{ConnectionID: s.Connection.ID, ContactID: contact, Cause: bridge.CauseHalfPair}
		if _, err := s.Store.Park(t.Context(), item); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Store.CloseParked(t.Context(), s.Parked(t)[0].ID, store.OutcomeDiscarded); err != nil {
		t.Fatal(err)
	}

	if got := housekeepingAfter(t, s, 29*day); got.ParkedItems != 0 {
		t.Errorf("%d items went too early", got.ParkedItems)
	}
	if got := housekeepingAfter(t, s, 31*day); got.ParkedItems != 1 || len(s.Parked(t)) != 1 {
		t.Errorf("%d items went, %d open ones stayed", got.ParkedItems, len(s.Parked(t)))
	}
}

func TestHousekeeping_deletesRunsAfterAWeek(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	s := wiringtest.New(t)
	report(t, s)

	if got := housekeepingAfter(t, s, 6*day); got.Runs != 0 {
		t.Errorf("%d runs went too early", got.Runs)
	}
	if got := housekeepingAfter(t, s, 8*day); got.Runs != 1 {
		t.Errorf("%d runs went, want 1", got.Runs)
	}
	s.Join(t, ann, "Ann", "Archer")
	report(t, s) // goes on from the watermark, not from the run
	id, _ := s.ContactByEmail(t, ann)
	wantState(t, s, id, bridge.StateMapped)
}
