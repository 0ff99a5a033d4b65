package operator_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

func openIDs(t *testing.T, s *wiringtest.System) []int64 {
	t.Helper()
	items, err := s.Operator.Parked(t.Context(), s.Connection.ID, "", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for _, item := range items {
		ids = append(ids, item.ID)
	}
	return ids
}

func relayed(t *testing.T, s *wiringtest.System) []string {
	t.Helper()
	var ids []string
	_, err := s.Store.RelayHints(t.Context(), 100, func(_ context.Context, batch []store.ContactHints) []error {
		for _, c := range batch {
			ids = append(ids, c.ContactID)
		}
		return make([]error, len(batch))
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	return ids
}

func participant(name string) bridge.ParkedItem {
	return bridge.ParkedItem{AccountID: name, UserID: name, Cause: bridge.CauseRefusedByHubSpot}
}

func TestRetry_hasContactsLookedAtAndParticipantsRead(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	of := park(t, s, bridge.ParkedItem{ContactID: "101", Cause: bridge.CauseHalfPair})
	ben, cleo := park(t, s, participant("ben")), park(t, s, participant("cleo"))
	left := park(t, s, bridge.ParkedItem{ContactID: "102", Cause: bridge.CauseHalfPair})

	got, err := s.Operator.Retry(t.Context(), s.Connection.ID, []int64{cleo, of, ben, ben})
	if err != nil {
		t.Fatal(err)
	}

	started := s.Temporal.Started()
	if len(started) != 1 {
		t.Fatalf("%d workflows started, want 1", len(started))
	}
	run := started[0]
	in, ok := run.Args[0].(workflows.RetryParkedInput)
	if !ok || in.ConnectionID != s.Connection.ID || run.Options.ID != workflows.RetryParkedID(s.Connection.ID, in.RunID) ||
		run.Workflow != workflows.RetryParkedName || run.Options.TaskQueue != workflows.TaskQueue {
		t.Errorf("started %+v", run)
	}
	if name, _ := run.Options.TypedSearchAttributes.GetKeyword(workflows.SearchConnectionID); name != s.Connection.ID || run.Options.StaticSummary == "" {
		t.Errorf("nobody finds %+v in Temporal", run.Options)
	}
	want := operator.Retried{Contacts: []int64{of}, Participants: []int64{ben, cleo}, Workflows: []string{run.Options.ID}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"101"}, relayed(t, s)); diff != "" {
		t.Error(diff)
	}
	// Participants' items stay open until the workflow has dealt with them.
	if diff := cmp.Diff([]int64{ben, cleo, left}, openIDs(t, s)); diff != "" {
		t.Error(diff)
	}
}

func TestRetry_saysWhatIsNotOpenAndDoesTheRest(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	open := park(t, s, bridge.ParkedItem{ContactID: "101", Cause: bridge.CauseHalfPair})
	closed := park(t, s, bridge.ParkedItem{ContactID: "102", Cause: bridge.CauseHalfPair})
	if err := s.Store.CloseParked(t.Context(), closed, store.OutcomeResolved); err != nil {
		t.Fatal(err)
	}
	other, err := s.Store.SaveConnection(t.Context(), bridge.Connection{PortalID: 4711, Tenant: "other", Program: "1"}, store.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	foreign := park(t, s, bridge.ParkedItem{ConnectionID: other.ID, ContactID: "101", Cause: bridge.CauseHalfPair})

	got, err := s.Operator.Retry(t.Context(), s.Connection.ID, []int64{open, closed, foreign, 999})

	want := operator.Retried{Contacts: []int64{open}, NotOpen: []int64{closed, foreign, 999}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if items, err := s.Operator.Parked(t.Context(), other.ID, "", 0, 100); err != nil || len(items) != 1 {
		t.Errorf("the other connection has %d items, %v", len(items), err)
	}
}

func TestRetryAll_takesUpWhatIsUnderWayAndBeginsTheRest(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	ben, cleo := park(t, s, participant("ben")), park(t, s, participant("cleo"))
	for _, id := range []int64{ben, cleo} {
		if _, err := s.Operator.Retry(t.Context(), s.Connection.ID, []int64{id}); err != nil {
			t.Fatal(err)
		}
	}
	dora := park(t, s, participant("dora"))

	got, err := s.Operator.RetryCause(t.Context(), s.Connection.ID, "")
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff([]int64{ben, cleo, dora}, got.Participants); diff != "" {
		t.Error(diff)
	}
	started := s.Temporal.Started()
	ids := []string{started[0].Options.ID, started[1].Options.ID, started[len(started)-1].Options.ID}
	if diff := cmp.Diff(ids, got.Workflows); diff != "" {
		t.Error(diff)
	}
}

func TestRetryAll_startsNothingWhereNothingIsParked(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	got, err := s.Operator.RetryCause(t.Context(), s.Connection.ID, "")
	if diff := cmp.Diff(operator.Retried{}, got); diff != "" || err != nil || len(s.Temporal.Started()) != 0 {
		t.Error(err, diff)
	}
}

func TestRetryAll_readsParticipantsInPortions(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	for i := range 1001 {
		park(t, s, participant(fmt.Sprint(i)))
	}
	got, err := s.Operator.RetryCause(t.Context(), s.Connection.ID, "")
	if err != nil || len(got.Participants) != 1001 || len(got.Workflows) != 2 {
		t.Errorf("%d participants in %d workflows, %v", len(got.Participants), len(got.Workflows), err)
	}
}

func TestDiscard_givesUpWhatIsOpen(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	of := park(t, s, bridge.ParkedItem{ContactID: "101", Cause: bridge.CauseHalfPair})
	ben := park(t, s, participant("ben"))
	left := park(t, s, participant("cleo"))

	discarded, missing, err := s.Operator.Discard(t.Context(), s.Connection.ID, []int64{999, ben, of})

	if diff := cmp.Diff([]int64{of, ben}, discarded); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if diff := cmp.Diff([]int64{999}, missing); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{left}, openIDs(t, s)); diff != "" {
		t.Error(diff)
	}
	if got := relayed(t, s); len(got) != 0 {
		t.Errorf("discarding had %v looked at", got)
	}
}
