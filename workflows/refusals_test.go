package workflows_test

import (
	"strings"
	"testing"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/wiring/wiringtest"
)

// What each vendor's refusal comes to, and what the operator sees of it.
func TestContactLifecycle_givesRefusalsTheirMeaning(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		props  map[string]string
		rsCode string // refused once by Advocate
		state  bridge.State
		cause  bridge.Cause // empty: nothing is parked
		words  string
	}{
		"RS050, do not track: marked, not parked": {
			map[string]string{"email": ann}, "RS050", bridge.StateDoNotTrack, "", ""},
		"RS052, a bad cookie: dropped, told, synced": {
			map[string]string{"email": ann, bridge.PropReferralCookie: "not a cookie!"}, "", bridge.StateMapped, bridge.CauseCookieDropped, "RS052"},
		"RS034, an unknown code: dropped, told, synced": {
			map[string]string{"email": ann, bridge.PropReferredByCode: "NOSUCHCODE"}, "", bridge.StateMapped, bridge.CauseCodeDropped, "RS034"},
		"both bad: both dropped, synced": {
			map[string]string{"email": ann, bridge.PropReferredByCode: "NOSUCHCODE", bridge.PropReferralCookie: "not a cookie!"}, "", bridge.StateMapped, "", ""},
		"RS023, an email that Advocate rejects: parked with its words": {
			map[string]string{"email": ann}, "RS023", bridge.StateParked, bridge.CauseRefusedByAdvocate, "RS023"},
		"RS024, a name that Advocate rejects: parked with its words": {
			map[string]string{"email": ann, "firstname": "Ann"}, "RS024", bridge.StateParked, bridge.CauseRefusedByAdvocate, "RS024"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			id := s.CreateContact(t, tt.props)
			if tt.rsCode != "" {
				s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteUpsert, Status: 400, RSCode: tt.rsCode, Times: -1})
			}

			live(t, s, id, created(), created) // HubSpot tells everything twice

			if got := s.State(t, id); got != tt.state {
				t.Errorf("state = %s, want %s", got, tt.state)
			}
			if tt.cause != "" {
				if item := wantParked(t, s, tt.cause); !strings.Contains(item.VendorMessage, tt.words) {
					t.Errorf("words = %q, want the vendor's %s in them", item.VendorMessage, tt.words)
				}
			}
			if tt.state == bridge.StateMapped {
				s.InStep(t, id, ann, ann)
			}
		})
	}
}

func TestContactLifecycle_asksForADoNotTrackPersonOnlyOnce(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	s.Join(t, ann, "Ann", "Archer")
	s.Tenant.Delete(ann, ann, true)
	id := s.CreateContact(t, map[string]string{"email": ann})
	live(t, s, id, created())
	s.Advocate.Host.ClearFaults()
	upserts := s.Advocate.Calls(advocatetest.RouteUpsert)

	live(t, s, id, updated())
	if got := s.Advocate.Calls(advocatetest.RouteUpsert); got != upserts {
		t.Errorf("Advocate was asked %d more times", got-upserts)
	}

	s.EditContact(t, id, map[string]string{"email": "somebody.else@shop.example"})
	live(t, s, id, updated())
	s.InStep(t, id, "somebody.else@shop.example", "somebody.else@shop.example")
}

func TestContactLifecycle_parksAWriteThatHubSpotRefuses(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	id := s.CreateContact(t, map[string]string{"email": ann})
	if err := s.Portal.ArchiveProperty("contacts", bridge.PropShareLink); err != nil {
		t.Fatal(err)
	}

	live(t, s, id, created())

	item := wantParked(t, s, bridge.CauseRefusedByHubSpot)
	if !strings.Contains(item.VendorMessage, bridge.PropShareLink) {
		t.Errorf("words = %q, want the property that HubSpot does not know", item.VendorMessage)
	}
}
