package bridge

import "time"

// ContactSnapshot is everything that a decision about one contact depends on.
type ContactSnapshot struct {
	Contact      *Contact // as HubSpot shows it now; nil: not shown
	MergedInto   string   // the id it lives on under; empty: not merged away
	Hints        Hints
	GraceElapsed bool     // its deletion was held for the whole grace period
	Mapping      *Mapping // as we stored it; nil: unmapped
	Former       *Mapping // the participant was deleted with this contact; nil: it was not
	Shared       bool     // another live contact is mapped to the participant
	EmailShared  bool     // another live contact has the participant's email
	Tombstone    bool     // this person was erased
	Blocked      bool     // an erasure of somebody with its email, or of the participant that its ids name, is not verified yet
	HalfErased   bool     // the erasure of this contact, or of the one it was merged into, has not reached it yet
	Seen         bool     // we synced it before, so HubSpot showed it once
	Guarded      bool     // its deletion was heard, and waits for a person
	ErasedIDs    bool     // its ids name an erased participant, but the contact is somebody else
	Rules        Rules

	// ErasureHeld is how long an unconfirmed privacy deletion has been held; 0: it was
	// just heard. Grace is how long a deletion is held.
	ErasureHeld, Grace time.Duration

	// AwaitedAsNew: the contact was new when we began to wait for its email, so the
	// rule for new contacts still applies.
	AwaitedAsNew bool
	// RemovedAt is when we learned that Advocate's staff had deleted the contact's
	// participant. Hints from before then do not create a new one.
	RemovedAt time.Time
	// DoNotTrack: Advocate refused this person for good.
	DoNotTrack bool
	// Sent: Advocate has accepted the inputs that the contact has now.
	Sent bool
	// Stale: the contact is mapped, and its values are not those that we last wrote,
	// or what we last wrote no longer counts.
	Stale bool

	// Only Advocate knows these, so they are filled in where Asks says that the
	// decision needs them.
	ParticipantGone bool // the mapped participant is no longer in Advocate
	NamedUnknown    bool // Advocate has no participant by the ids on the contact
}

// ContactDecision is an action with its reason.
type ContactDecision struct {
	Action Action
	Reason Reason

	// Park is what to park beside the action; empty: nothing. The sync goes on under
	// the mapping meanwhile.
	Park Cause
}

// Asks returns the participant that must exist before the decision is carried out;
// the second result is false if it needs none. If the participant does not exist, the caller sets
// ParticipantGone or NamedUnknown and decides again: an upsert of a participant
// that is gone would create another one.
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
// counts as part of the creation. HubSpot reports initial values as changes with
// the time of the creation (observed, not documented), so a second is ample.
const initialValues = time.Second

// DecideContact decides what one sync of a contact does. The order of the cases is
// the order of precedence: an erasure beats everything, what HubSpot shows beats
// what it announced, ids on the contact beat the email, and the stored mapping
// beats the sharing rules.
func DecideContact(s ContactSnapshot) ContactDecision {
	gone := s.gone()
	switch {
	case !s.Hints.ErasedAt.IsZero() || s.HalfErased:
		return decideErasure(s)
	case s.Tombstone && !(gone && s.Mapping != nil):
		// A contact that got an erased person's email while it was mapped to somebody
		// else is deleted like any other.
		return ContactDecision{Action: Nothing, Reason: ReasonErased}
	case s.MergedInto != "":
		return ContactDecision{Action: FollowMerge, Reason: ReasonMerged}
	case gone:
		return decideGone(s)
	case s.Blocked:
		// The contact is synced again once the erasure is verified or lifted.
		return ContactDecision{ParkPending, ReasonErasurePending, CauseErasurePending}
	case s.ErasedIDs:
		return ContactDecision{ParkErasedIDs, ReasonErased, CauseParticipantErased}
	case s.DoNotTrack && s.Hints.ResyncAt.IsZero() && !s.namesAnother():
		// An operator who requests a resync may know that Advocate tracks the person
		// again.
		return ContactDecision{Action: Nothing, Reason: ReasonDoNotTrack}
	case s.Mapping != nil:
		return decideMapped(s)
	default:
		return decideUnmapped(s)
	}
}

