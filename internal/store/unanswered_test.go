package store_test

import (
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// given up is an event that was sent without an answer until it was given up.
func (d *database) givenUp(t *testing.T, askAgain time.Duration) int64 {
	t.Helper()
	id := d.track(t, d.tracking("o1", "101", store.TrackedPending))
	begun, err := d.BeginSend(t.Context(), id)
	must(t, err)
	if !begun {
		t.Fatal("it is not sent")
	}
	must(t, d.EndTracked(t.Context(), id, store.TrackedEnd{
		State: store.TrackedError, Unanswered: true, KeepRequest: true, AskAgain: askAgain, Parked: &bridge.ParkedItem{Cause: bridge.CauseEventUnsent},
	}))
	return id
}

func (d *database) request(t *testing.T, id int64) string {
	t.Helper()
	_, request, err := d.PendingRequest(t.Context(), id)
	must(t, err)
	return string(request)
}

func TestTrack_whatMayCountIsNeverDecidedAnew(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.givenUp(t, time.Hour)
	for _, state := range []store.TrackedState{store.TrackedWaiting, store.TrackedPending, store.TrackedSkipped, store.TrackedError} {
		if got := d.track(t, d.tracking("o1", "101", state)); got != 0 {
			t.Errorf("%s was recorded over what may count", state)
		}
	}
}

func TestRetryTracked_sendsTheSameAgain(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	id := d.givenUp(t, time.Hour)
	items, err := d.ParkedItems(t.Context(), d.conn.ID)
	must(t, err)
	if _, err := d.RetryTracked(t.Context(), d.conn.ID, []int64{items[0].ID}); err != nil {
		t.Fatal(err)
	}
	if got := d.request(t, id); got != `{"email":"zoe@example.com"}` {
		t.Errorf("sends %s", got)
	}
	if _, told := d.heardObjects(t)["deal 9"]; !told {
		t.Error("nobody sends it")
	}
}

func TestRetryTracked_asksForAVerdictThatNeverCame(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	id := d.track(t, d.tracking("o1", "101", store.TrackedPending))
	must(t, d.MarkSent(t.Context(), id, "A-1", time.Now()))
	must(t, d.EndTracked(t.Context(), id, store.TrackedEnd{State: store.TrackedError, Unanswered: true, Parked: &bridge.ParkedItem{Cause: bridge.CauseEventUnsent}}))
	items, err := d.ParkedItems(t.Context(), d.conn.ID)
	must(t, err)
	if _, err := d.RetryTracked(t.Context(), d.conn.ID, []int64{items[0].ID}); err != nil {
		t.Fatal(err)
	}
	due, err := d.DueVerdicts(t.Context(), d.conn.ID, 10)
	must(t, err)
	if len(due) != 1 || due[0].Receipt != "A-1" {
		t.Errorf("due: %+v", due)
	}
}

func TestWakeWaiting_asksAgainWhatMayCount(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	id := d.givenUp(t, time.Microsecond)
	woken, err := d.WakeWaiting(t.Context(), d.conn.ID)
	must(t, err)
	if woken != 1 || d.tracked(t, "o1") != store.TrackedPending {
		t.Fatalf("woken %d, state %s", woken, d.tracked(t, "o1"))
	}
	if items, err := d.ParkedItems(t.Context(), d.conn.ID); err != nil || len(items) != 1 {
		t.Errorf("it is not shown any more: %+v, %v", items, err)
	}
	must(t, d.MarkSent(t.Context(), id, "A-2", time.Now()))
	if items, err := d.ParkedItems(t.Context(), d.conn.ID); err != nil || len(items) != 0 {
		t.Errorf("it was taken, and is still parked: %+v, %v", items, err)
	}
}

func TestCloseParked_forgetsWhatWasKeptToBeSent(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.givenUp(t, time.Microsecond)
	items, err := d.ParkedItems(t.Context(), d.conn.ID)
	must(t, err)
	must(t, d.CloseParked(t.Context(), items[0].ID, store.OutcomeDiscarded))
	if woken, err := d.WakeWaiting(t.Context(), d.conn.ID); err != nil || woken != 0 {
		t.Errorf("woken %d, %v", woken, err)
	}
	if d.tracked(t, "o1") != store.TrackedError {
		t.Errorf("state %s", d.tracked(t, "o1"))
	}
}

func TestImpactAccount_holdsOneConnectionUntilItsCredentialsChange(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	refused := func() bool {
		t.Helper()
		a, err := d.ImpactAccount(t.Context(), d.conn.ID)
		must(t, err)
		return a.Refused()
	}
	_, revision, err := d.Credentials(t.Context(), d.conn.ID)
	must(t, err)
	must(t, d.RefuseImpact(t.Context(), d.conn.ID, revision-1, "Authentication failed"))
	if refused() {
		t.Error("credentials are judged by what came of older ones")
	}
	must(t, d.RefuseImpact(t.Context(), d.conn.ID, revision, "Authentication failed"))
	if !refused() {
		t.Fatal("nothing is held")
	}
	id := d.track(t, d.tracking("o1", "101", store.TrackedPending))
	must(t, d.HoldEvent(t.Context(), id))
	if woken, err := d.WakeWaiting(t.Context(), d.conn.ID); err != nil || woken != 0 {
		t.Errorf("woken %d while the account is refused, %v", woken, err)
	}
	_, err = d.SaveConnection(t.Context(), d.conn, store.Credentials{HubSpotToken: "t", AdvocateKey: "k", ImpactAccountSID: "IR", ImpactAuthToken: "new"})
	must(t, err)
	if refused() {
		t.Error("new credentials are held")
	}
	if woken, err := d.WakeWaiting(t.Context(), d.conn.ID); err != nil || woken != 1 {
		t.Errorf("woken %d once the account may be taken again, %v", woken, err)
	}
}
