package api

import (
	"context"
	"time"

	"advocatesync/internal/bridge"
)

// Rules are the sharing rules of a connection.
type Rules struct {
	ParticipantCreated bool `json:"participant_created"` // a new participant creates a contact
	ParticipantUpdated bool `json:"participant_updated"` // an updated, unmapped participant creates a contact
	ContactCreated     bool `json:"contact_created"`     // a new contact creates a participant
	ContactUpdated     bool `json:"contact_updated"`     // an updated, unmapped contact creates a participant
	SharePIIUpdates    bool `json:"share_pii_updates"`   // name and email of mapped contacts are sent to Advocate
}

// RuleChanges are changes to rules. A nil field leaves its rule as it is.
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

// RuleEffects counts the contacts and participants that the sharing rules concern.
type RuleEffects struct {
	MappedContacts      int64     `json:"mapped_contacts"`
	ContactsKeptOut     int64     `json:"contacts_kept_out"`     // without a participant because a rule was off
	ParticipantsKeptOut int64     `json:"participants_kept_out"` // at the latest finished mass sync or dry run
	CountedAt           time.Time `json:"counted_at,omitzero"`   // when that was; left out: there was none

	CountsAge // of the numbers of contacts
}

func (h *Handler) getRuleEffects(r *request) (any, error) {
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	e, err := h.operator.RuleEffects(r.Context(), c)
	return RuleEffects{
		MappedContacts: e.MappedContacts, ContactsKeptOut: e.ContactsKeptOut, ParticipantsKeptOut: e.ParticipantsKeptOut, CountedAt: utc(e.CountedAt),
		CountsAge: countsAgeOf(e.Counted),
	}, err
}

// RuleEffects counts the contacts and participants that a connection's sharing
// rules concern now.
func (c *Client) RuleEffects(ctx context.Context, connection string) (RuleEffects, error) {
	return send[RuleEffects](ctx, c, call{operation: "getRuleEffects", path: []string{connection}})
}

// Rules returns a connection's sharing rules.
func (c *Client) Rules(ctx context.Context, connection string) (Rules, error) {
	return send[Rules](ctx, c, call{operation: "getRules", path: []string{connection}})
}

// ChangeRules changes some of a connection's sharing rules and returns them all.
// They apply to later decisions.
func (c *Client) ChangeRules(ctx context.Context, connection string, changes RuleChanges) (Rules, error) {
	return send[Rules](ctx, c, call{operation: "changeRules", path: []string{connection}, in: changes})
}
