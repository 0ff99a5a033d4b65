package bridge

// Plan is what one row of an Advocate export asks us to do in HubSpot.
type Plan string

const (
	PlanUnchanged     Plan = "unchanged"       // nothing new since we last handled it
	PlanUpdate        Plan = "update"          // write the shared properties to its contacts
	PlanMatchOrCreate Plan = "match_or_create" // find the contact by email, or create it
	PlanBlocked       Plan = "blocked"         // a rule or a tombstone keeps it out
	PlanNoEmail       Plan = "no_email"        // cannot become a contact before it has one
)

// ParticipantSnapshot is everything a decision about one export row rests on.
type ParticipantSnapshot struct {
	Mapped    bool // at least one contact is mapped to it
	InStep    bool // mapped: what we last wrote to every one of its contacts equals what we would write now
	Tombstone bool // this person was erased
	Deleted   bool // the row tells of a participant that we deleted with its contact since

	HasEmail bool
	New      bool // created since the last report, and never seen before
	Handled  bool // unmapped: this very row content was handled before
	Rules    Rules
	// FullPass: a mass sync. The rule for new participants alone then decides
	// for every unmapped one, and rows handled before are looked at again.
	FullPass bool
}

// DecideParticipant says what one export row asks of HubSpot.
func DecideParticipant(s ParticipantSnapshot) Plan {
	allowed := s.Rules.ParticipantUpdated
	if s.New || s.FullPass {
		allowed = s.Rules.ParticipantCreated
	}
	switch {
	case s.Tombstone, s.Deleted && !s.Mapped:
		return PlanBlocked
	case s.Mapped && s.InStep:
		return PlanUnchanged
	case s.Mapped:
		return PlanUpdate
	case s.Handled && !s.FullPass:
		return PlanUnchanged
	case !allowed:
		return PlanBlocked
	case !s.HasEmail:
		return PlanNoEmail
	default:
		return PlanMatchOrCreate
	}
}
