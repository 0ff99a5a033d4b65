package workflows_test

import (
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/wiring/wiringtest"
)

// inNumbers deletes many mapped contacts at once and lets each hear of its
// deletion, as their webhooks come in one burst.
func inNumbers(t *testing.T, s *wiringtest.System, n int) (ids []string) {
	t.Helper()
	for i := range n {
		ids = append(ids, mappedContact(t, s, person(i)))
	}
	for _, id := range ids {
		archive(t, s, id)
		if _, err := s.Store.DueDeletions(t.Context(), s.Connection.ID, false, id); err != nil { // heard
			t.Fatal(err)
		}
	}
	for _, id := range ids {
		live(t, s, id, deleted())
	}
	return ids
}

func wantParticipants(t *testing.T, s *wiringtest.System, from, to int, want bool) {
	t.Helper()
	for i := from; i < to; i++ {
		wantParticipant(t, s, person(i), want)
	}
}

func waiting(t *testing.T, s *wiringtest.System) int64 {
	t.Helper()
	w, err := s.Store.WaitingDeletions(t.Context(), s.Connection.ID, "", 1000)
	if err != nil || int64(len(w.Contacts)) != w.Waiting {
		t.Fatalf("%+v, %v", w, err)
	}
	return w.Waiting
}

func TestDeletionGuard_deletionsInNumbersWaitForAPerson(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	const many = 12 // the guard of a small portal is 10
	ids := inNumbers(t, s, many)

	if n := waiting(t, s); n != many {
		t.Errorf("%d deletions wait, want all %d", n, many)
	}
	wantParticipants(t, s, 0, many, true)
	wantState(t, s, ids[0], bridge.StateAwaitingApproval)

	late := mappedContact(t, s, person(many))
	archive(t, s, late)
	live(t, s, late, deleted())
	wantParticipant(t, s, person(many), true) // however many more come

	s.HubSpot.ResetCounts()
	if n, err := s.Store.ApproveDeletions(t.Context(), s.Connection.ID, nil); err != nil || n != many+1 {
		t.Fatalf("%d approved, %v", n, err)
	}
	relayAll(t, s)
	wantParticipants(t, s, 0, many+1, false)
	if n := waiting(t, s); n != 0 {
		t.Errorf("%d deletions wait after their approval", n)
	}
	if calls := s.HubSpot.Counts(); calls.Calls["GET /crm/objects/2026-09/contacts/{id}"] != 0 {
		t.Errorf("single reads to verify deletions: %v", calls.Calls)
	}
}

// An operator syncs again whatever stands out, and a program switch does so for
// every contact that it cannot write to.
func TestDeletionGuard_aResyncAsksNoSecondTime(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	const many = 11
	ids := inNumbers(t, s, many)
	for _, id := range ids {
		live(t, s, id, resync(), func() bridge.Hints { // while its workflow goes on
			if n := waiting(t, s); n != many {
				t.Errorf("%d deletions wait while contact %s is synced again, want all %d", n, id, many)
			}
			return resync()
		})
		wantState(t, s, id, bridge.StateAwaitingApproval)
	}
	wantParticipants(t, s, 0, many, true)
	if n := waiting(t, s); n != many {
		t.Errorf("%d deletions wait, want all %d", n, many)
	}

	if _, err := s.Store.ApproveDeletions(t.Context(), s.Connection.ID, ids[:1]); err != nil {
		t.Fatal(err)
	}
	relayAll(t, s)
	wantParticipants(t, s, 0, 1, false)
	wantParticipants(t, s, 1, many, true)
}

func TestDeletionGuard_rejectedKeepsTheParticipants(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	ids := inNumbers(t, s, 11)
	if n, err := s.Store.RejectDeletions(t.Context(), s.Connection.ID, nil); err != nil || n != 11 {
		t.Fatalf("%d rejected, %v", n, err)
	}
	relayAll(t, s)
	wantParticipants(t, s, 0, 11, true)
	wantState(t, s, ids[0], bridge.StateDeleted)
	wantAgreement(t, s) // nobody asks again
}

func TestDeletionGuard_aRestoreTakesAContactOut(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	ids := inNumbers(t, s, 11)
	restore(t, s, ids[0])
	live(t, s, ids[0], restored())
	if n := waiting(t, s); n != 10 {
		t.Errorf("%d deletions wait, want those of the others", n)
	}
	wantState(t, s, ids[0], bridge.StateMapped)
	s.InStep(t, ids[0], person(0), person(0))
}

func TestDeletionGuard_fewDeletionsAndThoseOfAGuardThatIsOffGoThrough(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	inNumbers(t, s, 3)
	wantParticipants(t, s, 0, 3, false)
	off := 0
	if err := s.Store.SetDeletionGuard(t.Context(), s.Connection.ID, &off); err != nil {
		t.Fatal(err)
	}
	inNumbers(t, s, 11)
	wantParticipants(t, s, 0, 11, false)
}

func TestDeletionGuard_whatWaitsIsNoUnknownDrift(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	for i := range 11 {
		archive(t, s, mappedContact(t, s, person(i)))
	}
	wantDrift(t, reconcile(t, s, false), map[string]int64{"deleted_contact guarded": 11})
	wantParticipants(t, s, 0, 11, true)
	wantDrift(t, reconcile(t, s, false), map[string]int64{"deleted_contact guarded": 11})
	if a, err := s.Store.Agreement(t.Context(), s.Connection.ID); err != nil || a.LeftToPeople != 11 {
		t.Errorf("%+v, %v", a, err)
	}
}
