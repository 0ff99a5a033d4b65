package workflows_test

import (
	"testing"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/wiring/wiringtest"
)

// contactIDOf is the HubSpot contact id that a participant carries; empty: none.
func contactIDOf(t *testing.T, s *wiringtest.System, email string) any {
	t.Helper()
	user, ok := s.Tenant.User(email, email)
	if !ok {
		t.Fatal("there is no such participant")
	}
	return user.CustomFields["hubspot_contact_id"]
}

func wantNoValues(t *testing.T, s *wiringtest.System, id string) {
	t.Helper()
	for name := range bridge.SharedProperties(bridge.Participant{}, bridge.Program{}) {
		if value := s.Contact(t, id)[name]; value != "" {
			t.Errorf("contact %s still has %s", id, name)
		}
	}
}

// Whoever deletes a participant means it.
func TestContactLifecycle_doesNotRemakeAParticipantThatStaffDeleted(t *testing.T) {
	t.Parallel()
	edit := map[string]map[string]string{
		"the contact's code is edited": {bridge.PropReferredByCode: "NOSUCHCODE"},
		"its ids are wiped":            {bridge.PropUserID: "", bridge.PropAccountID: ""},
		"its share link is edited":     {bridge.PropShareLink: "https://elsewhere.example"},
	}
	for name, props := range edit {
		for _, doNotTrack := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := wiringtest.New(t)
				id := mappedContact(t, s, ann)
				s.Tenant.Delete(ann, ann, doNotTrack)
				s.EditContact(t, id, props)
				edited := bridge.Hints{UpdatedAt: time.Now()}

				live(t, s, id, edited, func() bridge.Hints { return edited }) // told twice

				if got := s.Tenant.Count(); got != 0 {
					t.Errorf("%d participants, want none", got)
				}
				wantNoValues(t, s, id)
				wantState(t, s, id, bridge.StateParked)
				wantParked(t, s, bridge.CauseParticipantGone)
			})
		}
	}
}

func TestContactLifecycle_treatsAContactWhoseParticipantStaffDeletedAsUnmapped(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rules bridge.Rules
		want  int // participants
	}{
		"a later edit makes a participant, where the rule for updates is on": {bridge.DefaultRules, 1},
		"a later edit makes none, where the rule is off":                     {bridge.Rules{ContactCreated: true}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.SetRules(t, tt.rules)
			id := mappedContact(t, s, ann)
			s.Tenant.Delete(ann, ann, false)
			live(t, s, id, resync())
			wantParked(t, s, bridge.CauseParticipantGone)

			s.EditContact(t, id, map[string]string{"email": "ann.archer@work.example"})
			live(t, s, id, updated())

			if got := s.Tenant.Count(); got != tt.want {
				t.Errorf("%d participants, want %d", got, tt.want)
			}
			if tt.want > 0 {
				s.InStep(t, id, "ann.archer@work.example", "ann.archer@work.example")
			}
		})
	}
}

func TestContactLifecycle_clearsEveryContactOfAParticipantThatStaffDeleted(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	first := mappedContact(t, s, ann)
	user, _ := s.Tenant.User(ann, ann)
	second := s.CreateContact(t, map[string]string{"email": "ann@work.example", bridge.PropUserID: user.ID, bridge.PropAccountID: user.AccountID})
	live(t, s, second, created())
	due(t, s, second)
	s.Tenant.Delete(ann, ann, false)

	live(t, s, first, resync())
	live(t, s, second, due(t, s, second))

	for _, id := range []string{first, second} {
		wantNoValues(t, s, id)
		wantState(t, s, id, bridge.StateParked)
	}
	if got := s.Tenant.Count(); got != 0 {
		t.Errorf("%d participants, want none", got)
	}
}

func TestContactLifecycle_flowsUnderTheOldMappingWhileThePairIsHalfEdited(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		ids   func(other advocatetest.User) map[string]string
		cause bridge.Cause
	}{
		"only the user id is edited": {
			func(other advocatetest.User) map[string]string { return map[string]string{bridge.PropUserID: other.ID} }, bridge.CauseHalfPair,
		},
		"only the account id is edited": {
			func(other advocatetest.User) map[string]string {
				return map[string]string{bridge.PropAccountID: other.AccountID}
			}, bridge.CauseHalfPair,
		},
		"one id is cleared": {
			func(advocatetest.User) map[string]string { return map[string]string{bridge.PropUserID: ""} }, bridge.CauseHalfPair,
		},
		"both ids name nobody": {
			func(advocatetest.User) map[string]string {
				return map[string]string{bridge.PropUserID: "nobody", bridge.PropAccountID: "nobody"}
			}, bridge.CauseUnknownPair,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			other := s.Join(t, "office@shop.example", "Shop", "Office")
			id := mappedContact(t, s, ann)
			code := s.Contact(t, id)[bridge.PropReferralCode]
			edit := tt.ids(other)
			s.EditContact(t, id, edit)
			live(t, s, id, updated())
			wantParked(t, s, tt.cause)

			s.EditContact(t, id, map[string]string{
				bridge.PropReferredByCode: other.ReferralCodes[wiringtest.Program], bridge.PropReferralCode: "OVERWRITTEN",
			})
			live(t, s, id, updated())

			if user, _ := s.Tenant.User(ann, ann); len(user.ReferredByCodes) != 1 {
				t.Error("the referred-by code did not arrive")
			}
			props := s.Contact(t, id)
			if props[bridge.PropReferralCode] != code {
				t.Error("the referral code was not put back")
			}
			for name, value := range edit {
				if props[name] != value {
					t.Errorf("%s is not as the person wrote it", name)
				}
			}
			wantParked(t, s, tt.cause)
		})
	}
}

