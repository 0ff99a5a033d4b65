package workflows_test

import (
	"testing"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring/wiringtest"
)

// hearErasure has the intake take in that a contact was deleted for privacy.
func hearErasure(t *testing.T, s *wiringtest.System, id string) {
	t.Helper()
	if _, err := s.Store.AppendEvents(t.Context(), []store.Event{{
		ConnectionID: s.Connection.ID, ContactID: id, Kind: store.EventErased, OccurredAt: time.Now(), DedupeKey: "erased " + id,
	}}); err != nil {
		t.Fatal(err)
	}
}

const home = "ann@home.example"

// fillIn has a visitor fill in a form, and returns the contact.
func fillIn(t *testing.T, s *wiringtest.System, email string) string {
	t.Helper()
	form, err := s.Portal.DefineForm(hubspottest.Form{Name: "Refer a friend", Fields: []string{bridge.PropEmail}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Portal.SubmitForm(form, map[string]string{bridge.PropEmail: email}, "https://shop.example/refer"); err != nil {
		t.Fatal(err)
	}
	contact, found := s.Portal.ContactByEmail(email)
	if !found {
		t.Fatal("the form made no contact")
	}
	return contact.ID
}

// Whichever way the person comes back between the first word of the erasure and
// its end, nobody is made, and in the end nobody is there.
func TestErasure_nobodyComesBackOnceItIsHeard(t *testing.T) {
	t.Parallel()
	comeBack := map[string]func(t *testing.T, s *wiringtest.System, id string) (another string){
		"by a form, under the same email": func(t *testing.T, s *wiringtest.System, id string) string {
			hearErasure(t, s, id)
			return fillIn(t, s, ann)
		},
		"by a form, under another email that the contact had": func(t *testing.T, s *wiringtest.System, id string) string {
			hearErasure(t, s, id)
			return fillIn(t, s, home)
		},
		"as another contact with the same participant": func(t *testing.T, s *wiringtest.System, id string) string {
			hearErasure(t, s, id)
			user, _ := s.Tenant.User(ann, ann)
			return s.CreateContact(t, map[string]string{"email": "ben@shop.example", bridge.PropUserID: user.ID, bridge.PropAccountID: user.AccountID})
		},
		"by a form, under the same email, before it is heard": func(t *testing.T, s *wiringtest.System, id string) string {
			another := fillIn(t, s, home)
			live(t, s, another, created())
			hearErasure(t, s, id)
			return another
		},
	}
	for name, back := range comeBack {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			id := mappedContact(t, s, ann)
			addEmail(t, s, id, home)
			live(t, s, id, resync())
			erase(t, s, id)
			another := back(t, s, id)
			made := upserts(s)

			live(t, s, another, created())

			if n := upserts(s) - made; n != 0 {
				t.Errorf("a participant was written %d times for somebody who is being erased", n)
			}
			relayAll(t, s)
			relayAll(t, s)
			wantState(t, s, id, bridge.StateErased)
			for _, user := range s.Tenant.Users(0, 0) {
				t.Errorf("a participant is there: %s", user.ID)
			}
			for _, item := range s.Parked(t) {
				if item.Cause == bridge.CauseErasurePending {
					t.Error("a contact still waits for the erasure")
				}
			}
		})
	}
}

// No webhook tells that somebody added an email to a contact.
func TestErasure_knowsAnEmailThatAReconcileSaw(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	addEmail(t, s, id, home)
	reconcile(t, s, false)
	erase(t, s, id)
	hearErasure(t, s, id)
	made := upserts(s)

	live(t, s, fillIn(t, s, home), created())
	relayAll(t, s)

	if n := upserts(s) - made; n != 0 {
		t.Errorf("a participant was written %d times for somebody who is being erased", n)
	}
	wantState(t, s, id, bridge.StateErased)
}

// A contact that only a reconcile has seen waits for a person: nobody else knows its email.
func TestErasure_knowsTheEmailOfAContactThatAReconcileParked(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": home, bridge.PropUserID: "nobody", bridge.PropAccountID: "nobody"})
	reconcile(t, s, false)
	if len(s.Parked(t)) == 0 {
		t.Fatal("the contact does not wait for a person")
	}
	erase(t, s, id)
	hearErasure(t, s, id)
	made := upserts(s)

	live(t, s, fillIn(t, s, home), created())

	if n := upserts(s) - made; n != 0 {
		t.Errorf("a participant was written %d times for somebody who is being erased", n)
	}
}

// What a block kept from happening happens once HubSpot does not bear it out.
func TestErasure_thatIsNotBorneOutLeavesEverythingAsItWouldBe(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mappedContact(t, s, ann)
	report(t, s)
	hearErasure(t, s, id) // which did not happen
	user, _ := s.Tenant.User(ann, ann)
	another := s.CreateContact(t, map[string]string{"email": "ben@shop.example", bridge.PropUserID: user.ID, bridge.PropAccountID: user.AccountID})
	live(t, s, another, created())
	wantParked(t, s, bridge.CauseErasurePending)
	if _, err := s.Tenant.ChangeCode(ann, ann, wiringtest.Program, "LATER"); err != nil {
		t.Fatal(err)
	}
	report(t, s)

	relayAll(t, s)
	relayAll(t, s)
	report(t, s)

	s.InStep(t, id, ann, ann)
	s.InStep(t, another, ann, ann)
	wantParked(t, s, bridge.CauseErasureDoubted)
}

// A participant that joins while its person's erasure is heard gets no contact, and
// gets one if it is not borne out.
func TestErasure_keepsAParticipantWithoutAContactOnlyAsLongAsItStands(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.SetRules(t, bridge.Rules{ParticipantCreated: true, ParticipantUpdated: true})
	id := s.CreateContact(t, map[string]string{"email": ann})
	live(t, s, id, created())
	wantState(t, s, id, bridge.StateNotShared)
	hearErasure(t, s, id) // which did not happen
	if _, err := s.Tenant.Put(advocatetest.User{ID: "member-7", AccountID: "member-7", Email: ann}); err != nil {
		t.Fatal(err)
	}
	report(t, s)
	if s.Portal.Writes().Writes != 0 {
		t.Error("a contact was written for somebody who is being erased")
	}

	relayAll(t, s)
	report(t, s)

	s.InStep(t, id, "member-7", "member-7")
}
