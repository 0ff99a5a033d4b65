package bridge_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

var (
	ann    = contactWith(bridge.Properties{bridge.PropEmail: "ann@example.com"})
	nobody = contactWith(bridge.Properties{bridge.PropFirstName: "Ann"})

	heardDeletion = bridge.Hints{DeletedAt: later}
	heardErasure  = bridge.Hints{ErasedAt: later}
	heardMerge    = bridge.Hints{MergedAt: later}
	heardRestore  = bridge.Hints{RestoredAt: later}
)

// contactCases reads like the guide's table of sharing rules, HubSpot to
// impact.com, followed by what it says about mappings and about the end of a
// contact's life. docs/contact-lifecycle.md is made from it.
var contactCases = []struct {
	name string
	snap bridge.ContactSnapshot
	want bridge.ContactDecision
}{
	{"a new contact becomes a participant",
		bridge.ContactSnapshot{Contact: ann, Hints: heardCreation, Rules: allOn},
		bridge.ContactDecision{Action: bridge.CreateParticipant, Reason: bridge.ReasonContactCreated},
	},
	{"a new contact is left alone where the rule for new contacts is off",
		bridge.ContactSnapshot{Contact: ann, Hints: heardCreation, Rules: bridge.Rules{ContactUpdated: true}},
		bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonRuleOff},
	},
	{"an updated, unmapped contact becomes a participant",
		bridge.ContactSnapshot{Contact: ann, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.CreateParticipant, Reason: bridge.ReasonContactUpdated},
	},
	{"an updated, unmapped contact is left alone where the rule for updates is off",
		bridge.ContactSnapshot{Contact: ann, Hints: heardUpdate, Rules: bridge.Rules{ContactCreated: true}},
		bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonRuleOff},
	},
	{"initial values are part of the creation, not an update",
		bridge.ContactSnapshot{Contact: ann, Hints: bridge.Hints{CreatedAt: born, UpdatedAt: born}, Rules: bridge.Rules{ContactUpdated: true}},
		bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonRuleOff},
	},
	{"initial values that arrive before the creation announce it",
		bridge.ContactSnapshot{Contact: ann, Hints: bridge.Hints{UpdatedAt: born}, Rules: bridge.Rules{ContactCreated: true}},
		bridge.ContactDecision{Action: bridge.CreateParticipant, Reason: bridge.ReasonContactCreated},
	},
	{"an operator's resync counts as an update",
		bridge.ContactSnapshot{Contact: ann, Hints: bridge.Hints{ResyncAt: later}, Rules: allOn},
		bridge.ContactDecision{Action: bridge.CreateParticipant, Reason: bridge.ReasonContactUpdated},
	},
	{"a contact without an email waits for one",
		bridge.ContactSnapshot{Contact: nobody, Hints: heardCreation, Rules: allOn},
		bridge.ContactDecision{Action: bridge.AwaitEmail, Reason: bridge.ReasonNoEmail},
	},
	{"an email that arrives later completes the creation that waited for it",
		bridge.ContactSnapshot{Contact: ann, Hints: heardUpdate, AwaitedAsNew: true, Rules: bridge.Rules{ContactCreated: true}},
		bridge.ContactDecision{Action: bridge.CreateParticipant, Reason: bridge.ReasonContactCreated},
	},
	{"a contact that HubSpot does not show yet is looked at again",
		bridge.ContactSnapshot{Hints: heardCreation, Rules: allOn},
		bridge.ContactDecision{Action: bridge.AwaitContact, Reason: bridge.ReasonNotReadable},
	},
	{"a mapped contact with changed inputs updates its participant, whatever the rules",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), Mapping: mapped, Hints: heardUpdate, Rules: allOff},
		bridge.ContactDecision{Action: bridge.UpdateParticipant, Reason: bridge.ReasonInputsChanged},
	},
	{"a mapped contact with nothing new asks for nothing",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), Mapping: mapped, Sent: true, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonInStep},
	},
	{"a mapped contact that does not carry its participant's values is given them",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), Mapping: mapped, Sent: true, Stale: true, Hints: heardUpdate},
		bridge.ContactDecision{Action: bridge.WriteBack, Reason: bridge.ReasonStale},
	},
	{"a mapped contact that lost its ids gets them back",
		bridge.ContactSnapshot{Contact: ann, Mapping: mapped, Sent: true, Hints: heardUpdate, Rules: allOff},
		bridge.ContactDecision{Action: bridge.UpdateParticipant, Reason: bridge.ReasonFieldsMissing},
	},
	{"both ids edited: the contact is re-mapped",
		bridge.ContactSnapshot{Contact: named("acc2", "usr2"), Mapping: mapped, Sent: true, Hints: heardUpdate, Rules: allOff},
		bridge.ContactDecision{Action: bridge.MapByIDs, Reason: bridge.ReasonIDsEdited},
	},
	{"one id edited: the old mapping holds and a person is told",
		bridge.ContactSnapshot{Contact: named("acc2", "usr"), Mapping: mapped, Sent: true, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.ParkHalfPair, Reason: bridge.ReasonHalfPair, Park: bridge.CauseHalfPair},
	},
	{"one id cleared: the old mapping holds and a person is told",
		bridge.ContactSnapshot{Contact: named("acc", ""), Mapping: mapped, Sent: true, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.ParkHalfPair, Reason: bridge.ReasonHalfPair, Park: bridge.CauseHalfPair},
	},
	{"one id edited, and something else: that flows under the old mapping, and a person is told",
		bridge.ContactSnapshot{Contact: named("acc2", "usr"), Mapping: mapped, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.UpdateParticipant, Reason: bridge.ReasonInputsChanged, Park: bridge.CauseHalfPair},
	},
	{"one id edited, and the participant's values are stale: they are written, and a person is told",
		bridge.ContactSnapshot{Contact: named("acc2", "usr"), Mapping: mapped, Sent: true, Stale: true, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.WriteBack, Reason: bridge.ReasonStale, Park: bridge.CauseHalfPair},
	},
	{"both ids name nobody: the old mapping holds and a person is told",
		bridge.ContactSnapshot{Contact: named("acc2", "usr2"), Mapping: mapped, NamedUnknown: true, Sent: true, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.ParkUnknownPair, Reason: bridge.ReasonUnknownPair, Park: bridge.CauseUnknownPair},
	},
	{"both ids name nobody, and something else changed: that flows under the old mapping",
		bridge.ContactSnapshot{Contact: named("acc2", "usr2"), Mapping: mapped, NamedUnknown: true, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.UpdateParticipant, Reason: bridge.ReasonInputsChanged, Park: bridge.CauseUnknownPair},
	},
	{"an operator's resync of a mapped contact compares it with its participant",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), Mapping: mapped, Sent: true, Hints: bridge.Hints{ResyncAt: later}, Rules: allOff},
		bridge.ContactDecision{Action: bridge.WriteBack, Reason: bridge.ReasonResync},
	},
	{"a mapped contact whose participant Advocate's staff deleted is cleared and unmapped, and a person is told",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), Mapping: mapped, ParticipantGone: true, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.UnmapRemoved, Reason: bridge.ReasonRemoved},
	},
	{"a contact whose participant Advocate's staff deleted may be mapped to another one by hand",
		bridge.ContactSnapshot{Contact: named("acc2", "usr2"), Mapping: mapped, ParticipantGone: true, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.MapByIDs, Reason: bridge.ReasonIDsEdited},
	},
	{"what was heard before we learned of the staff's deletion makes no new participant",
		bridge.ContactSnapshot{Contact: ann, RemovedAt: later, Hints: heardUpdate.Merge(heardCreation).Merge(heardMerge).Merge(heardRestore), Rules: allOn},
		bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonNothingHeard},
	},
	{"a later edit of such a contact is an update of an unmapped contact",
		bridge.ContactSnapshot{Contact: ann, RemovedAt: born, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.CreateParticipant, Reason: bridge.ReasonContactUpdated},
	},
	{"an unmapped contact that names a participant is mapped by its ids, whatever the rules",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), Hints: heardUpdate, Rules: allOff},
		bridge.ContactDecision{Action: bridge.MapByIDs, Reason: bridge.ReasonIDsGiven},
	},
	{"an unmapped contact that names half a participant is not guessed at",
		bridge.ContactSnapshot{Contact: named("", "usr"), Hints: heardCreation, Rules: allOn},
		bridge.ContactDecision{Action: bridge.ParkHalfPair, Reason: bridge.ReasonHalfPair, Park: bridge.CauseHalfPair},
	},
	{"an erased person is never remade",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), Mapping: mapped, Tombstone: true, Hints: heardCreation, Rules: allOn},
		bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonErased},
	},
	{"a contact that shared an erased participant is told about, until somebody clears its ids",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), ErasedIDs: true, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.ParkErasedIDs, Reason: bridge.ReasonErased, Park: bridge.CauseParticipantErased},
	},
	{"a contact with the email of somebody who is to be erased waits until that is verified",
		bridge.ContactSnapshot{Contact: ann, Blocked: true, Hints: heardCreation, Rules: allOn},
		bridge.ContactDecision{Action: bridge.ParkPending, Reason: bridge.ReasonErasurePending, Park: bridge.CauseErasurePending},
	},
	{"a person whom Advocate must not track is not asked for again",
		bridge.ContactSnapshot{Contact: ann, DoNotTrack: true, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonDoNotTrack},
	},
	{"nor is one whose contact comes back with the ids that Advocate must not track",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), Former: mapped, DoNotTrack: true, Hints: heardRestore, Rules: allOn},
		bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonDoNotTrack},
	},
	{"a person whom Advocate must not track is asked for again where an operator asks",
		bridge.ContactSnapshot{Contact: ann, DoNotTrack: true, Hints: bridge.Hints{ResyncAt: later}, Rules: allOn},
		bridge.ContactDecision{Action: bridge.CreateParticipant, Reason: bridge.ReasonContactUpdated},
	},
	{"an unmapped contact that names nobody is told about",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), NamedUnknown: true, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.ParkUnknownPair, Reason: bridge.ReasonUnknownPair, Park: bridge.CauseUnknownPair},
	},
	{"a person whom Advocate must not track may be mapped to another participant by hand",
		bridge.ContactSnapshot{Contact: named("acc2", "usr2"), Mapping: mapped, DoNotTrack: true, Sent: true, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.MapByIDs, Reason: bridge.ReasonIDsEdited},
	},
	{"a contact found in the recycle bin is deleted, whether or not the deletion was heard of",
		bridge.ContactSnapshot{Contact: &bridge.Contact{ID: "101", Archived: true}, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.HoldDeletion, Reason: bridge.ReasonDeleted},
	},
	{"nothing heard of an unmapped contact asks for nothing",
		bridge.ContactSnapshot{Contact: ann, Rules: allOn},
		bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonNothingHeard},
	},
	{"a deleted contact is held first: a privacy deletion, a merge or a restore may belong to it",
		bridge.ContactSnapshot{Mapping: mapped, Hints: heardDeletion, Rules: allOff},
		bridge.ContactDecision{Action: bridge.HoldDeletion, Reason: bridge.ReasonDeleted},
	},
	{"a deleted contact, held, deletes its participant, whatever the rules",
		bridge.ContactSnapshot{Mapping: mapped, Hints: heardDeletion, GraceElapsed: true, Rules: allOff},
		bridge.ContactDecision{Action: bridge.DeleteParticipant, Reason: bridge.ReasonDeleted},
	},
	{"a contact that was found in the recycle bin, held, deletes its participant",
		bridge.ContactSnapshot{Contact: &bridge.Contact{ID: "101", Archived: true}, Mapping: mapped, Hints: heardUpdate, GraceElapsed: true, Rules: allOff},
		bridge.ContactDecision{Action: bridge.DeleteParticipant, Reason: bridge.ReasonDeleted},
	},
	{"a deleted contact whose participant another live contact has is only unmapped",
		bridge.ContactSnapshot{Mapping: mapped, Shared: true, Hints: heardDeletion, GraceElapsed: true, Rules: allOff},
		bridge.ContactDecision{Action: bridge.Unmap, Reason: bridge.ReasonShared},
	},
	{"a deleted contact whose participant's email another live contact has is only unmapped",
		bridge.ContactSnapshot{Mapping: mapped, EmailShared: true, Hints: heardDeletion, GraceElapsed: true, Rules: allOff},
		bridge.ContactDecision{Action: bridge.Unmap, Reason: bridge.ReasonEmailShared},
	},
	{"a deleted, unmapped contact asks for nothing",
		bridge.ContactSnapshot{Hints: heardDeletion, GraceElapsed: true, Rules: allOn},
		bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonDeleted},
	},
	{"a deleted contact deletes its participant also where it had taken an erased person's email",
		bridge.ContactSnapshot{Contact: &bridge.Contact{ID: "101", Archived: true}, Mapping: mapped, Tombstone: true,
			Hints: heardDeletion, GraceElapsed: true, Rules: allOff},
		bridge.ContactDecision{Action: bridge.DeleteParticipant, Reason: bridge.ReasonDeleted},
	},
	{"a deleted contact whose deletion waits for a person goes on waiting, whatever else is heard of it",
		bridge.ContactSnapshot{Mapping: mapped, Seen: true, Guarded: true, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.AwaitApproval, Reason: bridge.ReasonGuarded},
	},
	{"a contact in the recycle bin whose deletion waits goes on waiting as well",
		bridge.ContactSnapshot{Contact: &bridge.Contact{ID: "101", Archived: true}, Mapping: mapped, Seen: true, Guarded: true, Hints: heardUpdate, GraceElapsed: true, Rules: allOn},
		bridge.ContactDecision{Action: bridge.AwaitApproval, Reason: bridge.ReasonGuarded},
	},
	{"a contact that is back is synced, although its deletion waited",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), Mapping: mapped, Sent: true, Seen: true, Guarded: true, Hints: heardUpdate, Rules: allOn},
		bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonInStep},
	},
	{"a deletion of a contact that HubSpot shows is not believed",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), Mapping: mapped, Sent: true, Hints: heardDeletion, GraceElapsed: true, Rules: allOn},
		bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonInStep},
	},
	{"a contact that was merged into another hands over its participant",
		bridge.ContactSnapshot{MergedInto: "102", Mapping: mapped, Hints: heardMerge, Rules: allOff},
		bridge.ContactDecision{Action: bridge.FollowMerge, Reason: bridge.ReasonMerged},
	},
	{"a merge is never taken for a deletion",
		bridge.ContactSnapshot{MergedInto: "102", Mapping: mapped, Hints: heardDeletion, GraceElapsed: true, Rules: allOff},
		bridge.ContactDecision{Action: bridge.FollowMerge, Reason: bridge.ReasonMerged},
	},
	{"the survivor of a merge is mapped by the ids it carries",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), Hints: heardMerge, Rules: allOff},
		bridge.ContactDecision{Action: bridge.MapByIDs, Reason: bridge.ReasonIDsGiven},
	},
	{"the survivor of a merge that has no participant counts as updated",
		bridge.ContactSnapshot{Contact: ann, Hints: heardMerge, Rules: bridge.Rules{ContactUpdated: true}},
		bridge.ContactDecision{Action: bridge.CreateParticipant, Reason: bridge.ReasonContactUpdated},
	},
	{"a restored contact gets its participant made anew, whatever the rules",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), Former: mapped, Hints: heardRestore, Rules: allOff},
		bridge.ContactDecision{Action: bridge.CreateParticipant, Reason: bridge.ReasonRestored},
	},
	{"a restored contact that names another participant is mapped to that one",
		bridge.ContactSnapshot{Contact: named("acc2", "usr2"), Former: mapped, Hints: heardRestore, Rules: allOff},
		bridge.ContactDecision{Action: bridge.MapByIDs, Reason: bridge.ReasonIDsGiven},
	},
	{"a restored contact without an email waits for one",
		bridge.ContactSnapshot{Contact: nobody, Former: mapped, Hints: heardRestore, Rules: allOff},
		bridge.ContactDecision{Action: bridge.AwaitEmail, Reason: bridge.ReasonNoEmail},
	},
	{"a restored contact that never had a participant counts as updated",
		bridge.ContactSnapshot{Contact: ann, Hints: heardRestore, Rules: bridge.Rules{ContactUpdated: true}},
		bridge.ContactDecision{Action: bridge.CreateParticipant, Reason: bridge.ReasonContactUpdated},
	},
	{"a restore is refused for an erased person",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), Former: mapped, Tombstone: true, Hints: heardRestore, Rules: allOn},
		bridge.ContactDecision{Action: bridge.Nothing, Reason: bridge.ReasonErased},
	},
	{"a privacy deletion of a contact that is gone erases at once, without a hold",
		bridge.ContactSnapshot{Mapping: mapped, Seen: true, Hints: heardErasure, Rules: allOff},
		bridge.ContactDecision{Action: bridge.EraseParticipant, Reason: bridge.ReasonPrivacy},
	},
	{"a privacy deletion of a contact in the recycle bin erases at once, too",
		bridge.ContactSnapshot{Contact: &bridge.Contact{ID: "101", Archived: true}, Mapping: mapped, Seen: true, Hints: heardErasure, Rules: allOff},
		bridge.ContactDecision{Action: bridge.EraseParticipant, Reason: bridge.ReasonPrivacy},
	},
	{"a privacy deletion of a contact that HubSpot shows is not believed: it is held",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), Mapping: mapped, Seen: true, Hints: heardErasure, ErasureHeld: 59 * time.Minute, Rules: allOn},
		bridge.ContactDecision{Action: bridge.HoldErasure, Reason: bridge.ReasonStillShown},
	},
	{"a privacy deletion of a contact that lives on under another id is not believed either",
		bridge.ContactSnapshot{MergedInto: "102", Mapping: mapped, Seen: true, Hints: heardErasure.Merge(heardMerge), Rules: allOn},
		bridge.ContactDecision{Action: bridge.HoldErasure, Reason: bridge.ReasonStillShown},
	},
	{"a privacy deletion of a contact that HubSpot has gone on showing for an hour is put before a person",
		bridge.ContactSnapshot{Contact: named("acc", "usr"), Mapping: mapped, Seen: true, Hints: heardErasure, ErasureHeld: time.Hour, Rules: allOn},
		bridge.ContactDecision{Action: bridge.DoubtErasure, Reason: bridge.ReasonStillShown},
	},
	{"a privacy deletion of a contact that we never saw is held as a deletion is: it may be too new to show",
		bridge.ContactSnapshot{Hints: heardErasure, Grace: time.Minute, Rules: allOn},
		bridge.ContactDecision{Action: bridge.HoldErasure, Reason: bridge.ReasonNotReadable},
	},
	{"a privacy deletion of a contact that we never saw, held, erases",
		bridge.ContactSnapshot{Hints: heardErasure, Grace: time.Minute, ErasureHeld: time.Minute, Rules: allOn},
		bridge.ContactDecision{Action: bridge.EraseParticipant, Reason: bridge.ReasonPrivacy},
	},
	{"a privacy deletion beats a deletion heard with it",
		bridge.ContactSnapshot{Mapping: mapped, Seen: true, Hints: heardDeletion.Merge(heardErasure), GraceElapsed: true, Shared: true, Rules: allOff},
		bridge.ContactDecision{Action: bridge.EraseParticipant, Reason: bridge.ReasonPrivacy},
	},
	{"a privacy deletion long after the deletion still erases",
		bridge.ContactSnapshot{Former: mapped, Seen: true, Hints: heardErasure, Rules: allOff},
		bridge.ContactDecision{Action: bridge.EraseParticipant, Reason: bridge.ReasonPrivacy},
	},
	{"a privacy deletion that broke off half way is completed by whatever is heard next",
		bridge.ContactSnapshot{Tombstone: true, HalfErased: true, Hints: bridge.Hints{ResyncAt: later}, Rules: allOff},
		bridge.ContactDecision{Action: bridge.EraseParticipant, Reason: bridge.ReasonPrivacy},
	},
	{"a privacy deletion heard again is carried out again, in case the first broke off",
		bridge.ContactSnapshot{Tombstone: true, Seen: true, Hints: heardErasure, Rules: allOff},
		bridge.ContactDecision{Action: bridge.EraseParticipant, Reason: bridge.ReasonPrivacy},
	},
	{"a contact that was merged into an erased one is erased with it",
		bridge.ContactSnapshot{Hints: heardDeletion, HalfErased: true, Mapping: mapped, Rules: allOff},
		bridge.ContactDecision{Action: bridge.EraseParticipant, Reason: bridge.ReasonPrivacy},
	},
}

