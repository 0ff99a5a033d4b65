package bridge_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
)

var (
	program = bridge.Program{ID: "47255", Tenant: "aboih12h16t", BaseURL: "https://advocate.example"}
	ada     = bridge.Participant{
		AccountID: "acc+1@example.com", UserID: "usr", Email: " Ada@Example.com ", FirstName: "Ada", LastName: "Byron",
		ReferralCode: "ADABYRON", ShareLink: "https://share.example/ada",
	}
	grace = bridge.Contact{ID: "101", Properties: bridge.Properties{
		bridge.PropEmail: " Grace@Example.com ", bridge.PropFirstName: "Grace", bridge.PropLastName: "Hopper",
		bridge.PropReferredByCode: " ADABYRON ", bridge.PropReferralCookie: "eyJhIjoxfQ",
	}}
)

// The eight media are the ones of the vendor's own HubSpot connector.
var messageLinks = []string{
	"advocate_message_link_email", "advocate_message_link_facebook", "advocate_message_link_line", "advocate_message_link_linkedin",
	"advocate_message_link_messenger", "advocate_message_link_pinterest", "advocate_message_link_twitter", "advocate_message_link_whatsapp",
}

// TestSharedFields holds the field maps against the guide's tables: which
// fields travel in which flow.
func TestSharedFields(t *testing.T) {
	t.Parallel()
	shared := append([]string{"advocate_referral_code", "advocate_share_link", "advocate_user_id", "advocate_account_id"}, messageLinks...)
	id := ada.Identity()

	tests := map[string]struct{ got, want []string }{
		"participant created, contact created": {
			slices.Collect(maps.Keys(bridge.NewContact(ada, program))),
			append([]string{"firstname", "lastname", "email"}, shared...),
		},
		"participant matched or updated: never name or email": {
			slices.Collect(maps.Keys(bridge.SharedProperties(ada, program))), shared,
		},
		"contact created, participant created": {
			sentFields(bridge.NewParticipant(grace)),
			[]string{"AccountID", "UserID", "Email", "FirstName", "LastName", "ReferredByCode", "Cookie", "HubSpotContactID"},
		},
		"contact matched or updated: name and email stay at home": {
			sentFields(bridge.ParticipantUpdate(grace, id, false)),
			[]string{"AccountID", "UserID", "ReferredByCode", "Cookie", "HubSpotContactID"},
		},
		"contact updated where personal data may travel": {
			sentFields(bridge.ParticipantUpdate(grace, id, true)),
			[]string{"AccountID", "UserID", "Email", "FirstName", "LastName", "ReferredByCode", "Cookie", "HubSpotContactID"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slices.Sort(tt.got)
			slices.Sort(tt.want)
			if diff := cmp.Diff(tt.want, tt.got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func sentFields(c bridge.ParticipantChange) []string {
	var names []string
	for name, value := range map[string]string{
		"AccountID": c.AccountID, "UserID": c.UserID, "Email": c.Email, "FirstName": c.FirstName, "LastName": c.LastName,
		"ReferredByCode": c.ReferredByCode, "Cookie": c.Cookie, "HubSpotContactID": c.HubSpotContactID,
	} {
		if value != "" {
			names = append(names, name)
		}
	}
	return names
}

func TestNewParticipant_takesItsIDsFromTheNormalisedEmail(t *testing.T) {
	t.Parallel()
	want := bridge.ParticipantChange{
		AccountID: "grace@example.com", UserID: "grace@example.com", Email: "grace@example.com",
		FirstName: "Grace", LastName: "Hopper", ReferredByCode: "ADABYRON", Cookie: "eyJhIjoxfQ", HubSpotContactID: "101",
	}
	if diff := cmp.Diff(want, bridge.NewParticipant(grace)); diff != "" {
		t.Errorf("NewParticipant (-want +got):\n%s", diff)
	}
}

func TestParticipantUpdate_keepsTheStoredIDsWhenTheEmailChanged(t *testing.T) {
	t.Parallel()
	got := bridge.ParticipantUpdate(grace, ada.Identity(), true)
	if got.AccountID != ada.AccountID || got.UserID != ada.UserID {
		t.Errorf("ids = %s, %s; want the stored ones", got.AccountID, got.UserID)
	}
}

func TestMessageLinks_carryTheReturnedIDsEscaped(t *testing.T) {
	t.Parallel()
	want := "https://advocate.example/a/aboih12h16t/message/redirect/FBMESSENGER" +
		"?accountId=acc%2B1%40example.com&engagementMedium=EMAIL&programId=47255&userId=usr"
	if got := program.MessageLinks(ada.Identity())["advocate_message_link_messenger"]; got != want {
		t.Errorf("messenger link =\n%s, want\n%s", got, want)
	}
}

func TestSharedProperties_clearWhatTheParticipantDoesNotHave(t *testing.T) {
	t.Parallel()
	before := bridge.SharedProperties(ada, program)
	without := ada
	without.ReferralCode = ""
	want := bridge.Properties{bridge.PropReferralCode: ""}
	if diff := cmp.Diff(want, before.Changes(bridge.SharedProperties(without, program))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestSharedProperties_carryNothingOfAProgramThatTheParticipantIsNotIn(t *testing.T) {
	t.Parallel()
	outside := ada
	outside.ReferralCode, outside.ShareLink = "", ""
	carried := bridge.Contact{Properties: bridge.SharedProperties(outside, program)}.Shared()
	maps.DeleteFunc(carried, func(_, value string) bool { return value == "" })
	want := bridge.Properties{bridge.PropUserID: ada.UserID, bridge.PropAccountID: ada.AccountID}
	if diff := cmp.Diff(want, carried); diff != "" {
		t.Errorf("carried (-want +got):\n%s", diff)
	}
}

func TestChanges_countAnAbsentPropertyAsEmpty(t *testing.T) {
	t.Parallel()
	if got := (bridge.Properties{}).Changes(bridge.Properties{"a": ""}); len(got) != 0 {
		t.Errorf("changes = %v, want none", got)
	}
}

func TestOwnedProperties_nameExactlyWhatIsReadAndWritten(t *testing.T) {
	t.Parallel()
	var owned, programSourced []string
	for _, def := range bridge.OwnedProperties() {
		owned = append(owned, def.Name)
		if def.ProgramSourced {
			programSourced = append(programSourced, def.Name)
		}
	}
	for _, name := range slices.Collect(maps.Keys(bridge.SharedProperties(ada, program))) {
		if !slices.Contains(owned, name) {
			t.Errorf("%s is written but not owned", name)
		}
	}
	want := append([]string{"advocate_referral_code", "advocate_share_link"}, messageLinks...)
	slices.Sort(want)
	slices.Sort(programSourced)
	if diff := cmp.Diff(want, programSourced); diff != "" {
		t.Errorf("program-sourced (-want +got):\n%s", diff)
	}
}
