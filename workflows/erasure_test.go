package workflows_test

import (
	"testing"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/wiring/wiringtest"
)

// The ids that an email leads to are not those under which Advocate keeps the
// participant, and under which somebody mapped another contact to it.
func TestContactLifecycle_unmapsWhoSharesAParticipantThatAnErasedEmailLeadsTo(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	member, err := s.Tenant.Put(advocatetest.User{ID: "member-7", AccountID: "member-7", Email: ann})
	if err != nil {
		t.Fatal(err)
	}
	id := s.CreateContact(t, map[string]string{"email": ann})
	live(t, s, id, created())
	s.InStep(t, id, member.AccountID, member.ID)
	second := s.Join(t, ann, "Ann", "Archer")
	other := mappedContact(t, s, "ben@shop.example")
	s.EditContact(t, other, map[string]string{bridge.PropUserID: second.ID, bridge.PropAccountID: second.AccountID})
	live(t, s, other, updated())
	s.InStep(t, other, ann, ann)
	erase(t, s, id)

	live(t, s, id, erased())

	wantParticipant(t, s, "member-7", false)
	wantParticipant(t, s, ann, false)
	wantState(t, s, other, bridge.StateParked)
	if item := wantParked(t, s, bridge.CauseParticipantErased); item.ContactID != other {
		t.Errorf("contact %s is parked, want %s", item.ContactID, other)
	}
	known, err := s.Store.Known(t.Context(), s.Connection.ID, other)
	if err != nil {
		t.Fatal(err)
	}
	if known.Mapping != nil {
		t.Error("another contact is mapped to a participant that is gone")
	}
}