func TestContactLifecycle_aReMapTakesTheContactsIDOffTheOldParticipant(t *testing.T) {
	t.Parallel()
	for name, shared := range map[string]bool{"nobody else has it": false, "another contact has it, too": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			other := s.Join(t, "office@shop.example", "Shop", "Office")
			id := mappedContact(t, s, ann)
			var want any
			if shared {
				user, _ := s.Tenant.User(ann, ann)
				second := s.CreateContact(t, map[string]string{"email": "ann@work.example", bridge.PropUserID: user.ID, bridge.PropAccountID: user.AccountID})
				live(t, s, second, created())
				if err := setContactID(s, id); err != nil { // the last to sync has written it
					t.Fatal(err)
				}
				want = second
			}

			s.EditContact(t, id, map[string]string{bridge.PropUserID: other.ID, bridge.PropAccountID: other.AccountID})
			live(t, s, id, updated())

			s.InStep(t, id, other.AccountID, other.ID)
			if got := contactIDOf(t, s, ann); got != want {
				t.Errorf("the old participant carries contact %v, want %v", got, want)
			}
			if got := contactIDOf(t, s, "office@shop.example"); got != id {
				t.Errorf("the new participant carries contact %v, want %s", got, id)
			}
		})
	}
}

func setContactID(s *wiringtest.System, id string) error {
	_, err := s.Tenant.Edit(ann, ann, func(u *advocatetest.User) { u.CustomFields = map[string]any{"hubspot_contact_id": id} })
	return err
}

// A form brings the email to another contact while the deletion is held.
func TestContactLifecycle_handsTheParticipantToTheContactThatHasItsEmail(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, s *wiringtest.System, second string){
		"it was synced, and waits for the participant": func(t *testing.T, s *wiringtest.System, second string) {
			t.Helper()
			live(t, s, second, created())
			wantParked(t, s, bridge.CauseTakenParticipant)
		},
		"nothing was heard of it yet": func(*testing.T, *wiringtest.System, string) {},
	}
	for name, meanwhile := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			first := mappedContact(t, s, ann)
			before, _ := s.Tenant.User(ann, ann)
			archive(t, s, first)
			second := s.CreateContact(t, map[string]string{"email": ann, "firstname": "Ann"})
			meanwhile(t, s, second)
			due(t, s, second)

			live(t, s, first, deleted())
			live(t, s, second, due(t, s, second))

			s.InStep(t, second, ann, ann)
			if after, _ := s.Tenant.User(ann, ann); after.ReferralCodes[wiringtest.Program] != before.ReferralCodes[wiringtest.Program] {
				t.Error("the participant was deleted and made again")
			}
			if got := contactIDOf(t, s, ann); got != second {
				t.Errorf("the participant carries contact %v, want %s", got, second)
			}
			wantState(t, s, first, bridge.StateDeleted)
			if items := s.Parked(t); len(items) != 0 {
				t.Errorf("parked = %+v, want nothing any more", items)
			}
		})
	}
}

// A contact that waits for a participant is synced when the participant is free.
func TestContactLifecycle_syncsWhoeverWaitsForAParticipantThatIsFreed(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, s *wiringtest.System, first string){
		"its contact is mapped to another one": func(t *testing.T, s *wiringtest.System, first string) {
			t.Helper()
			other := s.Join(t, "office@shop.example", "Shop", "Office")
			s.EditContact(t, first, map[string]string{bridge.PropUserID: other.ID, bridge.PropAccountID: other.AccountID})
			live(t, s, first, updated())
		},
		"staff deletes it": func(t *testing.T, s *wiringtest.System, first string) {
			t.Helper()
			s.Tenant.Delete(ann, ann, false)
			live(t, s, first, resync())
		},
	}
	for name, free := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			first := mappedContact(t, s, ann)
			s.EditContact(t, first, map[string]string{"email": "ann.archer@work.example"})
			second := s.CreateContact(t, map[string]string{"email": ann})
			live(t, s, second, created())
			wantParked(t, s, bridge.CauseTakenParticipant)
			due(t, s, second)

			free(t, s, first)
			live(t, s, second, due(t, s, second))

			s.InStep(t, second, ann, ann)
		})
	}
}

// Only an operator can know that Advocate tracks a person again.
func TestContactLifecycle_asksForADoNotTrackPersonAgainWhereAnOperatorAsks(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": ann})
	s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteUpsert, Status: 400, RSCode: "RS050", Times: -1})
	live(t, s, id, created())
	wantState(t, s, id, bridge.StateDoNotTrack)
	s.Advocate.Host.ClearFaults() // staff takes the mark away

	live(t, s, id, updated())
	wantState(t, s, id, bridge.StateDoNotTrack)
	live(t, s, id, resync())

	s.InStep(t, id, ann, ann)
}
