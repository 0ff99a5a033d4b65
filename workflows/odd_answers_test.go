package workflows_test

import (
	"strings"
	"testing"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/standin/fault"
	"advocatesync/internal/trigger/triggertest"
	"advocatesync/internal/wiring/wiringtest"
)

// What one record of an answer in an odd form comes to: it is read as what it can only
// mean, or parked alone. Everybody beside it is synced.

const (
	ben         = "ben@shop.example"
	readByBatch = "POST /crm/objects/2026-09/contacts/batch/read"
	readByID    = "GET /crm/objects/2026-09/contacts/{id}"
)

// shown has HubSpot show a contact in an odd form, in whatever way it is read.
func shown(s *wiringtest.System, id, path string, value any) {
	in := func(record string) fault.Answer {
		return fault.Answer{Alter: []fault.Edit{fault.Set(record+path, value)}}
	}
	s.HubSpot.Inject(hubspottest.Fault{Route: readByBatch, Times: -1, Answer: in("results.id=" + id + ".")})
	s.HubSpot.Inject(hubspottest.Fault{Route: readByID, Contains: "/" + id, Times: -1, Answer: in("")})
}

func TestContactLifecycle_readsAnOddContactOrParksItAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		path   string
		value  any
		parked bool
	}{
		"a number for a name":        {"properties.firstname", 42, false},
		"null for a name":            {"properties.firstname", nil, false},
		"a NUL in a name":            {"properties.firstname", "An\x00n", false},
		"text for a flag":            {"archived", "no", false},
		"an object for a name":       {"properties.firstname", map[string]any{"a": 1}, true},
		"a list for the email":       {"properties.email", []string{ann}, true},
		"null for the properties":    {"properties", nil, true},
		"a NUL in an id":             {"properties.advocate_user_id", "a\x00b", true},
		"an object for an id":        {"properties.advocate_account_id", map[string]any{}, true},
		"an id that leads elsewhere": {"properties.advocate_user_id", "..", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			odd, other := s.CreateContact(t, map[string]string{"email": ann, "firstname": "Ann"}), s.CreateContact(t, map[string]string{"email": ben, "firstname": "Ben"})
			shown(s, odd, tt.path, tt.value)
			if strings.HasPrefix(tt.path, "properties.advocate_") { // the other half of the pair
				for _, half := range []string{"advocate_user_id", "advocate_account_id"} {
					if tt.path != "properties."+half {
						s.EditContact(t, odd, map[string]string{half: "x"})
					}
				}
			}
			live(t, s, odd, created())
			live(t, s, other, created())

			s.InStep(t, other, ben, ben)
			items := s.Parked(t)
			if got := len(items) == 1 && items[0].ContactID == odd; got != tt.parked || len(items) > 1 {
				t.Fatalf("parked %+v, want it parked: %t", items, tt.parked)
			}
			if _, there := s.Tenant.User(ann, ann); there == tt.parked {
				t.Errorf("the odd contact has a participant: %t", there)
			}
			s.HubSpot.ClearFaults()
			if tt.parked && !strings.Contains(tt.path, "advocate_") {
				live(t, s, odd, resync()) // it is shown as it should be, and a person retries
				s.InStep(t, odd, ann, ann)
			}
		})
	}
}

func TestReportSync_oneOddContactHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		path   string
		value  any
		parked bool
	}{
		"a number for a name":      {"properties.firstname", 42, false},
		"a NUL in a code":          {"properties.advocate_referral_code", "A\x00B", false},
		"an object for a code":     {"properties.advocate_referral_code", map[string]any{}, true},
		"a list for its email":     {"properties.email", []string{ann}, true},
		"null for its properties":  {"properties", nil, true},
		"a list for other emails":  {"properties.hs_additional_emails", []string{ann}, true},
		"an id that is no text":    {"id", map[string]any{}, true},
		"text in place of a pair":  {"properties", "none", true},
		"a list for the user's id": {"properties.advocate_user_id", []int{1}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			odd, other := s.CreateContact(t, map[string]string{"email": ann}), s.CreateContact(t, map[string]string{"email": ben})
			oddUser, otherUser := s.Join(t, ann, "Ann", "Archer"), s.Join(t, ben, "Ben", "Baker")
			shown(s, odd, tt.path, tt.value)

			result := report(t, s)

			s.InStep(t, other, otherUser.AccountID, otherUser.ID)
			if got := s.Portal.Count("contacts"); got != 2 {
				t.Errorf("%d contacts, want the two that were there", got)
			}
			if (result.Counts.Parked == 1) != tt.parked || result.Counts.Parked > 1 {
				t.Errorf("the report tells of %+v, want the odd one parked: %t", result.Counts, tt.parked)
			}
			s.HubSpot.ClearFaults()
			if !tt.parked {
				s.InStep(t, odd, oddUser.AccountID, oddUser.ID)
			}
		})
	}
}