func TestDecideContact(t *testing.T) {
	t.Parallel()
	for _, tt := range contactCases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := bridge.DecideContact(tt.snap); got != tt.want {
				t.Errorf("DecideContact() = %v, want %v", got, tt.want)
			}
		})
	}
}

// The last pause ends with the hour, and the first syncs follow each other closely.
func TestContactSnapshot_holdsAPrivacyDeletionWithGrowingPauses(t *testing.T) {
	t.Parallel()
	d := bridge.ContactDecision{Action: bridge.HoldErasure, Reason: bridge.ReasonStillShown}
	var held time.Duration
	pauses := 0
	for ; held < time.Hour; pauses++ {
		held += bridge.ContactSnapshot{ErasureHeld: held}.Hold(d)
	}
	if held != time.Hour || pauses != 11 {
		t.Errorf("held for %s in %d pauses, want an hour in 11", held, pauses)
	}
}

var update = flag.Bool("update", false, "write docs/contact-lifecycle.md anew")

// The document says what the code does, case by case.
func TestContactLifecycleDocument(t *testing.T) {
	t.Parallel()
	const path = "../../docs/contact-lifecycle.md"
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "<!-- made from the cases in internal/bridge: go test ./internal/bridge -run Document -update -->\n"
	head, have, found := strings.Cut(string(document), mark)
	if !found {
		t.Fatalf("%s lacks its mark", path)
	}
	var table strings.Builder
	table.WriteString("\n| Situation | Action | Reason |\n|---|---|---|\n")
	for _, tt := range contactCases {
		fmt.Fprintf(&table, "| %s | `%s` | `%s` |\n", tt.name, bridge.DecideContact(tt.snap).Action, bridge.DecideContact(tt.snap).Reason)
	}
	if *update {
		if err := os.WriteFile(path, []byte(head+mark+table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(table.String(), have); diff != "" {
		t.Errorf("%s is not what the code does (-code +document):\n%s", path, diff)
	}
}
