package workflows_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/testsuite"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// deletionPage runs a page of deletions that were heard together. The environment may
// bring what happens meanwhile. It returns how long the page lasted.
func deletionPage(t *testing.T, env *testsuite.TestWorkflowEnvironment, s *wiringtest.System, contacts ...string) (activities.SyncContactsResult, time.Duration) {
	t.Helper()
	in := workflows.ContactBatchInput{ConnectionID: s.Connection.ID}
	for _, id := range contacts {
		in.Contacts = append(in.Contacts, activities.HeardContact{ContactID: id, Hints: deleted()})
	}
	began := env.Now()
	env.ExecuteWorkflow(workflows.ContactBatchName, in)
	var result activities.SyncContactsResult
	if err := env.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	return result, env.Now().Sub(began)
}

func guardOff(t *testing.T, s *wiringtest.System) {
	t.Helper()
	off := 0
	if err := s.Store.SetDeletionGuard(t.Context(), s.Connection.ID, &off); err != nil {
		t.Fatal(err)
	}
}

func TestContactBatch_deletesAPageOfContactsInThreeCalls(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	guardOff(t, s)
	ids := mappedByReport(t, s, 100)
	for _, id := range ids {
		archive(t, s, id)
	}
	s.HubSpot.ResetCounts()

	result, lasted := deletionPage(t, environment(s), s, ids...)

	if diff := cmp.Diff(activities.SyncContactsResult{Settled: 100}, result); diff != "" {
		t.Error(diff)
	}
	if calls := s.HubSpot.Counts(); calls.Total > 3 {
		t.Errorf("100 deletions cost %d HubSpot calls, want at most 3: %v", calls.Total, calls.Calls)
	}
	if lasted < wiringtest.Hold {
		t.Errorf("the deletions were held for %s, want %s", lasted, wiringtest.Hold)
	}
	wantParticipants(t, s, 0, 100, false)
	wantState(t, s, ids[0], bridge.StateDeleted)
	if heard := deferred(t, s); len(heard) != 0 {
		t.Errorf("left to their own workflows: %v", heard)
	}
}

func TestContactBatch_readsNothingWhileTheGuardHoldsItsDeletions(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	const many = 12 // the guard of a small portal is 10
	ids := mappedByReport(t, s, many)
	for _, id := range ids {
		archive(t, s, id)
	}
	s.HubSpot.ResetCounts()

	result, _ := deletionPage(t, environment(s), s, ids...)

	if diff := cmp.Diff(activities.SyncContactsResult{Settled: many}, result); diff != "" {
		t.Error(diff)
	}
	if n := waiting(t, s); n != many {
		t.Errorf("%d deletions wait, want all %d", n, many)
	}
	if n := s.HubSpot.Counts().Total; n != 0 {
		t.Errorf("%d HubSpot calls before anybody approved", n)
	}
	wantParticipants(t, s, 0, many, true)
	wantState(t, s, ids[0], bridge.StateAwaitingApproval)

	if n, err := s.Store.ApproveDeletions(t.Context(), s.Connection.ID, nil); err != nil || n != many {
		t.Fatalf("%d approved, %v", n, err)
	}
	// An approval comes as the deletion once more, and holds nothing.
	result, lasted := deletionPage(t, environment(s), s, ids...)

	if diff := cmp.Diff(activities.SyncContactsResult{Settled: many}, result); diff != "" {
		t.Error(diff)
	}
	if lasted >= wiringtest.Hold {
		t.Errorf("approved deletions were held for %s", lasted)
	}
	wantParticipants(t, s, 0, many, false)
}

func TestContactBatch_findsWhatHappenedWhileItHeldADeletion(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		meanwhile func(t *testing.T, s *wiringtest.System, id string)
		state     bridge.State
		remains   bool // the participant
		left      int  // contacts that are left to their own workflows
	}{
		"nothing": {func(*testing.T, *wiringtest.System, string) {}, bridge.StateDeleted, false, 0},
		"a restore that its own workflow heard of": {func(t *testing.T, s *wiringtest.System, id string) {
			restore(t, s, id)
			live(t, s, id, restored())
		}, bridge.StateMapped, true, 0},
		"a restore that nobody has heard of yet": {restore, bridge.StateMapped, true, 0},
		"a privacy deletion that its own workflow heard of": {func(t *testing.T, s *wiringtest.System, id string) {
			erase(t, s, id)
			live(t, s, id, erased())
		}, bridge.StateErased, false, 0},
		"its own workflow works on it": {func(t *testing.T, s *wiringtest.System, id string) {
			if _, err := s.Store.LeaseContacts(t.Context(), s.Connection.ID, "contact/of/it", time.Hour, id); err != nil {
				t.Error(err)
			}
		}, bridge.StateMapped, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			guardOff(t, s)
			id, other := mappedContact(t, s, person(0)), mappedContact(t, s, person(1))
			archive(t, s, id)
			archive(t, s, other)
			env := environment(s)
			env.RegisterDelayedCallback(func() { tt.meanwhile(t, s, id) }, wiringtest.Hold/2)

			result, _ := deletionPage(t, env, s, id, other)

			if diff := cmp.Diff(activities.SyncContactsResult{Settled: 2 - tt.left, Deferred: tt.left}, result); diff != "" {
				t.Error(diff)
			}
			wantState(t, s, id, tt.state)
			wantParticipant(t, s, person(0), tt.remains)
			wantParticipant(t, s, person(1), false)
			if got := len(deferred(t, s)); got != tt.left {
				t.Errorf("%d contacts are left to their own workflows, want %d", got, tt.left)
			}
		})
	}
}

// While a release takes over, its activities may work for workflows of the one before,
// which can hold nothing.
func TestSyncContacts_leavesDeletionsOfAWorkflowThatCannotHoldThem(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, person(0))
	archive(t, s, id)
	env := new(testsuite.WorkflowTestSuite).NewTestActivityEnvironment()
	for _, a := range s.Activities() {
		env.RegisterActivity(a)
	}

	answer, err := env.ExecuteActivity("SyncContacts", activities.SyncContactsInput{
		ConnectionID: s.Connection.ID, Contacts: []activities.HeardContact{{ContactID: id, Hints: deleted()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var result activities.SyncContactsResult
	if err := answer.Get(&result); err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(activities.SyncContactsResult{Deferred: 1}, result); diff != "" {
		t.Error(diff)
	}
	if heard := deferred(t, s); !heard[id].DeletionAlone() {
		t.Errorf("its own workflow hears %+v", heard)
	}
}