func TestContactLifecycle_oneOddParticipantHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		edit   fault.Edit
		parked bool
	}{
		"a number for a name":              {fault.Set("data.byEmail.data.0.firstName", 42), false},
		"null for a date":                  {fault.Set("data.byEmail.data.0.dateCreated", nil), false},
		"a list for the custom fields":     {fault.Set("data.byEmail.data.0.customFields", []int{1}), false},
		"an object for an id":              {fault.Set("data.byEmail.data.0.id", map[string]any{}), true},
		"a NUL in an id":                   {fault.Set("data.byEmail.data.0.accountId", "a\x00b"), true},
		"text in place of the participant": {fault.Set("data.byEmail.data.0", "ann"), true},
		"a list for the email":             {fault.Set("data.byEmail.data.0.email", []string{ann}), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			user := s.Join(t, ann, "Ann", "Archer")
			odd, other := s.CreateContact(t, map[string]string{"email": ann}), s.CreateContact(t, map[string]string{"email": ben})
			s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteGraphQL, Contains: ann, Times: -1, Answer: fault.Answer{Alter: []fault.Edit{tt.edit}}})
			live(t, s, odd, created())
			live(t, s, other, created())

			s.InStep(t, other, ben, ben)
			items := s.Parked(t)
			if got := len(items) == 1 && items[0].ContactID == odd; got != tt.parked || len(items) > 1 {
				t.Fatalf("parked %+v, want it parked: %t", items, tt.parked)
			}
			if !tt.parked {
				s.InStep(t, odd, user.AccountID, user.ID)
			}
			if c, err := s.Store.Connection(t.Context(), s.Connection.ID); err != nil || c.Status != bridge.StatusActive {
				t.Errorf("the connection is %s, %v", c.Status, err)
			}
		})
	}
}

func TestTrackEvent_anOddDealIsReadOrParkedAlone(t *testing.T) {
	t.Parallel()
	const deals, links = "POST /crm/objects/2026-09/deals/batch/read", "POST /crm/associations/2026-09/deals/contacts/batch/read"
	tests := map[string]struct {
		route  string
		path   string // in results.0, the only one of a look
		value  any
		parked bool
	}{
		"a number for the amount":          {deals, "properties.amount", 99.5, false},
		"null for the name":                {deals, "properties.dealname", nil, false},
		"a number for an associated id":    {links, "from.label", 7, false},
		"an object for the amount":         {deals, "properties.amount", map[string]any{"value": 99.5}, true},
		"a list for the stage":             {deals, "properties.dealstage", []string{"closedwon"}, true},
		"null for the properties":          {deals, "properties", nil, true},
		"an object for the id":             {deals, "id", map[string]any{}, true},
		"text for the list of contacts":    {links, "to", "none", true},
		"null for an associated contact":   {links, "to.0.toObjectId", nil, true},
		"more, of which nobody says where": {links, "paging.next.link", "?after=7", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			apply(t, s, triggertest.DealWon)
			contact := buyer(t, s, ann)
			odd, other := record(t, s, "deals", won(), contact), record(t, s, "deals", won(), contact)
			s.HubSpot.Inject(hubspottest.Fault{Route: tt.route, Contains: odd, Times: -1, Answer: fault.Answer{Alter: []fault.Edit{fault.Set("results.0."+tt.path, tt.value)}}})
			heard(t, s, bridge.ObjectDeal, odd, stageChanged())
			heard(t, s, bridge.ObjectDeal, other, stageChanged())

			items := s.Parked(t)
			if got := len(items) == 1 && items[0].Cause == bridge.CauseEventBlocked; got != tt.parked || len(items) > 1 {
				t.Fatalf("parked %+v, want it parked: %t", items, tt.parked)
			}
			want := map[bool]int{true: 1, false: 2}[tt.parked]
			if sent := s.Tenant.Conversions(); len(sent) != want {
				t.Errorf("%d conversions, want %d", len(sent), want)
			}
			if !tt.parked {
				return
			}
			s.HubSpot.ClearFaults()
			if _, err := s.Store.RetryTracked(t.Context(), s.Connection.ID, []int64{items[0].ID}); err != nil {
				t.Fatal(err)
			}
			relay(t, s)
			if sent := s.Tenant.Conversions(); len(sent) != 2 {
				t.Errorf("%d conversions once it is shown as it should be and retried", len(sent))
			}
		})
	}
}

// Names are brought as they are, whatever else they look like: they hold emails,
// quotes, formulas, templates, and letters of any script.
func TestReportSync_bringsOddNamesAsTheyAre(t *testing.T) {
	t.Parallel()
	names := []string{
		`Ann "the Boss" O'Neil`, "=1+1", "+1 555 010", "-Ann", "@ann", "Ann, Ben; Cy",
		"{{contact.email}}", "Ann\\Ben", "'; DROP TABLE contact; --", "\u674e\u660e", "\u05d0\u05e0\u05d4", "Zo\u0308e", "null", "0", "true", "%41nn", "&amp;",
	}
	s := wiringtest.New(t)
	for i, name := range names {
		s.Join(t, person(i), name, name)
	}
	if result := report(t, s); result.Counts.Created != int64(len(names)) || result.Counts.Parked != 0 {
		t.Fatalf("the report tells of %+v", result.Counts)
	}
	for i, name := range names {
		if _, got := s.ContactByEmail(t, person(i)); got["firstname"] != name || got["lastname"] != name {
			t.Errorf("%q came as %q and %q", name, got["firstname"], got["lastname"])
		}
	}
}
