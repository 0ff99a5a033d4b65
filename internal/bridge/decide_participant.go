package bridge

// Plan is what to do in HubSpot about one row of an Advocate export.
type Plan string

const (
	PlanUnchanged     Plan = "unchanged"       // nothing new since we last handled it
	PlanUpdate        Plan = "update"          // write the shared properties to its contacts
	PlanMatchOrCreate Plan = "match_or_create" // find the contact by email, or create it
	PlanBlocked       Plan = "blocked"         // a rule or a tombstone keeps it out
	PlanNoEmail       Plan = "no_email"        // cannot become a contact before it has one
)

// ParticipantSnapshot is everything that a decision about one export row depends
// on.
type ParticipantSnapshot struct {
	Mapped    bool // at least one contact is mapped to it
	InStep    bool // mapped: what we last wrote to each of its contacts is what we would write now
	Tombstone bool // this person was erased
	Deleted   bool // we deleted the participant with its contact after the export

	HasEmail bool
	New      bool // created since the last report, and never seen before
	Handled  bool // unmapped: a row with this content was handled before
	Rules    Rules
	// FullPass: a mass sync. The rule for new participants then decides for every
	// unmapped one, and rows handled before are decided again.
	FullPass bool
}

// DecideParticipant decides what to do in HubSpot about one export row.
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
