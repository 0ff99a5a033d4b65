package workflows_test

import (
	"testing"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/wiring/wiringtest"
)

// spellings of one address that people and mail servers take for the same.
var spellings = map[string]struct{ theirs, ours string }{
	"letter case":                        {"Ren\u00c9@Shop.example", "ren\u00e9@shop.example"},
	"an accent apart in Advocate":        {"rene\u0301@shop.example", "ren\u00e9@shop.example"},
	"an accent apart in HubSpot":         {"ren\u00e9@shop.example", "rene\u0301@shop.example"},
	"a zero-width space in HubSpot":      {"ann@shop.example", "ann\u200b@shop.example"},
	"a soft hyphen in HubSpot":           {"ann@shop.example", "ann@sh\u00adop.example"},
	"a byte order mark before it":        {"ann@shop.example", "\ufeffann@shop.example"},
	"a capital sigma and a final one":    {"\u039d\u03af\u03ba\u03bf\u03c2@shop.example", "\u03bd\u03af\u03ba\u03bf\u03c2@shop.example"},
	"a right-to-left mark after it":      {"ann@shop.example", "ann@shop.example\u200f"},
	"both an accent apart and a capital": {"RENE\u0301@shop.example", "ren\u00e9@shop.example"},
}

func TestContactLifecycle_takesSpellingsOfAnEmailForOnePerson(t *testing.T) {
	t.Parallel()
	for name, tt := range spellings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.Portal.Tune(func(k *hubspottest.Knobs) { k.LaxEmails = true })
			member, err := s.Tenant.Put(advocatetest.User{ID: "member-7", AccountID: "member-7", Email: bridge.NormalEmail(tt.theirs)})
			if err != nil {
				t.Fatal(err)
			}
			id := s.CreateContact(t, map[string]string{"email": tt.ours})

			live(t, s, id, created())

			s.InStep(t, id, member.AccountID, member.ID)
			if got := s.Tenant.Count(); got != 1 {
				t.Errorf("%d participants, want the one that was there", got)
			}
		})
	}
}

func TestContactLifecycle_makesOneParticipantOfTwoSpellings(t *testing.T) {
	t.Parallel()
	for name, tt := range spellings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.Portal.Tune(func(k *hubspottest.Knobs) { k.LaxEmails = true })
			first := s.CreateContact(t, map[string]string{"email": tt.ours})
			live(t, s, first, created())

			user, ok := s.Tenant.User(bridge.NormalEmail(tt.theirs), bridge.NormalEmail(tt.theirs))
			if !ok || s.Tenant.Count() != 1 {
				t.Fatalf("%d participants, and none under the normal form of the email", s.Tenant.Count())
			}
			s.InStep(t, first, user.AccountID, user.ID)
		})
	}
}

func TestReportSync_takesSpellingsOfAnEmailForOnePerson(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"letter case", "an accent apart in Advocate", "an accent apart in HubSpot", "both an accent apart and a capital"} {
		tt := spellings[name]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.Portal.Tune(func(k *hubspottest.Knobs) { k.LaxEmails = true })
			id := s.CreateContact(t, map[string]string{"email": tt.ours})
			member, err := s.Tenant.Put(advocatetest.User{ID: "member-7", AccountID: "member-7", Email: tt.theirs})
			if err != nil {
				t.Fatal(err)
			}

			report(t, s)

			s.InStep(t, id, member.AccountID, member.ID)
			if got := s.Portal.Count("contacts"); got != 1 {
				t.Errorf("%d contacts, want the one that was there", got)
			}
		})
	}
}
