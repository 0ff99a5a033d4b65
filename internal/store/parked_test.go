package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func (d database) mustPark(t *testing.T, item bridge.ParkedItem) int64 {
	t.Helper()
	item.ConnectionID = d.conn.ID
	id, err := d.Park(t.Context(), item)
	must(t, err)
	return id
}

func TestPark_oneOpenItemPerSubjectAndCause(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	contact := bridge.ParkedItem{ContactID: "101", Cause: bridge.CauseRefusedByAdvocate, Advice: "Fix the email.", VendorMessage: "bad email"}
	participant := bridge.ParkedItem{AccountID: "a", UserID: "u", Cause: bridge.CauseRefusedByHubSpot, Advice: "Fix it.", VendorMessage: "bad\x00 na\xffme"}
	first, second := d.mustPark(t, contact), d.mustPark(t, participant)

	contact.VendorMessage, participant.VendorMessage = "still bad", "still bad, too"
	if again := d.mustPark(t, contact); again != first {
		t.Errorf("a second item for the contact: %d beside %d", again, first)
	}
	if again := d.mustPark(t, participant); again != second {
		t.Errorf("a second item for the participant: %d beside %d", again, second)
	}
	contact.ID, contact.ConnectionID, participant.ID, participant.ConnectionID = first, d.conn.ID, second, d.conn.ID
	got, err := d.ParkedItems(t.Context(), d.conn.ID)
	must(t, err)
	if diff := cmp.Diff([]bridge.ParkedItem{contact, participant}, got, cmpopts.IgnoreFields(bridge.ParkedItem{}, "ParkedAt")); diff != "" {
		t.Error(diff)
	}
}

func TestPark_takesWordsThatAreNotText(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	id := d.mustPark(t, bridge.ParkedItem{ContactID: "101", Cause: bridge.CauseHalfPair, VendorMessage: "a\x00b\xffc"})
	item, err := d.ParkedItem(t.Context(), id)
	must(t, err)
	if item.VendorMessage != "abc" {
		t.Errorf("words %q", item.VendorMessage)
	}
}

func TestPark_needsASubjectAndACause(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for name, item := range map[string]bridge.ParkedItem{
		"no subject":         {Cause: bridge.CauseHalfPair},
		"half a participant": {AccountID: "a", Cause: bridge.CauseHalfPair},
		"no cause":           {ContactID: "101"},
	} {
		item.ConnectionID = d.conn.ID
		if _, err := d.Park(t.Context(), item); bridge.KindOf(err) != bridge.Invalid {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestCloseParked_firstOutcomeStays(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	item := bridge.ParkedItem{ContactID: "101", Cause: bridge.CauseHalfPair}
	id := d.mustPark(t, item)
	must(t, d.CloseParked(t.Context(), id, store.OutcomeRetried))
	must(t, d.CloseParked(t.Context(), id, store.OutcomeDiscarded))

	_, err := d.ParkedItem(t.Context(), id)
	wantKind(t, err, bridge.NotFound)
	if n := d.count(t, "SELECT count(*) FROM parked_item WHERE outcome = 'retried'"); n != 1 {
		t.Error("the first outcome is gone")
	}
	wantKind(t, d.CloseParked(t.Context(), id+1, store.OutcomeRetried), bridge.NotFound)
	wantKind(t, d.CloseParked(t.Context(), d.mustPark(t, item), "vanished"), bridge.Invalid)
}

func TestLink_resolvesWhatWaitedForAContact(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.mustPark(t, bridge.ParkedItem{AccountID: "a-ann", UserID: "u-ann", Cause: bridge.CauseRefusedByHubSpot})
	d.mustPark(t, bridge.ParkedItem{AccountID: "a-bob", UserID: "u-bob", Cause: bridge.CauseRefusedByHubSpot})
	d.link(t, "101", "ann")
	if diff := cmp.Diff(map[string]bridge.Cause{"u-bob": bridge.CauseRefusedByHubSpot}, d.openItems(t)); diff != "" {
		t.Error(diff)
	}
}
