package bridge_test

import (
	"testing"
	"time"

	"advocatesync/internal/bridge"
)

var (
	born   = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	later  = born.Add(time.Hour)
	allOn  = bridge.DefaultRules
	allOff = bridge.Rules{}

	heardCreation = bridge.Hints{CreatedAt: born}
	heardUpdate   = bridge.Hints{UpdatedAt: later}
	mapped        = &bridge.Mapping{ConnectionID: "c1", ContactID: "101", AccountID: "acc", UserID: "usr"}
)

func contactWith(props bridge.Properties) *bridge.Contact {
	return &bridge.Contact{ID: "101", CreatedAt: born, Properties: props}
}

func named(account, user string) *bridge.Contact {
	return contactWith(bridge.Properties{bridge.PropEmail: "ann@example.com", bridge.PropAccountID: account, bridge.PropUserID: user})
}

// TestDecideContact reads like the guide's table of sharing rules, HubSpot to
// impact.com, followed by what it says about mappings.
func TestDecideContact(t *testing.T) {
	t.Parallel()
	ann := contactWith(bridge.Properties{bridge.PropEmail: "ann@example.com"})
	nobody := contactWith(bridge.Properties{bridge.PropFirstName: "Ann"})

	tests := map[string]struct {
		snap bridge.ContactSnapshot
		want bridge.ContactDecision
	}{
		"a new contact becomes a participant": {
			bridge.ContactSnapshot{Contact: ann, Hints: heardCreation, Rules: allOn},
			bridge.ContactDecision{Action: bridge.CreateParticipant, Reason: bridge.ReasonContactCreated},
		},
		"a new contact is left alone where the rule for new contacts is off": {
			bridge.ContactSnapshot{Contact: ann, Hints: heardCreation, Rules: bridge.Rules{ContactUpdated: true}},
			bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonRuleOff},
		},
		"an updated, unmapped contact becomes a participant": {
			bridge.ContactSnapshot{Contact: ann, Hints: heardUpdate, Rules: allOn},
			bridge.ContactDecision{Action: bridge.CreateParticipant, Reason: bridge.ReasonContactUpdated},
		},
		"an updated, unmapped contact is left alone where the rule for updates is off": {
			bridge.ContactSnapshot{Contact: ann, Hints: heardUpdate, Rules: bridge.Rules{ContactCreated: true}},
			bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonRuleOff},
		},
		"initial values are part of the creation, not an update": {
			bridge.ContactSnapshot{Contact: ann, Hints: bridge.Hints{CreatedAt: born, UpdatedAt: born}, Rules: bridge.Rules{ContactUpdated: true}},
			bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonRuleOff},
		},
		"initial values that arrive before the creation announce it": {
			bridge.ContactSnapshot{Contact: ann, Hints: bridge.Hints{UpdatedAt: born}, Rules: bridge.Rules{ContactCreated: true}},
			bridge.ContactDecision{Action: bridge.CreateParticipant, Reason: bridge.ReasonContactCreated},
		},
		"an operator's resync counts as an update": {
			bridge.ContactSnapshot{Contact: ann, Hints: bridge.Hints{ResyncAt: later}, Rules: allOn},
			bridge.ContactDecision{Action: bridge.CreateParticipant, Reason: bridge.ReasonContactUpdated},
		},
		"a contact without an email waits for one": {
			bridge.ContactSnapshot{Contact: nobody, Hints: heardCreation, Rules: allOn},
			bridge.ContactDecision{Action: bridge.AwaitEmail, Reason: bridge.ReasonNoEmail},
		},
		"an email that arrives later completes the creation that waited for it": {
			bridge.ContactSnapshot{Contact: ann, Hints: heardUpdate, AwaitedAsNew: true, Rules: bridge.Rules{ContactCreated: true}},
			bridge.ContactDecision{Action: bridge.CreateParticipant, Reason: bridge.ReasonContactCreated},
		},
		"a contact that HubSpot does not show yet is looked at again": {
			bridge.ContactSnapshot{Hints: heardCreation, Rules: allOn},
			bridge.ContactDecision{Action: bridge.AwaitContact, Reason: bridge.ReasonNotReadable},
		},
		"a mapped contact with changed inputs updates its participant, whatever the rules": {
			bridge.ContactSnapshot{Contact: named("acc", "usr"), Mapping: mapped, Hints: heardUpdate, Rules: allOff},
			bridge.ContactDecision{Action: bridge.UpdateParticipant, Reason: bridge.ReasonInputsChanged},
		},
		"a mapped contact with nothing new asks for nothing": {
			bridge.ContactSnapshot{Contact: named("acc", "usr"), Mapping: mapped, Sent: true, Hints: heardUpdate, Rules: allOn},
			bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonInStep},
		},
		"a mapped contact that lost its ids gets them back": {
			bridge.ContactSnapshot{Contact: ann, Mapping: mapped, Sent: true, Hints: heardUpdate, Rules: allOff},
			bridge.ContactDecision{Action: bridge.UpdateParticipant, Reason: bridge.ReasonFieldsMissing},
		},
		"both ids edited: the contact is re-mapped": {
			bridge.ContactSnapshot{Contact: named("acc2", "usr2"), Mapping: mapped, Sent: true, Hints: heardUpdate, Rules: allOff},
			bridge.ContactDecision{Action: bridge.MapByIDs, Reason: bridge.ReasonIDsEdited},
		},
		"one id edited: the old mapping holds and a person is told": {
			bridge.ContactSnapshot{Contact: named("acc2", "usr"), Mapping: mapped, Hints: heardUpdate, Rules: allOn},
			bridge.ContactDecision{Action: bridge.ParkHalfPair, Reason: bridge.ReasonHalfPair},
		},
		"one id cleared: the old mapping holds and a person is told": {
			bridge.ContactSnapshot{Contact: named("acc", ""), Mapping: mapped, Hints: heardUpdate, Rules: allOn},
			bridge.ContactDecision{Action: bridge.ParkHalfPair, Reason: bridge.ReasonHalfPair},
		},
		"an unmapped contact that names a participant is mapped by its ids, whatever the rules": {
			bridge.ContactSnapshot{Contact: named("acc", "usr"), Hints: heardUpdate, Rules: allOff},
			bridge.ContactDecision{Action: bridge.MapByIDs, Reason: bridge.ReasonIDsGiven},
		},
		"an unmapped contact that names half a participant is not guessed at": {
			bridge.ContactSnapshot{Contact: named("", "usr"), Hints: heardCreation, Rules: allOn},
			bridge.ContactDecision{Action: bridge.ParkHalfPair, Reason: bridge.ReasonHalfPair},
		},
		"an erased person is never remade": {
			bridge.ContactSnapshot{Contact: named("acc", "usr"), Mapping: mapped, Tombstone: true, Hints: heardCreation, Rules: allOn},
			bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonErased},
		},
		"a person whom Advocate must not track is not asked for again": {
			bridge.ContactSnapshot{Contact: ann, DoNotTrack: true, Hints: heardUpdate, Rules: allOn},
			bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonDoNotTrack},
		},
		"an archived contact is looked at again, not synced": {
			bridge.ContactSnapshot{Contact: &bridge.Contact{ID: "101", Archived: true}, Hints: heardUpdate, Rules: allOn},
			bridge.ContactDecision{Action: bridge.AwaitContact, Reason: bridge.ReasonNotReadable},
		},
		"nothing heard of an unmapped contact asks for nothing": {
			bridge.ContactSnapshot{Contact: ann, Rules: allOn},
			bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonNothingHeard},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := bridge.DecideContact(tt.snap); got != tt.want {
				t.Errorf("DecideContact() = %v, want %v", got, tt.want)
			}
		})
	}
}
