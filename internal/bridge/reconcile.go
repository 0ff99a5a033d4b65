package bridge

import "time"

// Class is a kind of drift: a pair, or a missing pair, that is not as the rules
// want it. SQL, metrics, API and commands share the words.
type Class string

// The classes of drift that a reconcile counts. They are never renamed.
const (
	ClassMissingParticipant Class = "missing_participant" // the rules want a participant for the contact, and it has none
	ClassMissingContact     Class = "missing_contact"     // the rules want a contact for the participant, and it has none
	ClassContactValues      Class = "contact_values"      // the contact's values are not those that its participant shares
	ClassUnsentChanges      Class = "unsent_changes"      // changes on the contact were never sent to its participant
	ClassWrongContactID     Class = "wrong_contact_id"    // the participant names another contact, or none
	ClassIDsEdited          Class = "ids_edited"          // the contact's ids name a participant other than its own
	ClassDeletedContact     Class = "deleted_contact"     // the contact is in the recycle bin, and we count it as live
	ClassMergedContact      Class = "merged_contact"      // the contact lives on under another id, and we count it as live
	ClassVanishedContact    Class = "vanished_contact"    // the contact is gone without a trace: probably a privacy deletion
	ClassParticipantGone    Class = "participant_gone"    // the participant is no longer in Advocate
	ClassErasedPresent      Class = "erased_present"      // a person who was erased is there again, or a mapping names one
	ClassForeignIDs         Class = "foreign_ids"         // the contact carries ids that the tenant does not know: a copied portal
	ClassContestedContact   Class = "contested_contact"   // two participants claim one contact
)

// Classes lists every class, in the order in which people read them.
func Classes() []Class {
	return []Class{
		ClassMissingParticipant, ClassMissingContact, ClassContactValues, ClassUnsentChanges, ClassWrongContactID, ClassIDsEdited,
		ClassDeletedContact, ClassMergedContact, ClassVanishedContact, ClassParticipantGone,
		ClassErasedPresent, ClassForeignIDs, ClassContestedContact,
	}
}

// Cause returns why a finding of the class is parked, and whether it is: only a
// person can resolve those.
func (c Class) Cause() (cause Cause, parks bool) {
	switch c {
	case ClassVanishedContact:
		return CauseVanishedContact, true
	case ClassErasedPresent:
		return CauseErasedPresent, true
	case ClassForeignIDs:
		return CauseForeignIDs, true
	case ClassContestedContact:
		return CauseContestedContact, true
	default:
		return "", false
	}
}

// Repair is the ordinary path by which a difference is repaired. Each path reads
// the record again before it acts.
type Repair string

// The repairs. A hint goes to the contact's workflow, which decides as if the
// webhook had come.
const (
	RepairPage         Repair = "page"     // in a page, a hundred contacts per call
	RepairHintCreated  Repair = "created"  // hint: the contact was created
	RepairHintUpdated  Repair = "updated"  // hint: the contact was changed
	RepairHintResync   Repair = "resync"   // hint: bring it in step
	RepairHintDeleted  Repair = "deleted"  // hint: the contact was deleted
	RepairHintRestored Repair = "restored" // hint: the contact was restored
	RepairHintMerged   Repair = "merged"   // hint: the contact was merged
	RepairHintErased   Repair = "erased"   // hint: the contact was deleted for privacy
	RepairPark         Repair = "park"     // none: a person has to decide
	RepairNone         Repair = "none"     // none: it waits for a person already
)

// Finding is one difference, and how to repair it.
type Finding struct {
	Class  Class
	Repair Repair
}

// Unlisted is a part of HubSpot's list of contacts that HubSpot fails to show: those whose
// ids lie between From, included, and To, excluded. From is empty for the list's
// beginning, and To for its end.
type Unlisted struct {
	Archived bool // of the list of the recycle bin
	From, To string
}

// Presence says where HubSpot shows a contact.
type Presence string

const (
	PresenceLive     Presence = "live"
	PresenceArchived Presence = "archived" // in the recycle bin, for 90 days
	PresenceMerged   Presence = "merged"   // under another contact's id
	PresenceMissing  Presence = "missing"  // nowhere, though we know it

	// PresenceUnreadable says that HubSpot shows the contact, but in a form that cannot be
	// read. Nothing is concluded from it.
	PresenceUnreadable Presence = "unreadable"
)

// Naming says which participant a contact's ids name.
type Naming string

const (
	NamesNone   Naming = "none"
	NamesHalf   Naming = "half"   // one of the two ids is blank
	NamesMapped Naming = "mapped" // the participant that the contact is mapped to
	NamesOther  Naming = "other"
)

