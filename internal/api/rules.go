package api

import (
	"context"

	"advocatesync/internal/bridge"
)

// Rules are the sharing rules of a connection.
type Rules struct {
	ParticipantCreated bool `json:"participant_created"` // a new participant makes a contact
	ParticipantUpdated bool `json:"participant_updated"` // an updated, unmapped participant makes a contact
	ContactCreated     bool `json:"contact_created"`     // a new contact makes a participant
	ContactUpdated     bool `json:"contact_updated"`     // an updated, unmapped contact makes a participant
	SharePIIUpdates    bool `json:"share_pii_updates"`   // name and email of mapped contacts are sent to Advocate
}

// RuleChanges are the rules to set. Those that are nil stay as they are.
type RuleChanges struct {
	ParticipantCreated *bool `json:"participant_created,omitempty"`
	ParticipantUpdated *bool `json:"participant_updated,omitempty"`
	ContactCreated     *bool `json:"contact_created,omitempty"`
	ContactUpdated     *bool `json:"contact_updated,omitempty"`
	SharePIIUpdates    *bool `json:"share_pii_updates,omitempty"`
}

func rulesOf(c bridge.Connection) Rules {
	return Rules{
		ParticipantCreated: c.Rules.ParticipantCreated, ParticipantUpdated: c.Rules.ParticipantUpdated,
		ContactCreated: c.Rules.ContactCreated, ContactUpdated: c.Rules.ContactUpdated,
		SharePIIUpdates: c.SharePIIUpdates,
	}
}

func (h *Handler) getRules(r *request) (any, error) {
	c, err := h.connection(r)
	return rulesOf(c), err
}

func (h *Handler) changeRules(r *request) (any, error) {
	var in RuleChanges
	r.body(&in)
	if err := r.err(); err != nil {
		return nil, err
	}
	c, err := h.operator.ChangeRules(r.Context(), r.PathValue("connection"), bridge.RuleChanges(in))
	return rulesOf(c), err
}

// Rules returns a connection's sharing rules.
func (c *Client) Rules(ctx context.Context, connection string) (Rules, error) {
	return send[Rules](ctx, c, call{operation: "getRules", path: []string{connection}})
}

// ChangeRules sets some of a connection's sharing rules and returns them all.
// They count for what is decided from then on.
func (c *Client) ChangeRules(ctx context.Context, connection string, changes RuleChanges) (Rules, error) {
	return send[Rules](ctx, c, call{operation: "changeRules", path: []string{connection}, in: changes})
}
