package workflows_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
)

// mappedByReport makes participants and has a report make their contacts: a
// hundred a call, where single lives would take long.
func mappedByReport(t *testing.T, s *wiringtest.System, n int) (ids []string) {
	t.Helper()
	for i := range n {
		s.Join(t, person(i), "Ann", "Archer")
	}
	report(t, s)
	for i := range n {
		id, _ := s.ContactByEmail(t, person(i))
		ids = append(ids, id)
	}
	return ids
}

// syncTogether runs one pass over each contact that the inbox tells of, all at
// once, as a worker does.
func syncTogether(t *testing.T, s *wiringtest.System, graceElapsed bool) {
	t.Helper()
	var due []store.ContactHints
	for {
		n, err := s.Store.RelayHints(t.Context(), 500, func(_ context.Context, batch []store.ContactHints) []error {
			due = append(due, batch...)
			return make([]error, len(batch))
		})
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	var contacts *activities.Contacts
	for _, a := range s.Activities() {
		if c, is := a.(*activities.Contacts); is {
			contacts = c
		}
	}
	var all sync.WaitGroup
	for _, heard := range due {
		all.Go(func() {
			in := activities.SyncContactInput{ConnectionID: s.Connection.ID, ContactID: heard.ContactID, Hints: heard.Hints, GraceElapsed: graceElapsed}
			if _, err := contacts.SyncContact(t.Context(), in); err != nil {
				t.Errorf("contact %s: %v", heard.ContactID, err)
			}
		})
	}
	all.Wait()
}

// A thousand take three calls a hundred at most; here are fewer, on a machine that
// may be busy.
func TestDeletionGuard_approvedDeletionsTakeThreeCallsAHundred(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.KeepGaps(t)
	const many = 400
	ids := mappedByReport(t, s, many)
	s.HubSpot.Webhooks().Take()
	for _, id := range ids {
		archive(t, s, id)
	}
	s.HubSpot.ResetCounts()
	for _, held := range []bool{false, true} {
		for _, id := range ids {
			if _, err := s.Store.DueDeletions(t.Context(), s.Connection.ID, held, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := waiting(t, s); n != many {
		t.Fatalf("%d deletions wait, want %d", n, many)
	}
	if n := s.HubSpot.Counts().Total; n != 0 {
		t.Errorf("%d HubSpot calls before anybody approved", n)
	}
	if n, err := s.Store.ApproveDeletions(t.Context(), s.Connection.ID, nil); err != nil || n != many {
		t.Fatalf("%d approved, %v", n, err)
	}

	syncTogether(t, s, false)

	if left := s.Tenant.Count(); left != 0 {
		t.Errorf("%d participants are left", left)
	}
	calls := s.HubSpot.Counts()
	t.Logf("%d HubSpot calls for %d deletions", calls.Total, many)
	if calls.Total > 3*many/100 {
		t.Errorf("%d HubSpot calls for %d deletions: %v", calls.Total, many, calls.Calls)
	}
	for route, n := range calls.Calls {
		if n > 0 && strings.HasSuffix(route, "/{id}") {
			t.Errorf("%d single reads: %s", n, route)
		}
	}
	wantState(t, s, ids[0], bridge.StateDeleted)
}
