package workflows_test

import (
	"testing"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/wiring/wiringtest"
)

func resync() bridge.Hints { return bridge.Hints{ResyncAt: time.Now()} }

func TestContactLifecycle_givesBackWhatAPersonWiped(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": ann})
	live(t, s, id, created())
	before, _ := s.Tenant.User(ann, ann)

	s.EditContact(t, id, map[string]string{bridge.PropReferralCode: "", bridge.PropShareLink: "https://elsewhere.example"})
	upserts := s.Advocate.Calls(advocatetest.RouteUpsert)
	live(t, s, id, resync())

	s.InStep(t, id, ann, ann)
	if after, _ := s.Tenant.User(ann, ann); after.DateCreated != before.DateCreated {
		t.Error("the participant was made anew")
	}
	if got := s.Advocate.Calls(advocatetest.RouteUpsert); got != upserts {
		t.Error("the participant was written to, though nothing about the contact is new")
	}
}

func TestContactLifecycle_clearsWhatIsLeftOfAParticipantThatIsGone(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": ann})
	live(t, s, id, created())
	s.Tenant.Delete(ann, ann, false)

	s.EditContact(t, id, map[string]string{bridge.PropReferralCode: "edited"})
	live(t, s, id, resync())
	live(t, s, id, bridge.Hints{DeletedAt: time.Now()}) // old news: there is nothing to do

	for _, def := range bridge.OwnedProperties() {
		if value := s.Contact(t, id)[def.Name]; def.ProgramSourced && value != "" {
			t.Errorf("%s = %s", def.Name, value)
		}
	}
	if got := s.Tenant.Count(); got != 0 {
		t.Error("a look brought the participant back")
	}
	if got := s.Portal.Writes().Repeats; got != 0 {
		t.Errorf("%d writes changed nothing", got)
	}
}

func TestContactLifecycle_triesAgainWhatHubSpotRefused(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": ann})
	live(t, s, id, created())
	if _, err := s.Tenant.ChangeCode(ann, ann, wiringtest.Program, "ANNROCKS"); err != nil {
		t.Fatal(err)
	}
	s.EditContact(t, id, map[string]string{bridge.PropShareLink: ""})
	s.HubSpot.Inject(hubspottest.Fault{Route: "POST /crm/objects/2026-09/contacts/batch/update", Status: 400})
	live(t, s, id, resync())
	wantParked(t, s, bridge.CauseRefusedByHubSpot)

	live(t, s, id, updated())

	s.InStep(t, id, ann, ann)
	if items := s.Parked(t); len(items) != 0 {
		t.Errorf("%d items are parked though the write went through", len(items))
	}
}
