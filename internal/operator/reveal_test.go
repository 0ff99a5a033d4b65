package operator_test

import (
	"testing"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/wiring/wiringtest"
)

func reveal(t *testing.T, s *wiringtest.System, id string) operator.Revealed {
	t.Helper()
	person, err := s.Operator.Reveal(t.Context(), s.Connection, id)
	if err != nil {
		t.Fatal(err)
	}
	return person
}

func TestReveal_putsBothSidesBesideEachOther(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mapped(t, s, ann)
	user, err := s.Tenant.Edit(ann, ann, func(u *advocatetest.User) { u.FirstName = "Annabel" })
	if err != nil {
		t.Fatal(err)
	}

	fields := map[string]operator.Field{}
	for _, f := range reveal(t, s, id).Fields() {
		fields[f.Name] = f
	}

	want := []operator.Field{
		{Name: "email", HubSpot: ann, Advocate: ann},
		{Name: "first_name", HubSpot: "Annika", Advocate: "Annabel", Differs: true},
		{Name: "last_name", HubSpot: "Archer", Advocate: "Archer"},
		{Name: "user_id", HubSpot: user.ID, Advocate: user.ID},
		{Name: "account_id", HubSpot: user.AccountID, Advocate: user.AccountID},
		{Name: "referral_code", HubSpot: user.ReferralCodes[wiringtest.Program], Advocate: user.ReferralCodes[wiringtest.Program]},
		{Name: "share_link", HubSpot: user.ShareLinks[wiringtest.Program], Advocate: user.ShareLinks[wiringtest.Program]},
		{Name: "contact_id", HubSpot: id, Advocate: id},
	}
	for _, w := range want {
		if fields[w.Name] != w {
			t.Errorf("%+v, want %+v", fields[w.Name], w)
		}
	}
}

func TestReveal_showsTheParticipantThatAMergeLeftBehind(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	const work = "ann@work.example"
	primary, secondary := mapped(t, s, ann), mapped(t, s, work)
	if _, err := s.Portal.Person(1).Merge("contacts", primary, secondary); err != nil {
		t.Fatal(err)
	}
	look(t, s, secondary, bridge.Hints{MergedAt: time.Now()}, false)

	person := reveal(t, s, secondary)

	if person.Participant == nil || person.Participant.Email != work {
		t.Errorf("participant shown: %+v, want the one without a contact", person.Participant)
	}
}

func TestReveal_showsWhatThereIs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		arrange              func(t *testing.T, s *wiringtest.System) (id string)
		contact, participant bool
	}{
		"an unmapped contact": {func(t *testing.T, s *wiringtest.System) string {
			return s.CreateContact(t, map[string]string{"email": ann})
		}, true, false},
		"an unmapped contact that names a participant": {func(t *testing.T, s *wiringtest.System) string {
			user := s.Join(t, ann, "Ann", "Archer")
			return s.CreateContact(t, map[string]string{"firstname": "Ann", bridge.PropUserID: user.ID, bridge.PropAccountID: user.AccountID})
		}, true, true},
		"a contact that names nobody": {func(t *testing.T, s *wiringtest.System) string {
			return s.CreateContact(t, map[string]string{"firstname": "Ann", bridge.PropUserID: "no", bridge.PropAccountID: "body"})
		}, true, false},
		"a contact in the recycle bin": {func(t *testing.T, s *wiringtest.System) string {
			id := mapped(t, s, ann)
			if err := s.Portal.Person(1).Archive("contacts", id); err != nil {
				t.Fatal(err)
			}
			return id
		}, true, true},
		"an erased person": {func(t *testing.T, s *wiringtest.System) string {
			id := mapped(t, s, ann)
			if err := s.Portal.Person(1).Erase(id); err != nil {
				t.Fatal(err)
			}
			look(t, s, id, bridge.Hints{ErasedAt: time.Now()}, false)
			return id
		}, false, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			person := reveal(t, s, tt.arrange(t, s))
			if got := person.Contact != nil; got != tt.contact {
				t.Errorf("contact shown: %t", got)
			}
			if got := person.Participant != nil; got != tt.participant {
				t.Errorf("participant shown: %t", got)
			}
			for _, f := range person.Fields() {
				if f.Differs && !(tt.contact && tt.participant) {
					t.Errorf("%s differs from nothing", f.Name)
				}
			}
		})
	}
}

func TestReveal_saysWhichVendorFailed(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := mapped(t, s, ann)
	s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteGet, Status: 503})
	_, err := s.Operator.Reveal(t.Context(), s.Connection, id)
	if bridge.KindOf(err) != bridge.Unavailable {
		t.Errorf("error %v", err)
	}
}
