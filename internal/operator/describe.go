package operator

import (
	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// The texts below are for people who run campaigns, not this program.

var stateDescriptions = map[bridge.State]string{
	bridge.StateNew:              "not looked at yet",
	bridge.StateMapped:           "in step with its participant in Advocate",
	bridge.StateAwaitingEmail:    "waits for an email: without one it cannot become a participant",
	bridge.StateNotShared:        "has no participant",
	bridge.StateParked:           "waits for a person",
	bridge.StateDoNotTrack:       "Advocate must not track this person: it refuses the email for good",
	bridge.StateErased:           "deleted for privacy: nothing creates a participant for this person again",
	bridge.StateMissing:          "HubSpot announced it, but does not show it yet",
	bridge.StateDeleted:          "deleted in HubSpot",
	bridge.StateMergedAway:       "merged into another contact, which is synced instead",
	bridge.StateAwaitingApproval: "deleted in HubSpot; its participant waits for a person's approval",
}

// reasonDescriptions complete "because".
var reasonDescriptions = map[bridge.Reason]string{
	"":                          "its participant came with a report from Advocate",
	bridge.ReasonErased:         "the person was deleted for privacy",
	bridge.ReasonErasurePending: "somebody with its email or participant may have been deleted for privacy; it waits until that is verified",
	bridge.ReasonDoNotTrack:     "Advocate refuses the person for good (do not track)",
	bridge.ReasonNotReadable:    "HubSpot never showed the contact",
	bridge.ReasonNoEmail:        "the contact has no email",
	bridge.ReasonContactCreated: "the contact was created",
	bridge.ReasonContactUpdated: "the contact was changed",
	bridge.ReasonRuleOff:        "a sharing rule is off (see \"starter rules get\")",
	bridge.ReasonInStep:         "there was nothing new to send",
	bridge.ReasonInputsChanged:  "there was something new to send",
	bridge.ReasonFieldsMissing:  "the contact had lost its Advocate ids",
	bridge.ReasonStale:          "the contact lacked its participant's code and links",
	bridge.ReasonIDsEdited:      "the Advocate ids on the contact were changed",
	bridge.ReasonIDsGiven:       "the contact names a participant by its Advocate ids",
	bridge.ReasonHalfPair:       "only one of the two Advocate ids on the contact is set or was changed",
	bridge.ReasonNothingHeard:   "no sharing rule applies to what happened to it",
	bridge.ReasonDeleted:        "the contact was deleted",
	bridge.ReasonShared:         "the contact was deleted, but another contact has its participant",
	bridge.ReasonMerged:         "the contact took part in a merge",
	bridge.ReasonPrivacy:        "the contact was deleted for privacy",
	bridge.ReasonResync:         "somebody asked to sync the contact again",
	bridge.ReasonUnknownPair:    "the Advocate ids on the contact name no participant",
	bridge.ReasonRemoved:        "the participant was deleted in Advocate",
	bridge.ReasonEmailShared:    "another contact has the participant's email",
	bridge.ReasonStillShown:     "a privacy deletion was heard, but HubSpot still shows the contact",
	bridge.ReasonRestored:       "the contact was restored",
	bridge.ReasonSuspended:      "the connection's work waits (see \"starter connection show\")",
	bridge.ReasonGuarded:        "many deletions are due within an hour, and a person has to approve them (see \"starter deletions show\")",
	bridge.ReasonRejected:       "a person rejected the deletion of the participant",
	bridge.ReasonErasureDenied:  "the contact is gone without a trace, and a person says that it was no privacy deletion",
	bridge.ReasonDisconnected:   "the connection is gone",

	bridge.Reason(bridge.CauseUnreachable): "a vendor kept failing, and the work was given up",
}

// StateWords returns the contact's state in words.
func (s ContactStatus) StateWords() string {
	if s.Ledger.State == bridge.StateParked && len(s.Parked) == 0 {
		return "was given up by an operator, until something changes"
	}
	return stateDescriptions[s.Ledger.State]
}

// ReasonWords returns the reason of the last decision, as a clause after "because".
// It is empty for a contact without a decision.
func (s ContactStatus) ReasonWords() string {
	if s.Ledger.DecidedAt.IsZero() {
		return ""
	}
	return reasonDescriptions[s.Ledger.Reason]
}

// DecisionWords returns a decision in words.
func DecisionWords(d store.Decision) string { return stateDescriptions[d.State] }

// DecisionReason returns a decision's reason, as a clause after "because".
func DecisionReason(d store.Decision) string { return reasonDescriptions[d.Reason] }

var kindDescriptions = map[store.EventKind]string{
	store.EventCreated:  "created",
	store.EventUpdated:  "changed",
	store.EventDeleted:  "deleted, or merged into another",
	store.EventErased:   "deleted for privacy",
	store.EventRestored: "restored",
	store.EventMerged:   "merged",
	store.EventResync:   "an operator or a report requested a resync",
}

// EventWords returns an event in words.
func EventWords(e store.HeardEvent) string {
	words := kindDescriptions[e.Kind]
	if e.Property != "" {
		words = e.Property + " " + words
	}
	switch {
	case e.Echo:
		words += " (our own write; nothing to do)"
	case e.RelayedAt.IsZero():
		words += " (waits for the starter to pass it on)"
	}
	return words
}
