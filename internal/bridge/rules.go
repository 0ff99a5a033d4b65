package bridge

// Rules are the sharing rules that an operator can turn on and off. A rule that is
// off also turns off matching in its direction. All are on by default.
type Rules struct {
	ParticipantCreated bool // a new participant creates a contact
	ParticipantUpdated bool // an update of an unmapped participant creates a contact
	ContactCreated     bool // a new contact creates a participant
	ContactUpdated     bool // an update of an unmapped contact creates a participant
}

// DefaultRules has every rule on.
var DefaultRules = Rules{ParticipantCreated: true, ParticipantUpdated: true, ContactCreated: true, ContactUpdated: true}

// RuleChanges are changes to a connection's rules. A nil field leaves its rule as
// it is.
type RuleChanges struct {
	ParticipantCreated *bool
	ParticipantUpdated *bool
	ContactCreated     *bool
	ContactUpdated     *bool
	SharePIIUpdates    *bool
}
