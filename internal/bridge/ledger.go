package bridge

import "time"

// Ledger is what we remember of one contact besides its mapping: the last
// decision, and keyed hashes of what each side last took from us. It decides
// "nothing to do" and recognises our own echo, and holds no personal data.
type Ledger struct {
	State  State
	Reason Reason // of the last decision

	AwaitedAsNew bool   // began to wait for an email while new
	SentHash     []byte // hash of the ParticipantChange that Advocate last accepted; nil: none yet
	WrittenHash  []byte // hash of the SharedProperties that HubSpot last took; nil: none yet

	DecidedAt time.Time
}

// Ending says how a mapping ended.
type Ending string

const (
	EndedDeleted  Ending = "deleted"  // the participant was deleted with the contact
	EndedUnmapped Ending = "unmapped" // the contact went, the participant stayed with others
	EndedMerged   Ending = "merged"   // the contact lives on under another id
	EndedRemoved  Ending = "removed"  // Advocate's staff deleted the participant
)

// Cause names why an item is parked; the words are shared by SQL, logs and CLI.
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
	CauseErasureDoubted    Cause = "erasure_doubted"     // HubSpot told of a privacy deletion, but goes on showing the contact
	CauseNotReadable       Cause = "not_readable"        // HubSpot told of a contact it never showed
	CauseParticipantErased Cause = "participant_erased"  // shared with a contact that was deleted for privacy
	CauseParticipantLeft   Cause = "participant_left"    // a merge or a deletion left this participant without a contact
	CauseParticipantGone   Cause = "participant_removed" // Advocate's staff deleted the participant of this contact

	CauseUnreadableRow Cause = "unreadable_row" // a row of an Advocate export that names no participant

	// CauseVanishedContact and those below are found by a reconcile.
	CauseVanishedContact  Cause = "vanished_contact"  // gone without a trace: likely deleted for privacy
	CauseErasedPresent    Cause = "erased_present"    // a person who was erased is there again
	CauseForeignIDs       Cause = "foreign_ids"       // the ids on the contact name nobody in this tenant
	CauseContestedContact Cause = "contested_contact" // another participant names the contact, too

	CauseEventBlocked Cause = "event_blocked" // a trigger matches, but its request cannot be made
	CauseEventRefused Cause = "event_refused" // the vendor refused what a trigger sent
	CauseEventUnsent  Cause = "event_unsent"  // the vendor gave no answer for longer than we wait: it may count
)

// Warnings are the causes that hold nothing up: the contact was synced, and a
// person is told what was left out.
func Warnings() []Cause { return []Cause{CauseCodeDropped, CauseCookieDropped, CauseParticipantGone} }

// ParkedItem is work that cannot succeed without a person. Its subject is a
// contact, a participant that has no contact yet, or what a trigger made of a
// change.
type ParkedItem struct {
	ID             int64
	ConnectionID   string
	ContactID      string // empty: the subject is the participant below
	AccountID      string
	UserID         string
	TrackedEventID int64 // not 0: the subject is this event; the contact is its customer

	Cause         Cause
	Advice        string // what the operator can do
	VendorMessage string // the vendor's, with the person's own data redacted

	Hints    Hints // of a contact: what was heard when it was parked; a retry acts on it
	ParkedAt time.Time
}
