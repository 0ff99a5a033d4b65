package api

import (
	"context"
	"time"

	"advocatesync/internal/store"
)

// Deletions are the deletions that the guards hold.
type Deletions struct {
	ConnectionID string    `json:"connection_id"`
	Guard        int64     `json:"guard"`   // this many per hour need no approval; 0: any number
	Waiting      int64     `json:"waiting"` // contacts whose participants are not deleted yet
	Since        time.Time `json:"since,omitzero"`
	ContactIDs   []string  `json:"contact_ids"` // the first thousand

	ErasureGuard      int64     `json:"erasure_guard"`    // this many unconfirmed privacy deletions per hour need no approval; 0: any number
	ErasuresWaiting   int64     `json:"erasures_waiting"` // unconfirmed privacy deletions
	ErasuresSince     time.Time `json:"erasures_since,omitzero"`
	ErasureContactIDs []string  `json:"erasure_contact_ids"` // the first thousand
}

// DecideDeletions names the contacts whose deletions are approved or rejected.
type DecideDeletions struct {
	ContactIDs []string `json:"contact_ids,omitempty"` // none: all that wait
}

// DecidedDeletions says how many were decided.
type DecidedDeletions struct {
	Decided int64 `json:"decided"`
}

// DeletionGuard is how many deletions per hour need no approval.
type DeletionGuard struct {
	Guard *int `json:"guard"` // 0: no limit; null: the default
}

// deletionsShown is how many contacts are named.
const deletionsShown = 1000

func deletionsOf(connectionID string, w store.WaitingDeletions) Deletions {
	itself := func(id string) string { return id }
	return Deletions{
		ConnectionID: connectionID, Guard: w.Guard, Waiting: w.Waiting, Since: utc(w.Since), ContactIDs: collect(w.Contacts, itself),
		ErasureGuard: w.ErasureGuard, ErasuresWaiting: w.Erasures, ErasuresSince: utc(w.ErasuresSince), ErasureContactIDs: collect(w.ErasureContacts, itself),
	}
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

func (h *Handler) approveErasures(r *request) (any, error) {
	return h.decideDeletions(r, h.operator.ApproveErasures)
}

func (h *Handler) rejectErasures(r *request) (any, error) {
	return h.decideDeletions(r, h.operator.RejectErasures)
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
	return h.setGuard(r, h.operator.SetDeletionGuard)
}

func (h *Handler) setErasureGuard(r *request) (any, error) {
	return h.setGuard(r, h.operator.SetErasureGuard)
}

func (h *Handler) setGuard(r *request, set func(ctx context.Context, connectionID string, guard *int) error) (any, error) {
	var in DeletionGuard
	r.body(&in)
	c, err := h.connection(r)
	if err == nil {
		err = set(r.Context(), c.ID, in.Guard)
	}
	if err != nil {
		return nil, err
	}
	return h.getDeletions(r)
}

// Deletions returns the deletions of a connection that await approval.
func (c *Client) Deletions(ctx context.Context, connection string) (Deletions, error) {
	return send[Deletions](ctx, c, call{operation: "getDeletions", path: []string{connection}})
}

// ApproveDeletions approves waiting deletions: of some contacts, or all.
func (c *Client) ApproveDeletions(ctx context.Context, connection string, in DecideDeletions) (DecidedDeletions, error) {
	return send[DecidedDeletions](ctx, c, call{operation: "approveDeletions", path: []string{connection}, in: in})
}

// RejectDeletions unmaps contacts whose deletion waits, so that their
// participants stay: some contacts, or all.
func (c *Client) RejectDeletions(ctx context.Context, connection string, in DecideDeletions) (DecidedDeletions, error) {
	return send[DecidedDeletions](ctx, c, call{operation: "rejectDeletions", path: []string{connection}, in: in})
}

// SetDeletionGuard sets how many deletions per hour need no approval.
func (c *Client) SetDeletionGuard(ctx context.Context, connection string, in DeletionGuard) (Deletions, error) {
	return send[Deletions](ctx, c, call{operation: "setDeletionGuard", path: []string{connection}, in: in})
}

// ApproveErasures approves waiting privacy deletions: of some contacts, or all.
func (c *Client) ApproveErasures(ctx context.Context, connection string, in DecideDeletions) (DecidedDeletions, error) {
	return send[DecidedDeletions](ctx, c, call{operation: "approveErasures", path: []string{connection}, in: in})
}

// RejectErasures rejects waiting privacy deletions, so that nobody is erased: of
// some contacts, or all.
func (c *Client) RejectErasures(ctx context.Context, connection string, in DecideDeletions) (DecidedDeletions, error) {
	return send[DecidedDeletions](ctx, c, call{operation: "rejectErasures", path: []string{connection}, in: in})
}

// SetErasureGuard sets how many unconfirmed privacy deletions per hour need no
// approval.
func (c *Client) SetErasureGuard(ctx context.Context, connection string, in DeletionGuard) (Deletions, error) {
	return send[Deletions](ctx, c, call{operation: "setErasureGuard", path: []string{connection}, in: in})
}
