package bridge

import "time"

// State is where a contact stands with us, kept beside the write ledger and
// shown to operators.
type State string

const (
	StateNew              State = ""                  // never looked at
	StateMapped           State = "mapped"            // in step with its participant
	StateAwaitingEmail    State = "awaiting_email"    // cannot become a participant before it has an email
	StateNotShared        State = "not_shared"        // a sharing rule keeps it out
	StateParked           State = "parked"            // needs a person; see the parked item
	StateDoNotTrack       State = "do_not_track"      // Advocate refuses the person for good
	StateErased           State = "erased"            // under one of our tombstones
	StateMissing          State = "missing"           // HubSpot told us of it, but shows no such contact
	StateDeleted          State = "deleted"           // gone, and its participant with it unless another contact has it
	StateAwaitingApproval State = "awaiting_approval" // gone, as one of so many that a person has to approve the deletion of their participants
	StateMergedAway       State = "merged_away"       // lives on under another contact's id
)

// Action is what one look at a contact asks us to do.
type Action string

const (
	Nothing           Action = "nothing"
	AwaitContact      Action = "await_contact"      // HubSpot does not show it yet: look again
	AwaitEmail        Action = "await_email"        // wait, visibly, until an email arrives
	CreateParticipant Action = "create_participant" // or match the one Advocate already has
	UpdateParticipant Action = "update_participant" // send changed inputs, put back what is missing
	WriteBack         Action = "write_back"         // give the contact what its participant shares, and send nothing
	MapByIDs          Action = "map_by_ids"         // the contact names a participant: map if it exists
	ParkHalfPair      Action = "park_half_pair"     // only one id was edited: keep the mapping, tell
	ParkUnknownPair   Action = "park_unknown_pair"  // the ids name no participant: keep the mapping, tell
	ParkErasedIDs     Action = "park_erased_ids"    // the ids name an erased participant, the contact is somebody else: tell
	HoldDeletion      Action = "hold_deletion"      // wait for what may belong to the deletion, then look again
	DeleteParticipant Action = "delete_participant" // the contact is gone for sure
	AwaitApproval     Action = "await_approval"     // one of too many deletions: a person has to approve them
	Unmap             Action = "unmap"              // the contact is gone, but another has the participant
	UnmapRemoved      Action = "unmap_removed"      // Advocate's staff deleted the participant: clear the contact, tell
	FollowMerge       Action = "follow_merge"       // the contact lives on under another id
	HoldErasure       Action = "hold_erasure"       // a privacy deletion of a contact that HubSpot shows: sync it again later
	DoubtErasure      Action = "doubt_erasure"      // HubSpot went on showing it: nothing is erased, a person is told
	EraseParticipant  Action = "erase_participant"  // for privacy: do not track, and never again
)

// Reason says why, in a word that logs, the UI and the CLI share.
type Reason string

const (
	ReasonErased         Reason = "erased"
	ReasonDoNotTrack     Reason = "do_not_track"
	ReasonNotReadable    Reason = "not_readable"
	ReasonNoEmail        Reason = "no_email"
	ReasonContactCreated Reason = "contact_created"
	ReasonContactUpdated Reason = "contact_updated"
	ReasonRuleOff        Reason = "rule_off"
	ReasonInStep         Reason = "in_step"
	ReasonInputsChanged  Reason = "inputs_changed"
	ReasonFieldsMissing  Reason = "fields_missing"
	ReasonStale          Reason = "values_stale"
	ReasonResync         Reason = "resync_requested"
	ReasonIDsEdited      Reason = "ids_edited"
	ReasonIDsGiven       Reason = "ids_given"
	ReasonHalfPair       Reason = "half_pair"
	ReasonUnknownPair    Reason = "unknown_pair"
	ReasonRemoved        Reason = "participant_removed" // by Advocate's staff
	ReasonNothingHeard   Reason = "nothing_heard"
	ReasonDeleted        Reason = "contact_deleted"
	ReasonGuarded        Reason = "deletions_guarded" // one of too many within an hour
	ReasonRejected       Reason = "deletion_rejected" // a person wants the participant to stay
	ReasonShared         Reason = "participant_shared"
	ReasonEmailShared    Reason = "email_shared" // another live contact has the participant's email
	ReasonMerged         Reason = "contact_merged"
	ReasonPrivacy        Reason = "privacy_deletion"
	ReasonStillShown     Reason = "contact_still_shown" // although a privacy deletion of it was heard
	ReasonRestored       Reason = "contact_restored"
	ReasonSuspended      Reason = "connection_held" // paused, or a vendor refuses its credentials
	ReasonDisconnected   Reason = "connection_gone"
)

