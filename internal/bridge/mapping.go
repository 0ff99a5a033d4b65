package bridge

// Mapping pairs a HubSpot contact with an Advocate participant.
//
// After the first match only the ids hold the pair together: the two records may
// come to differ in name and email. To re-map a contact, an operator writes other
// ids onto it. Several contacts may share one participant.
type Mapping struct {
	ConnectionID string
	ContactID    string
	AccountID    string
	UserID       string
}

// Identity returns the participant's side of the mapping.
func (m Mapping) Identity() Identity {
	return Identity{AccountID: m.AccountID, UserID: m.UserID}
}

// Ending says how a mapping ended.
type Ending string

const (
	EndedDeleted  Ending = "deleted"  // the participant was deleted with the contact
	EndedUnmapped Ending = "unmapped" // the contact is gone, the participant stayed with other contacts
	EndedMerged   Ending = "merged"   // the contact lives on under another id
	EndedRemoved  Ending = "removed"  // Advocate's staff deleted the participant
)
