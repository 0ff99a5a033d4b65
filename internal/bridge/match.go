package bridge

import "slices"

// Match is the result of searching for a record's counterpart by email.
type Match string

const (
	MatchNone      Match = "none"      // nobody has the email: create the counterpart
	MatchFound     Match = "found"     // one has it, and it is free or belongs to the record already
	MatchTaken     Match = "taken"     // one has it, but belongs to another: a person must decide whether both share it
	MatchAmbiguous Match = "ambiguous" // several have it: a person must choose
)

// MatchParticipant decides which participant a contact is matched to. byID is the
// participant whose ids are the contact's email, byEmail are those with that email;
// usually the former is among the latter. taken are the participants that other
// contacts are mapped to. byID wins over byEmail, because several participants may
// have one email. The returned participant is the match, or the one that is taken;
// otherwise it is zero.
func MatchParticipant(byID *Participant, byEmail []Participant, taken []Identity) (Match, Participant) {
	var candidate Participant
	switch {
	case byID != nil:
		candidate = *byID
	case len(byEmail) == 1:
		candidate = byEmail[0]
	case len(byEmail) > 1:
		return MatchAmbiguous, Participant{}
	default:
		return MatchNone, Participant{}
	}
	if slices.Contains(taken, candidate.Identity()) {
		return MatchTaken, candidate
	}
	return MatchFound, candidate
}

// MatchContact decides whether a participant is matched to the contact that has its
// email. contact is nil if no contact has it. owner is the participant that the
// contact is mapped to, zero if it is not mapped. A person may have written the ids
// on the contact, so a contact that names another participant, or has only one of
// the two ids, is taken.
func MatchContact(id Identity, contact *Contact, owner Identity) Match {
	switch {
	case contact == nil:
		return MatchNone
	case !owner.Empty() && owner != id:
		return MatchTaken
	case !contact.Identity().Empty() && contact.Identity() != id:
		return MatchTaken
	default:
		return MatchFound
	}
}
