package activities

import (
	"errors"
	"strings"

	"advocatesync/internal/bridge"
)

// advice tells the operator what can be done about each cause.
var advice = map[bridge.Cause]string{
	bridge.CauseRefusedByAdvocate: "Advocate rejects a value of this contact. Correct it in HubSpot, or retry once Advocate accepts it.",
	bridge.CauseRefusedByHubSpot:  "HubSpot rejects this write. Correct what its message names, then retry.",
	bridge.CauseHalfPair:          "Only one of Advocate user ID and account ID was changed. Set both to map the contact to another participant, or restore the old value. The earlier mapping still holds.",
	bridge.CauseUnknownPair:       "The Advocate user ID and account ID on this contact name no participant. Correct or clear both. An earlier mapping still holds.",
	bridge.CauseAmbiguousEmail:    "Several participants have this email. Set Advocate user ID and account ID on the contact to the one that is meant.",
	bridge.CauseTakenParticipant:  "The participant with this email already belongs to another contact. To let both share it, set Advocate user ID and account ID on this contact.",
	bridge.CauseTakenContact:      "The contact with this email already belongs to another participant. To re-map it, set Advocate user ID and account ID on the contact.",
	bridge.CauseCodeDropped:       "Advocate does not know the referred-by code, so the contact was synced without it. Correct the code in HubSpot if the referral should count.",
	bridge.CauseCookieDropped:     "Advocate rejects the referral cookie, so the contact was synced without it.",
	bridge.CauseUnreachable:       "The work kept failing and was given up. Check the connection and the worker's log, then retry.",
	bridge.CauseParticipantErased: "The participant it shared was deleted for privacy together with another contact. It is unmapped now; to make a participant of its own, clear Advocate user ID and account ID on the contact.",
	bridge.CauseParticipantGone:   "The participant of this contact is not in Advocate any more, so the contact was cleared of its code and links. Retry to make a new one; a later edit of the contact does the same, where the sharing rule for updated contacts is on. Otherwise discard.",
	bridge.CauseParticipantLeft:   "The contact was merged or deleted, and the contact that lives on has a participant of its own. This one's participant is still in Advocate, without a contact; \"contact show --reveal\" shows it. Delete it there, or set its ids on the contact that should have it, then retry.",
	bridge.CauseVanishedContact:   "HubSpot shows this contact nowhere, not in the recycle bin either: it was likely deleted for privacy, and nobody told us. If so, erase the person with \"starter erase --contact\" (INFERRED_ERASURE=erase does so by itself from now on). Otherwise discard.",
	bridge.CauseErasedPresent:     "A person who was deleted for privacy is in HubSpot again. Nothing is shared of them. Delete the contact for privacy in HubSpot, or discard.",
	bridge.CauseForeignIDs:        "The Advocate user ID and account ID on this contact name nobody in this tenant, as in a portal that was copied. Clear both to have the contact matched by its email, or correct them.",
	bridge.CauseContestedContact:  "Another participant in Advocate names this contact, too. Set Advocate user ID and account ID on the contact to the participant that is meant, and clear the field on the other one in Advocate.",
	bridge.CauseUnreadableRow:     "A row of an Advocate export cannot be read, so its participant was left out. Correct what the message names in Advocate; the next mass sync reads the row again and closes this item. Discard it if the row is no participant.",
	bridge.CauseEventBlocked:      "The trigger matches, but what it has to send is not complete. Correct what is missing on the record or in the trigger's definition, then retry.",
	bridge.CauseEventRefused:      "impact.com or Advocate rejects what the trigger sent, so it does not count. Correct the trigger's definition, the record, or the event type at impact.com, then retry: it is sent under the same order id.",
	bridge.CauseEventUnsent:       "Nobody has said what came of what the trigger sent, so it may count. Look for the order id at impact.com. Retry asks again under the same order id, which counts once; discard it once you know.",
	bridge.CauseErasureDoubted:    "HubSpot told that this contact was deleted for privacy, but still shows it after an hour. Nothing was erased. To erase the person, delete the contact for privacy in HubSpot and retry; otherwise discard.",
	bridge.CauseNotReadable:       "HubSpot announced this contact but does not show it. If it exists, retry; otherwise discard.",
}

// parkedItem describes work that needs a person. Vendors quote the values they
// refuse, so every personal value known here is taken out of their words.
func parkedItem(cause bridge.Cause, refusal error, personal ...string) *bridge.ParkedItem {
	item := &bridge.ParkedItem{Cause: cause, Advice: advice[cause]}
	var e *bridge.Error
	if errors.As(refusal, &e) {
		item.VendorMessage = bridge.Redact(e.VendorMessage, personal...)
		if e.Code != "" {
			item.VendorMessage = strings.TrimSpace(e.Code + " " + item.VendorMessage)
		}
	}
	return item
}
