package api

import (
	"context"
	"net/url"
	"slices"
	"time"

	"advocatesync/internal/store"
)

// TrackedEvent is the event of a change that a trigger matched. It holds no
// personal data.
type TrackedEvent struct {
	ID                int64     `json:"id"`
	TriggerID         string    `json:"trigger_id"`
	TriggerVersion    int       `json:"trigger_version"`
	Object            string    `json:"object"` // contact, deal or company
	ObjectID          string    `json:"object_id"`
	Property          string    `json:"property,omitempty"` // that changed
	Form              string    `json:"form,omitempty"`     // that was submitted
	OccurredAt        time.Time `json:"occurred_at"`
	OrderID           string    `json:"order_id"` // the id at the vendor
	CustomerContactID string    `json:"customer_contact_id,omitempty"`
	State             string    `json:"state"`
	Imported          bool      `json:"imported"`          // an import made the change
	Reversal          bool      `json:"reversal"`          // the state is that of its reversal
	Reason            string    `json:"reason,omitempty"`  // ours
	VendorMessage     string    `json:"words,omitempty"`   // the vendor's
	Receipt           string    `json:"receipt,omitempty"` // of the vendor
	WaitUntil         time.Time `json:"wait_until,omitzero"`
	RecordedAt        time.Time `json:"recorded_at"`
	SentAt            time.Time `json:"sent_at,omitzero"`
	DecidedAt         time.Time `json:"decided_at,omitzero"`
}

func trackedOf(e store.TrackedEvent) TrackedEvent {
	return TrackedEvent{
		ID: e.ID, TriggerID: e.TriggerID, TriggerVersion: e.TriggerVersion, Object: string(e.ObjectType), ObjectID: e.ObjectID,
		Property: e.Property, Form: e.Form, OccurredAt: utc(e.OccurredAt), OrderID: e.OrderID, CustomerContactID: e.ContactID,
		State: string(e.State), Imported: e.Imported, Reversal: e.Reversal, Reason: e.Reason, VendorMessage: e.VendorMessage, Receipt: e.Receipt,
		WaitUntil: utc(e.WaitUntil), RecordedAt: utc(e.RecordedAt), SentAt: utc(e.SentAt), DecidedAt: utc(e.DecidedAt),
	}
}

var trackedStates = []store.TrackedState{
	store.TrackedWaiting, store.TrackedAwaitingApproval, store.TrackedPending, store.TrackedSent, store.TrackedComplete, store.TrackedError, store.TrackedSkipped, store.TrackedReversed,
}

func (h *Handler) listTrackedEvents(r *request) (any, error) {
	before, limit := r.cursor(), r.limit()
	filter := store.TrackedFilter{
		TriggerID: r.parameter("trigger"), ObjectID: r.parameter("object_id"), ContactID: r.parameter("contact_id"), Before: before, Limit: limit + 1,
	}
	if state := store.TrackedState(r.parameter("state")); state != "" {
		filter.States = []store.TrackedState{state}
		if !slices.Contains(trackedStates, state) {
			r.mistake("state", "must be one of %v", trackedStates)
		}
	}
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	events, err := h.operator.TrackedEvents(r.Context(), c.ID, filter)
	return pageOf(events, limit, trackedOf, func(e store.TrackedEvent) int64 { return e.ID }), err
}

// TrackedFilter selects tracked events. An empty field selects all.
type TrackedFilter struct {
	TriggerID string
	ObjectID  string
	ContactID string // the customer, or the record itself
	State     string
}

// TrackedEvents returns a page of the events of triggers, the latest first.
func (c *Client) TrackedEvents(ctx context.Context, connection string, f TrackedFilter, page string) (Page[TrackedEvent], error) {
	query := url.Values{}
	for name, value := range map[string]string{
		"trigger": f.TriggerID, "object_id": f.ObjectID, "contact_id": f.ContactID, "state": f.State, "page": page,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return send[Page[TrackedEvent]](ctx, c, call{operation: "listTrackedEvents", path: []string{connection}, query: query})
}
