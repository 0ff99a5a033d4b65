package bridge

import "time"

// Cause says why an item is parked. SQL, logs, API and commands share the words.
type Cause string

const (
	CauseRefusedByAdvocate Cause = "refused_by_advocate" // a value was rejected
	CauseRefusedByHubSpot  Cause = "refused_by_hubspot"  // a value was rejected
	CauseHalfPair          Cause = "half_pair"           // only one of the two ids was edited
	CauseUnknownPair       Cause = "unknown_pair"        // the ids name no participant
	CauseAmbiguousEmail    Cause = "ambiguous_email"     // several participants have the email
	CauseTakenParticipant  Cause = "taken_participant"   // the participant belongs to another contact
	CauseTakenContact      Cause = "taken_contact"       // the contact belongs to another participant
	CauseCodeDropped       Cause = "code_dropped"        // the referred-by code was refused and left out
	CauseCookieDropped     Cause = "cookie_dropped"      // the referral cookie was refused and left out
	CauseUnreachable       Cause = "unreachable"         // a vendor failed for longer than we retry
	CauseErasureDoubted    Cause = "erasure_doubted"     // HubSpot announced a privacy deletion, but still shows the contact
	CauseErasurePending    Cause = "erasure_pending"     // an erasure of somebody with its email or participant is not verified yet
	CauseNotReadable       Cause = "not_readable"        // HubSpot announced a contact that it never showed
	CauseParticipantErased Cause = "participant_erased"  // shared with a contact that was deleted for privacy
	CauseParticipantLeft   Cause = "participant_left"    // a merge or a deletion left this participant without a contact
	CauseParticipantGone   Cause = "participant_removed" // Advocate's staff deleted the participant of this contact

	CauseUnfinishedWrite Cause = "unfinished_write" // the run ended while the participant's contact was being written
	CauseUnreadableRow   Cause = "unreadable_row"   // a row of an Advocate export that names no participant

	// CauseVanishedContact and those below are found by a reconcile.
	CauseVanishedContact  Cause = "vanished_contact"  // gone without a trace: probably deleted for privacy
	CauseErasedPresent    Cause = "erased_present"    // a person who was erased is there again
	CauseForeignIDs       Cause = "foreign_ids"       // the ids on the contact name nobody in this tenant
	CauseContestedContact Cause = "contested_contact" // another participant names the contact as well

	CauseFaultySubmission Cause = "faulty_submission" // a form submission without a time, or with values that cannot be read

	CauseEventBlocked Cause = "event_blocked" // a trigger matches, but its request cannot be made
	CauseEventRefused Cause = "event_refused" // the vendor refused what a trigger sent
	CauseEventUnsent  Cause = "event_unsent"  // the vendor did not answer in time: the event may count
)

// Warnings lists the causes that stop nothing: the contact was synced, and the item
// says what was left out.
func Warnings() []Cause { return []Cause{CauseCodeDropped, CauseCookieDropped, CauseParticipantGone} }

// ParkedItem is work that cannot succeed without a person. Its subject is a
// contact, a participant that has no contact yet, or an event of a trigger.
type ParkedItem struct {
	ID             int64
	ConnectionID   string
	ContactID      string // empty: the subject is the participant below
	AccountID      string
	UserID         string
	TrackedEventID int64 // not 0: the subject is this event; the contact is its customer

	Cause         Cause
	Advice        string // what the operator can do
	VendorMessage string // the vendor's own words, with personal data redacted

	Hints Hints // of a contact: what was heard when it was parked; a retry acts on it

	// Holder is, with CauseTakenContact, the contact that belongs to another
	// participant. The item is retried once that contact is decided again after
	// HolderSeenAt, a time by the database's clock.
	Holder       string
	HolderSeenAt time.Time

	// RetrySoon asks for one automatic retry of a participant's item.
	RetrySoon bool

	ParkedAt time.Time
}

// Description says in a few words why an item is parked: a clause without a full
// stop, for people who run campaigns. It is empty for a cause of a later release.
func (c Cause) Description() string { return causes[c].description }

// Advice says what a person can do about the cause, in sentences. It is empty for a
// cause of a later release.
func (c Cause) Advice() string { return causes[c].advice }