// namesAnother reports whether somebody wrote the ids of another participant onto
// the contact: Advocate's refusal is not about that one. A restored contact comes
// back with its former ids, which do not count.
func (s ContactSnapshot) namesAnother() bool {
	named := s.Contact.Identity()
	return named.Complete() && (s.Mapping == nil || named != s.Mapping.Identity()) && (s.Former == nil || named != s.Former.Identity())
}

// erasurePatience is how long we wait for HubSpot to stop showing a contact whose
// privacy deletion it announced. Usually that takes moments; an hour covers its
// outages.
const erasurePatience = time.Hour

// gone reports whether the contact is deleted as far as HubSpot shows: it is in the
// recycle bin, or shown neither under its own id nor under another.
func (s ContactSnapshot) gone() bool {
	return s.MergedInto == "" && (s.Contact == nil || s.Contact.Archived)
}

// decideErasure decides about a contact whose privacy deletion was heard. An
// erasure cannot be undone, and the hint may be wrong or forged, so a contact that
// HubSpot still shows is not erased. A contact that we never saw may be too new to
// show. A tombstone does not stop the erasure: a second one is harmless, and it
// completes a first one that broke off.
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

// Hold returns how long to wait before the next sync, with HoldDeletion and
// HoldErasure; 0 with any other action. While HubSpot still shows a contact whose
// privacy deletion was heard, the pauses double, up to erasurePatience in all.
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

// ErasureRetry returns the pause before the next attempt at an erasure that has
// been failing for a time. An erasure is never given up; the pauses grow from ten
// minutes to six hours.
func ErasureRetry(failing time.Duration) time.Duration {
	return min(max(failing, 10*time.Minute), LongestErasurePause)
}

// LongestErasurePause is the longest pause between two attempts at an erasure.
const LongestErasurePause = 6 * time.Hour

// decideGone decides about a contact that HubSpot does not show. That alone proves
// nothing, because new contacts take a moment to show. The contact counts as
// deleted only if a deletion was heard or the contact is in the recycle bin, and
// the deletion was held long enough for a privacy deletion, a merge or a restore to
// arrive.
func decideGone(s ContactSnapshot) ContactDecision {
	binned := s.Contact != nil && s.Contact.Archived
	switch {
	case s.Hints.DeletedAt.IsZero() && s.Guarded:
		// A resync, or a hint that came late, changes nothing about the question. The
		// answer to it arrives as a deletion.
		return ContactDecision{Action: AwaitApproval, Reason: ReasonGuarded}
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

// decideMapped decides about a mapped contact. If a person changed only one of the
// ids, or changed both to a pair that nobody has, that is parked, and everything
// else is synced under the old mapping.
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

// flow decides what to sync under the stored mapping, whatever ids are on the
// contact.
func flow(s ContactSnapshot) ContactDecision {
	switch {
	case s.Contact.Identity().Empty():
		// Our write-back never arrived, or somebody cleared it: the stored mapping holds,
		// and its ids are written again.
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

// parkBeside adds the parking to what is synced, or parks alone where nothing is.
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
		// The contact was restored with the ids of the participant that we deleted.
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

// UpdatingProperties lists the properties whose change makes a contact count as
// updated. A change of any other property is ignored: intake drops it.
func UpdatingProperties() []string {
	return []string{PropEmail, PropReferredByCode, PropReferralCookie, PropUserID, PropAccountID}
}

// sharing reports whether the sharing rules allow a participant for an unmapped
// contact, and which of the two applies.
func sharing(s ContactSnapshot) (Reason, bool) {
	initial := s.Contact.CreatedAt.Add(initialValues)
	created := s.RemovedAt.IsZero() && (s.AwaitedAsNew || !s.Hints.CreatedAt.IsZero() ||
		!s.Hints.UpdatedAt.IsZero() && !s.Hints.UpdatedAt.After(initial))
	// A merge causes no change event, though the survivor may have gained an email.
	updated := s.Hints.UpdatedAt.After(initial) && s.Hints.UpdatedAt.After(s.RemovedAt) || !s.Hints.ResyncAt.IsZero() ||
		s.Hints.RestoredAt.After(s.RemovedAt) || s.Hints.MergedAt.After(s.RemovedAt)
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