// InferredErasure is what to do about a contact that is gone without a trace.
type InferredErasure string

const (
	InferredAsk   InferredErasure = "ask"   // a person decides
	InferredErase InferredErasure = "erase" // it counts as a privacy deletion
)

// recycleBin is how long HubSpot keeps a deleted contact (HubSpot docs: restore
// records). One that is missing sooner was deleted for privacy.
const recycleBin = 90 * 24 * time.Hour

// ContactComparison is what both vendors and our own records say about one contact.
type ContactComparison struct {
	Presence Presence
	Names    Naming
	Mapped   bool
	State    State // of the ledger

	// Recognised: we keep a hash of its email, by which an erasure would recognise the
	// person.
	Recognised bool

	ParticipantExists bool // the export has the participant that it is mapped to
	NamedExists       bool // the export has the participant that its ids name
	SameValues        bool // its values are those that the participant shares
	NewerThanExport   bool // its values were written after the export was made
	Unsent            bool // its inputs differ from what Advocate last accepted
	WrongContactID    bool // the participant names another contact, or none although we wrote one

	HasEmail       bool
	EmailChanged   bool // since the last decision about it
	HasInputs      bool // one of our form fields is filled in
	Young          bool // created since the portal was connected
	FormerDeleted  bool // its participant was deleted with it
	OwnErasure     bool // this contact itself was erased
	PersonErased   bool // one of its emails, or its participant, is that of a person who was erased
	Parked         bool // it waits for a person already
	ChangedSince   bool // it was changed after the last decision about it
	UnseenFor      time.Duration
	InferredErased InferredErasure
	Rules          Rules
}

// CompareContact returns the difference found for one contact; found is false if
// there is none. The order of the cases is the order of precedence, as in
// DecideContact.
func CompareContact(c ContactComparison) (f Finding, found bool) {
	if f, found = c.compare(); !found {
		return f, false
	}
	if c.Parked && !c.ChangedSince && c.Presence == PresenceLive {
		f.Repair = RepairNone
	}
	return f, true
}

func (c ContactComparison) compare() (Finding, bool) {
	switch {
	case c.OwnErasure && (c.Mapped || c.Presence == PresenceLive && c.State != StateErased):
		return Finding{ClassErasedPresent, RepairHintErased}, true
	case c.PersonErased && c.Presence == PresenceLive:
		return Finding{ClassErasedPresent, RepairPark}, true
	case c.Presence == PresenceMerged:
		return Finding{ClassMergedContact, RepairHintMerged}, c.countsAsLive()
	case c.Presence == PresenceArchived:
		return Finding{ClassDeletedContact, RepairHintDeleted}, c.countsAsLive()
	case c.Presence == PresenceMissing:
		return c.vanished()
	case c.Presence == PresenceUnreadable:
		return Finding{}, false
	case c.State == StateErased && !c.ChangedSince:
		// Its email leads to a participant who was erased under another one: its own
		// workflow leaves it alone until it changes.
		return Finding{}, false
	case c.Mapped:
		return c.mapped()
	default:
		return c.unmapped()
	}
}

// countsAsLive reports whether the contact lives as far as we know. What we keep of it
// without a mapping goes 90 days after we have learned of its deletion, so we have to.
func (c ContactComparison) countsAsLive() bool {
	ended := c.State == StateDeleted || c.State == StateMergedAway || c.State == StateErased
	return c.Mapped || c.Recognised && !ended
}

// vanished compares a contact that HubSpot shows nowhere. A contact leaves the
// recycle bin after 90 days; before that, only a privacy deletion leaves no trace.
func (c ContactComparison) vanished() (Finding, bool) {
	switch {
	case c.State == StateErased || c.OwnErasure:
		return Finding{}, false
	case c.UnseenFor >= recycleBin:
		return Finding{ClassDeletedContact, RepairHintDeleted}, c.countsAsLive()
	case c.InferredErased == InferredErase:
		return Finding{ClassVanishedContact, RepairHintErased}, true
	default:
		return Finding{ClassVanishedContact, RepairPark}, true
	}
}

func (c ContactComparison) mapped() (Finding, bool) {
	switch {
	case c.Names == NamesHalf, c.Names == NamesOther:
		return Finding{ClassIDsEdited, RepairHintUpdated}, true
	case !c.ParticipantExists && c.State == StateDoNotTrack:
		return Finding{}, false // Advocate's staff erased the person, and the contact says so already
	case !c.ParticipantExists:
		return Finding{ClassParticipantGone, RepairHintResync}, true
	case c.Unsent:
		return Finding{ClassUnsentChanges, RepairHintUpdated}, true
	case c.Names == NamesNone:
		return Finding{ClassContactValues, RepairHintResync}, true
	case c.WrongContactID:
		return Finding{ClassWrongContactID, RepairHintResync}, true
	case !c.SameValues && !c.NewerThanExport:
		return Finding{ClassContactValues, RepairPage}, true
	default:
		return Finding{}, false
	}
}

