package api

import (
	"context"
	"time"

	"advocatesync/internal/store"
)

// Deletions are what the guard of deletions in numbers holds back.
type Deletions struct {
	ConnectionID string    `json:"connection_id"`
	Guard        int64     `json:"guard"`   // so many within an hour go through without a question; 0: any number
	Waiting      int64     `json:"waiting"` // contacts whose participants are not deleted yet
	Since        time.Time `json:"since,omitzero"`
	ContactIDs   []string  `json:"contact_ids"` // the first thousand
}

// DecideDeletions names whose deletions are decided about.
type DecideDeletions struct {
	ContactIDs []string `json:"contact_ids,omitempty"` // none: all that wait
}

// DecidedDeletions says how many were decided about.
type DecidedDeletions struct {
	Decided int64 `json:"decided"`
}

// DeletionGuard is how many deletions within an hour go through.
type DeletionGuard struct {
	Guard *int `json:"guard"` // 0: any number; null: the default
}

// deletionsShown is how many contacts are named.
const deletionsShown = 1000

func deletionsOf(connectionID string, w store.WaitingDeletions) Deletions {
	return Deletions{ConnectionID: connectionID, Guard: w.Guard, Waiting: w.Waiting, Since: utc(w.Since), ContactIDs: collect(w.Contacts, func(id string) string { return id })}
}

func (h *Handler) getDeletions(r *request) (any, error) {
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	waiting, err := h.operator.WaitingDeletions(r.Context(), c.ID, "", deletionsShown)
	return deletionsOf(c.ID, waiting), err
}

func (h *Handler) approveDeletions(r *request) (any, error) {
	return h.decideDeletions(r, h.operator.ApproveDeletions)
}

func (h *Handler) rejectDeletions(r *request) (any, error) {
	return h.decideDeletions(r, h.operator.RejectDeletions)
}

func (h *Handler) decideDeletions(r *request, decide func(ctx context.Context, connectionID string, contacts []string) (int64, error)) (any, error) {
	var in DecideDeletions
	r.body(&in)
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	n, err := decide(r.Context(), c.ID, in.ContactIDs)
	return DecidedDeletions{Decided: n}, err
}

func (h *Handler) setDeletionGuard(r *request) (any, error) {
	var in DeletionGuard
	r.body(&in)
	c, err := h.connection(r)
	if err == nil {
		err = h.operator.SetDeletionGuard(r.Context(), c.ID, in.Guard)
	}
	if err != nil {
		return nil, err
	}
	return h.getDeletions(r)
}

// Deletions returns the deletions of a connection that wait for a person.
func (c *Client) Deletions(ctx context.Context, connection string) (Deletions, error) {
	return send[Deletions](ctx, c, call{operation: "getDeletions", path: []string{connection}})
}

// ApproveDeletions has deletions that wait go through: of some contacts, or all.
func (c *Client) ApproveDeletions(ctx context.Context, connection string, in DecideDeletions) (DecidedDeletions, error) {
	return send[DecidedDeletions](ctx, c, call{operation: "approveDeletions", path: []string{connection}, in: in})
}

// RejectDeletions unmaps contacts whose deletion waits, so that their
// participants stay: some contacts, or all.
func (c *Client) RejectDeletions(ctx context.Context, connection string, in DecideDeletions) (DecidedDeletions, error) {
	return send[DecidedDeletions](ctx, c, call{operation: "rejectDeletions", path: []string{connection}, in: in})
}

// SetDeletionGuard sets how many deletions within an hour go through.
func (c *Client) SetDeletionGuard(ctx context.Context, connection string, in DeletionGuard) (Deletions, error) {
	return send[Deletions](ctx, c, call{operation: "setDeletionGuard", path: []string{connection}, in: in})
}