// ContactSnapshot is everything a decision about one contact rests on.
type ContactSnapshot struct {
	Contact      *Contact // as HubSpot shows it now; nil: not shown
	MergedInto   string   // the id it lives on under; empty: not merged away
	Hints        Hints
	GraceElapsed bool     // a deletion was held long enough for what may belong to it
	Mapping      *Mapping // as we stored it; nil: unmapped
	Former       *Mapping // the participant was deleted with this contact; nil: it was not
	Shared       bool     // another live contact is mapped to the participant
	EmailShared  bool     // another live contact has the participant's email
	Tombstone    bool     // this person was erased
	HalfErased   bool     // an erasure of this contact, or of the one it was merged into, did not reach it yet
	Seen         bool     // we synced it before, so HubSpot showed it once
	ErasedIDs    bool     // the ids on the contact name an erased participant; the contact is somebody else
	Rules        Rules

	// ErasureHeld is how long a privacy deletion has been held that HubSpot does not
	// bear out; 0: it was just heard. Grace is how long an end is held that HubSpot's
	// silence bears out.
	ErasureHeld, Grace time.Duration

	// AwaitedAsNew: the contact was new when we began to wait for its email,
	// so the rule for new contacts still is the one that counts.
	AwaitedAsNew bool
	// RemovedAt is when we learned that Advocate's staff had deleted the contact's
	// participant: what was heard of the contact before does not make a new one.
	RemovedAt time.Time
	// DoNotTrack: Advocate refused this very person for good.
	DoNotTrack bool
	// Sent: the inputs that Advocate last accepted from this contact equal
	// what it would be sent now.
	Sent bool
	// Stale: mapped, and the contact carries something else than HubSpot last
	// took from us, or nothing that it took counts any more.
	Stale bool

	// What only Advocate can tell, asked for where a decision needs it; see Asks.
	ParticipantGone bool // Advocate has the mapped participant no more
	NamedUnknown    bool // Advocate has no participant by the ids on the contact
}

// ContactDecision is an action with its reason.
type ContactDecision struct {
	Action Action
	Reason Reason

	// Park is what else a person must look at; empty: nothing. It keeps nothing
	// from flowing under the mapping that there is.
	Park Cause
}

// Asks returns the participant that must exist for a decision to be acted on, if
// there is one. Where it does not, the snapshot is to say so, and is decided anew:
// writing to a participant that is gone would make another one.
func (s ContactSnapshot) Asks(d ContactDecision) (Identity, bool) {
	switch d.Action {
	case MapByIDs:
		return s.Contact.Identity(), true
	case UpdateParticipant, WriteBack:
		return s.Mapping.Identity(), true
	default:
		return Identity{}, false
	}
}

// initialValues is how long after a contact's creation a property change still
// counts as part of it. HubSpot reports initial values as changes with the
// creation's own time (observed, not promised), so a second is ample.
const initialValues = time.Second

// DecideContact says what one look at a contact asks of us. The order of the
// cases is the order of precedence: erasure beats everything, what HubSpot
// shows beats what it told, ids written on the contact beat the email, the
// stored mapping beats the sharing rules.
func DecideContact(s ContactSnapshot) ContactDecision {
	gone := s.gone()
	switch {
	case !s.Hints.ErasedAt.IsZero() || s.HalfErased:
		return decideErasure(s)
	case s.Tombstone && !(gone && s.Mapping != nil):
		// A contact that took an erased person's email while it was mapped to
		// somebody else ends as any other does.
		return ContactDecision{Action: Nothing, Reason: ReasonErased}
	case s.MergedInto != "":
		return ContactDecision{Action: FollowMerge, Reason: ReasonMerged}
	case gone:
		return decideGone(s)
	case s.ErasedIDs:
		return ContactDecision{ParkErasedIDs, ReasonErased, CauseParticipantErased}
	case s.DoNotTrack && s.Hints.ResyncAt.IsZero() && !s.namesAnother():
		// Whoever asks for a resync may know that Advocate tracks the person again.
		return ContactDecision{Action: Nothing, Reason: ReasonDoNotTrack}
	case s.Mapping != nil:
		return decideMapped(s)
	default:
		return decideUnmapped(s)
	}
}