func (c ContactComparison) unmapped() (Finding, bool) {
	switch {
	case c.FormerDeleted && c.State == StateDoNotTrack && !c.NamedExists:
		return c.wanted() // restored, and refused: its ids name nobody any more
	case c.FormerDeleted && (c.Names == NamesNone || !c.NamedExists):
		// Restored without an email it waits for one, once we have seen that.
		return Finding{ClassMissingParticipant, RepairHintRestored}, c.HasEmail || c.State != StateAwaitingEmail
	case c.Names == NamesOther && c.NamedExists:
		return Finding{ClassMissingParticipant, RepairHintResync}, true
	case c.Names == NamesOther:
		return Finding{ClassForeignIDs, RepairPark}, true
	case c.Names == NamesHalf:
		return Finding{ClassIDsEdited, RepairHintUpdated}, true
	case !c.HasEmail:
		return Finding{}, false // it waits for one
	}
	return c.wanted()
}

// wanted reports whether the rules want a participant for a contact without one. A
// contact that is older than the connection and has not changed since is left
// alone.
func (c ContactComparison) wanted() (Finding, bool) {
	switch c.State {
	case StateNew, StateMissing:
		switch {
		case c.Young && c.Rules.ContactCreated:
			return Finding{ClassMissingParticipant, RepairHintCreated}, true
		case c.HasInputs && c.Rules.ContactUpdated:
			return Finding{ClassMissingParticipant, RepairHintUpdated}, true
		}
	case StateAwaitingEmail, StateMapped:
		return Finding{ClassMissingParticipant, RepairHintUpdated}, true
	case StateParked:
		// What waits for a person is not repeated meanwhile.
		if !c.ChangedSince {
			return Finding{ClassMissingParticipant, RepairNone}, true
		}
		return Finding{ClassMissingParticipant, RepairHintUpdated}, true
	default: // a rule or a person keeps it out: only another email changes that
		if c.EmailChanged && c.Rules.ContactUpdated {
			return Finding{ClassMissingParticipant, RepairHintUpdated}, true
		}
	}
	return Finding{}, false
}

// ParticipantComparison is what both vendors and our own records say about a
// participant that no contact is mapped to.
type ParticipantComparison struct {
	Named     bool // a contact has its ids: the difference is that contact's
	Contested bool // it names a contact that is mapped to another participant
	HasEmail  bool
	Erased    bool // the person was erased
	Ended     bool // its contact is gone: the participant was deleted with it, or kept without one
	Young     bool // created since the portal was connected
	Handled   bool // a report has handled it, with whatever result
	Changed   bool // Handled: it has other values now
	Rules     Rules
}

// CompareParticipant returns the difference found for a participant that no contact
// is mapped to; found is false if there is none. A participant that is older than
// the connection and has not changed since is left to mass syncs.
func CompareParticipant(p ParticipantComparison) (f Finding, found bool) {
	switch {
	case p.Erased:
		return Finding{ClassErasedPresent, RepairNone}, true
	case p.Ended, p.Named:
		return Finding{}, false
	case p.Contested:
		return Finding{ClassContestedContact, RepairPark}, true
	case !p.HasEmail:
		return Finding{}, false
	case !p.Handled && p.Young && p.Rules.ParticipantCreated,
		p.Handled && p.Changed && p.Rules.ParticipantUpdated:
		return Finding{ClassMissingContact, RepairPage}, true
	default:
		return Finding{}, false
	}
}

// DriftOutcome says how a difference that a reconcile found has ended.
type DriftOutcome string

// The outcomes. All but the first say why the difference remains.
const (
	DriftRepaired DriftOutcome = "repaired"
	DriftParked   DriftOutcome = "parked"   // a person has to decide: see the parked items
	DriftGuarded  DriftOutcome = "guarded"  // one of many deletions: a person has to approve them
	DriftWaiting  DriftOutcome = "waiting"  // its repair has begun and not ended yet
	DriftForetold DriftOutcome = "foretold" // found by a dry run, which repairs nothing
)

// AwaitsPerson reports whether the difference waits for a person's decision. Such a
// difference does not count against agreement.
func (o DriftOutcome) AwaitsPerson() bool { return o == DriftParked || o == DriftGuarded }
