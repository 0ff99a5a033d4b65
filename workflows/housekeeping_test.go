package workflows_test

import (
	"errors"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// paused is a workflow that waits for its desired state to change, or is gone.
type paused struct {
	gone error
	told int
}

// housekeepingAfter keeps house as if so much time had passed, and returns what was
// purged. The workflows, by id, are those that may be told of a changed desired state.
func housekeepingAfter(t *testing.T, s *wiringtest.System, passed time.Duration, waiting ...map[string]*paused) activities.Purged {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(workerOptions())
	workflows.Register(env)
	for _, all := range waiting {
		for id, one := range all {
			env.OnSignalExternalWorkflow("default-test-namespace", id, "", workflows.SignalDesired, nil).Return(func(_, _, _, _ string, _ any) error {
				one.told++
				return one.gone
			})
		}
	}
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

// A run that does not end, because it is paused or its connection is, keeps nobody's
// data for more than a fortnight.
func TestHousekeeping_endsRunsThatKeepPeopleForTooLong(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	s := wiringtest.New(t)
	mass, _, err := s.Store.BeginMass(t.Context(), s.Connection.ID, false)
	if err != nil {
		t.Fatal(err)
	}
	report, err := s.Store.BeginReport(t.Context(), s.Connection.ID, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range []store.Run{mass, report} {
		if err := s.Store.SetExport(t.Context(), run.ID, "e", time.Now()); err != nil {
			t.Fatal(err)
		}
		rows := func(yield func(bridge.Participant, error) bool) {
			yield(bridge.Participant{AccountID: "a", UserID: "u", Email: ann, FirstName: "Annika"}, nil)
		}
		if _, err := s.Store.Stage(t.Context(), run.ID, bridge.Program{ID: wiringtest.Program}, rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Store.SetDesired(t.Context(), mass.ID, store.DesiredPaused); err != nil {
		t.Fatal(err)
	}
	const gone = store.RunState("gone") // ended, and by this clock so long ago that it was deleted
	state := func(run store.Run) store.RunState {
		now, err := s.Store.Run(t.Context(), run.ID)
		if bridge.KindOf(err) == bridge.NotFound {
			return gone
		}
		if err != nil {
			t.Fatal(err)
		}
		return now.State
	}
	staged := func() bool { return names(kept(t, s)["the table staged_participant"], ann) }

	id := workflows.MassSyncID(s.Connection.ID, mass.ID)
	workflow := &paused{}
	all := map[string]*paused{id: workflow}
	if got := housekeepingAfter(t, s, 13*day, all); len(got.Expired)+workflow.told != 0 || state(mass) != store.RunStaged || state(report) != store.RunStaged {
		t.Errorf("after 13 days: %+v, told %d times; the runs are %s and %s", got, workflow.told, state(mass), state(report))
	}
	if housekeepingAfter(t, s, 14*day+time.Hour, all); workflow.told != 1 || state(report) != gone || !staged() {
		t.Errorf("after 14 days: told %d times; the report is %s", workflow.told, state(report))
	}
	workflow.gone = errors.New("there is no such workflow")
	housekeepingAfter(t, s, 14*day+2*time.Hour, all) // which is harmless
	if desired, err := s.Store.Desired(t.Context(), mass.ID); desired != store.DesiredCancelled || err != nil {
		t.Errorf("the mass sync is to be %q, %v", desired, err)
	}
	housekeepingAfter(t, s, 15*day+time.Hour, all)
	if state(mass) != gone || staged() {
		t.Errorf("after 15 days the mass sync is %s, and somebody is staged: %t", state(mass), staged())
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
