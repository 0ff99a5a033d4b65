package bridge

import "slices"

// Match is what the search for a record's counterpart by email came to.
type Match string

const (
	MatchNone      Match = "none"      // nobody has the email: the counterpart is made
	MatchFound     Match = "found"     // one has it, and it is free or belongs to the record already
	MatchTaken     Match = "taken"     // one has it, but belongs to another: only a person may decide that both share it
	MatchAmbiguous Match = "ambiguous" // several have it: only a person may choose
)

// MatchParticipant says which participant a contact is matched to. byID is the
// one whose ids are the contact's email, byEmail are those whose email it is; as
// a rule the former is among the latter. taken are the participants that other
// contacts are mapped to. Ids made of the email decide before an email that
// several participants may have. The participant is the match, or the one that is
// taken; it is zero otherwise.
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

// MatchContact says whether a participant is matched to the contact that has its
// email. contact is nil where nobody has it. owner is the participant that the
// contact is mapped to, zero if it is not mapped. Ids on a contact are a person's
// word: a contact that names another participant, or half of one, is taken.
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