var causes = map[Cause]struct{ description, advice string }{
	CauseRefusedByAdvocate: {
		"Advocate refuses a value",
		"Advocate rejects a value of this contact. Correct it in HubSpot, or retry once Advocate accepts it.",
	},
	CauseRefusedByHubSpot: {
		"HubSpot refuses a value",
		"HubSpot rejects this write. Correct what its message names, then retry.",
	},
	CauseHalfPair: {
		"only one of the two Advocate ids was edited",
		"Only one of Advocate user ID and account ID was changed. Set both to map the contact to another participant, or restore the old value. The earlier mapping still holds.",
	},
	CauseUnknownPair: {
		"the Advocate ids name no participant",
		"The Advocate user ID and account ID on this contact name no participant. Correct or clear both. An earlier mapping still holds.",
	},
	CauseAmbiguousEmail: {
		"several participants have the email",
		"Several participants have this email. Set Advocate user ID and account ID on the contact to those of the right one.",
	},
	CauseTakenParticipant: {
		"the participant belongs to another contact",
		"The participant with this email already belongs to another contact. To let both share it, set Advocate user ID and account ID on this contact.",
	},
	CauseTakenContact: {
		"the contact belongs to another participant",
		"The contact with this email already belongs to another participant. To re-map it, set Advocate user ID and account ID on the contact. Once the contact is free, the participant is synced by itself.",
	},
	CauseCodeDropped: {
		"the referred-by code was refused and left out",
		"Advocate does not know the referred-by code, so the contact was synced without it. Correct the code in HubSpot if the referral should count.",
	},
	CauseCookieDropped: {
		"the referral cookie was refused and left out",
		"Advocate rejects the referral cookie, so the contact was synced without it.",
	},
	CauseUnreachable: {
		"a vendor failed for longer than we retry",
		"The work kept failing and was given up. Check the connection and the worker's log, then retry.",
	},
	CauseErasureDoubted: {
		"a privacy deletion was heard, but HubSpot still shows the contact",
		"HubSpot reported a privacy deletion of this contact, but still shows the contact an hour later. Nothing was erased. To erase the person, delete the contact for privacy in HubSpot and retry; otherwise discard.",
	},
	CauseErasurePending: {
		"somebody with its email or participant may have been deleted for privacy",
		"Somebody with this contact's email, or with its participant, may have been deleted for privacy. This contact waits until HubSpot confirms that deletion, an hour at most, and then continues by itself. You need to do nothing.",
	},
	CauseNotReadable: {
		"HubSpot announced a contact that it never showed",
		"HubSpot announced this contact but does not show it. If it exists, retry; otherwise discard.",
	},
	CauseParticipantErased: {
		"the participant went with another contact that was deleted for privacy",
		"The participant it shared was deleted for privacy together with another contact. The contact is unmapped now. To give it a participant of its own, clear Advocate user ID and account ID on it.",
	},
	CauseParticipantLeft: {
		"a participant is left without a contact",
		"The contact was merged or deleted, and the contact that lives on has a participant of its own. Its own participant is still in Advocate, without a contact; \"contact show --reveal\" shows it. Delete it there, or set its ids on the contact that should have it, then retry.",
	},
	CauseParticipantGone: {
		"the participant was deleted in Advocate",
		"The participant of this contact is no longer in Advocate, so its code and links were removed from the contact. Retry to create a new participant; a later edit of the contact does the same while the sharing rule for updated contacts is on. Otherwise discard.",
	},
	CauseUnfinishedWrite: {
		"a run ended while the participant's contact was being written",
		"The run ended while the contact of this participant was being written. The participant is read again within minutes; retry the item if it stays.",
	},
	CauseUnreadableRow: {
		"a row of an Advocate export names no participant",
		"A row of an Advocate export cannot be read, so its participant was left out. Correct what the message names in Advocate; the next mass sync reads the row again and closes this item. Discard it if the row is no participant.",
	},
	CauseVanishedContact: {
		"the contact is gone without a trace: it was probably deleted for privacy",
		"HubSpot shows this contact neither in the portal nor in the recycle bin, so it was probably deleted for privacy, but no event reported that. If so, erase the person with \"starter erase --contact\"; INFERRED_ERASURE=erase does that by itself from now on. Otherwise discard.",
	},
	CauseErasedPresent: {
		"a person who was erased is there again",
		"A person who was deleted for privacy is in HubSpot again. Nothing about them is shared. Delete the contact for privacy in HubSpot, or discard.",
	},
	CauseForeignIDs: {
		"the ids on the contact name nobody in this tenant",
		"The Advocate user ID and account ID on this contact name nobody in this tenant; this happens in a portal that was copied. Correct them, or clear both to have the contact matched by its email.",
	},
	CauseContestedContact: {
		"another participant names the contact as well",
		"Another participant in Advocate also names this contact. Set Advocate user ID and account ID on the contact to those of the right participant, and clear the field on the other one in Advocate.",
	},
	CauseFaultySubmission: {
		"a submission of a form cannot be read",
		"HubSpot returns this submission in a form that cannot be read, so no trigger saw it. Look at the form's submissions in HubSpot. If one should count, record the conversion at impact.com by hand, then discard this item.",
	},
	CauseEventBlocked: {
		"a trigger matches, but its request cannot be made",
		"The trigger matches, but its request is not complete. Correct what is missing on the record or in the trigger's definition, then retry.",
	},
	CauseEventRefused: {
		"the vendor refused what a trigger sent",
		"impact.com or Advocate rejects what the trigger sent, so it does not count. Correct the trigger's definition, the record, or the event type at impact.com, then retry. The retry uses the same order id.",
	},
	CauseEventUnsent: {
		"the vendor gave no answer to what a trigger sent: it may count",
		"The vendor never said whether it took what the trigger sent, so it may count. Look for the order id at impact.com. A retry sends it again under the same order id, which counts once. Discard the item once you know.",
	},
}
