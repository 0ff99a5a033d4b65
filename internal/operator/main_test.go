package operator_test

import (
	"errors"
	"testing"
	"time"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
	"advocatesync/internal/wiring/wiringtest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const ann = "ann@shop.example"

// look has the worker's own activity look at a contact, once.
func look(t *testing.T, s *wiringtest.System, id string, hints bridge.Hints, held bool) {
	t.Helper()
	contacts := activities.NewContacts(s.Connections, s.Store, wiringtest.Hold, time.Now)
	_, err := contacts.SyncContact(t.Context(), activities.SyncContactInput{
		ConnectionID: s.Connection.ID, ContactID: id, Hints: hints, GraceElapsed: held,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// mapped makes a contact that has become a participant.
func mapped(t *testing.T, s *wiringtest.System, email string) string {
	t.Helper()
	id := s.CreateContact(t, map[string]string{"email": email, "firstname": "Annika", "lastname": "Archer"})
	look(t, s, id, bridge.Hints{CreatedAt: time.Now()}, false)
	s.InStep(t, id, email, email)
	return id
}

func hear(t *testing.T, s *wiringtest.System, events ...store.Event) {
	t.Helper()
	for i := range events {
		events[i].ConnectionID = s.Connection.ID
	}
	if _, err := s.Store.AppendEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

func contact(t *testing.T, s *wiringtest.System, id string) operator.ContactStatus {
	t.Helper()
	status, err := s.Operator.Contact(t.Context(), s.Connection.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

// isRefusal reports whether a request was refused with a kind and a code.
func isRefusal(err error, kind bridge.Kind, code string) bool {
	refusal, ok := errors.AsType[*operator.Refusal](err)
	return ok && refusal.Kind == kind && refusal.Code == code
}

func park(t *testing.T, s *wiringtest.System, item bridge.ParkedItem) int64 {
	t.Helper()
	if item.ConnectionID == "" {
		item.ConnectionID = s.Connection.ID
	}
	id, err := s.Store.Park(t.Context(), item)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