// namesAnother reports that somebody wrote the ids of another participant onto
// the contact: what Advocate refuses is the one, not the other. A restored
// contact comes back with those of the one.
func (s ContactSnapshot) namesAnother() bool {
	named := s.Contact.Identity()
	return named.Complete() && (s.Mapping == nil || named != s.Mapping.Identity()) && (s.Former == nil || named != s.Former.Identity())
}

// erasurePatience is how long a contact is synced again that HubSpot shows although
// it told of its privacy deletion. HubSpot answers for a contact within moments of
// its end, and an hour covers its bad days.
const erasurePatience = time.Hour

// gone tells whether HubSpot shows the contact neither as it is nor under another
// id. One in the recycle bin is gone.
func (s ContactSnapshot) gone() bool {
	return s.MergedInto == "" && (s.Contact == nil || s.Contact.Archived)
}

// decideErasure answers for a contact whose privacy deletion was heard. It cannot
// be undone, and whoever told of it may be mistaken, or somebody else: a contact
// that HubSpot shows is not erased. One that we never saw may be too new to show.
// It is done again under a tombstone: twice is harmless, and a first time that
// broke off half way is completed.
func decideErasure(s ContactSnapshot) ContactDecision {
	switch {
	case !s.gone() && s.ErasureHeld >= erasurePatience:
		return ContactDecision{Action: DoubtErasure, Reason: ReasonStillShown}
	case !s.gone():
		return ContactDecision{Action: HoldErasure, Reason: ReasonStillShown}
	case s.Contact == nil && !s.Seen && !s.HalfErased && s.ErasureHeld < s.Grace:
		return ContactDecision{Action: HoldErasure, Reason: ReasonNotReadable}
	default:
		return ContactDecision{Action: EraseParticipant, Reason: ReasonPrivacy}
	}
}

// Hold is how long to wait before the contact is synced again, with HoldDeletion
// and HoldErasure; 0 with any other action. While HubSpot shows a contact whose
// privacy deletion was heard, the pauses double; the last one ends with our patience.
func (s ContactSnapshot) Hold(d ContactDecision) time.Duration {
	switch {
	case d.Action == HoldDeletion:
		return s.Grace
	case d.Action != HoldErasure:
		return 0
	case d.Reason == ReasonNotReadable:
		return s.Grace - s.ErasureHeld
	default:
		return min(max(s.ErasureHeld, 5*time.Second), erasurePatience-s.ErasureHeld)
	}
}

// ErasureRetry is how long an erasure rests that has kept failing for a time. It is
// never given up; the pauses grow from ten minutes to six hours.
func ErasureRetry(failing time.Duration) time.Duration {
	return min(max(failing, 10*time.Minute), 6*time.Hour)
}

// decideGone answers for a contact that HubSpot does not show. That alone means
// little: new contacts take a moment to show. Only with a deletion, heard of or
// seen in the recycle bin, and held long enough for a privacy deletion, a merge
// or a restore to speak up, it is gone.
func decideGone(s ContactSnapshot) ContactDecision {
	binned := s.Contact != nil && s.Contact.Archived
	switch {
	case s.Hints.DeletedAt.IsZero() && !binned:
		return ContactDecision{Action: AwaitContact, Reason: ReasonNotReadable}
	case !s.GraceElapsed:
		return ContactDecision{Action: HoldDeletion, Reason: ReasonDeleted}
	case s.Mapping == nil:
		return ContactDecision{Action: Nothing, Reason: ReasonDeleted}
	case s.Shared:
		return ContactDecision{Action: Unmap, Reason: ReasonShared}
	case s.EmailShared:
		return ContactDecision{Action: Unmap, Reason: ReasonEmailShared}
	default:
		return ContactDecision{Action: DeleteParticipant, Reason: ReasonDeleted}
	}
}

// decideMapped answers for a mapped contact. Ids that a person has changed by half,
// or to nobody's, are told about; everything else flows under the old mapping.
func decideMapped(s ContactSnapshot) ContactDecision {
	named, known := s.Contact.Identity(), s.Mapping.Identity()
	edited := named != known && !named.Empty()
	both := named.Complete() && named.AccountID != known.AccountID && named.UserID != known.UserID
	switch {
	case edited && both && !s.NamedUnknown:
		return ContactDecision{Action: MapByIDs, Reason: ReasonIDsEdited}
	case s.ParticipantGone:
		return ContactDecision{Action: UnmapRemoved, Reason: ReasonRemoved}
	case edited && both:
		return parkBeside(flow(s), ContactDecision{ParkUnknownPair, ReasonUnknownPair, CauseUnknownPair})
	case edited:
		return parkBeside(flow(s), ContactDecision{ParkHalfPair, ReasonHalfPair, CauseHalfPair})
	default:
		return flow(s)
	}
}

// flow says what a mapping asks for, whatever the ids on the contact.
func flow(s ContactSnapshot) ContactDecision {
	switch {
	case s.Contact.Identity().Empty():
		// Our write-back never arrived, or somebody wiped it: the stored
		// mapping holds and is put back.
		return ContactDecision{Action: UpdateParticipant, Reason: ReasonFieldsMissing}
	case !s.Sent:
		return ContactDecision{Action: UpdateParticipant, Reason: ReasonInputsChanged}
	case s.Stale:
		// Somebody changed the values, or the program was changed.
		return ContactDecision{Action: WriteBack, Reason: ReasonStale}
	case !s.Hints.ResyncAt.IsZero():
		return ContactDecision{Action: WriteBack, Reason: ReasonResync}
	default:
		return ContactDecision{Action: Nothing, Reason: ReasonInStep}
	}
}

// parkBeside parks beside what flows, or instead where nothing does.
func parkBeside(flows, park ContactDecision) ContactDecision {
	if flows.Action == Nothing {
		return park
	}
	flows.Park = park.Park
	return flows
}

func decideUnmapped(s ContactSnapshot) ContactDecision {
	named := s.Contact.Identity()
	restored := s.Former != nil && (named.Empty() || named == s.Former.Identity())
	switch {
	case restored && s.Contact.Email() == "":
		return ContactDecision{Action: AwaitEmail, Reason: ReasonNoEmail}
	case restored:
		// The ids it came back with name the participant that we deleted.
		return ContactDecision{Action: CreateParticipant, Reason: ReasonRestored}
	case named.Complete() && s.NamedUnknown:
		return ContactDecision{ParkUnknownPair, ReasonUnknownPair, CauseUnknownPair}
	case named.Complete():
		return ContactDecision{Action: MapByIDs, Reason: ReasonIDsGiven}
	case !named.Empty():
		return ContactDecision{ParkHalfPair, ReasonHalfPair, CauseHalfPair}
	}
	reason, allowed := sharing(s)
	switch {
	case !allowed:
		return ContactDecision{Action: Nothing, Reason: reason}
	case s.Contact.Email() == "":
		return ContactDecision{Action: AwaitEmail, Reason: ReasonNoEmail}
	default:
		return ContactDecision{Action: CreateParticipant, Reason: reason}
	}
}

// sharing tells whether the rules let an unmapped contact become a
// participant, and by which of the two it came.
func sharing(s ContactSnapshot) (Reason, bool) {
	initial := s.Contact.CreatedAt.Add(initialValues)
	created := s.RemovedAt.IsZero() && (s.AwaitedAsNew || !s.Hints.CreatedAt.IsZero() ||
		!s.Hints.UpdatedAt.IsZero() && !s.Hints.UpdatedAt.After(initial))
	// A merge tells of no change, though the survivor may have gained an email.
	updated := s.Hints.UpdatedAt.After(initial) && s.Hints.UpdatedAt.After(s.RemovedAt) || !s.Hints.ResyncAt.IsZero() ||
		!s.Hints.RestoredAt.IsZero() || s.Hints.MergedAt.After(s.RemovedAt)
	switch {
	case created && s.Rules.ContactCreated:
		return ReasonContactCreated, true
	case updated && s.Rules.ContactUpdated:
		return ReasonContactUpdated, true
	case created || updated:
		return ReasonRuleOff, false
	default:
		return ReasonNothingHeard, false
	}
}
