package api

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"advocatesync/internal/store"
)

// Erasure is one person's privacy deletion, from the moment it was heard until
// it is proven. Nothing in it is personal but the contact's id.
type Erasure struct {
	ErasureID    int64               `json:"erasure_id"`
	ConnectionID string              `json:"connection_id"`
	ContactID    string              `json:"contact_id"`
	Source       store.ErasureSource `json:"source"`
	RequestedBy  string              `json:"requested_by,omitempty"` // with the source operator alone
	Step         string              `json:"step"`                   // the last one that was done: heard, verified, blocked, deleted, checked, forgotten; or doubted

	OccurredAt  time.Time `json:"occurred_at"`
	HeardAt     time.Time `json:"heard_at"`
	VerifiedAt  time.Time `json:"verified_at,omitzero"`
	BlockedAt   time.Time `json:"blocked_at,omitzero"`
	DeletedAt   time.Time `json:"deleted_at,omitzero"`
	CheckedAt   time.Time `json:"checked_at,omitzero"`
	ForgottenAt time.Time `json:"forgotten_at,omitzero"`
	DoubtedAt   time.Time `json:"doubted_at,omitzero"`

	Participants int `json:"participants_deleted"`
	Contacts     int `json:"contacts_forgotten"`
	Orphaned     int `json:"contacts_unmapped"` // others that lost their participant

	FailedAttempts int       `json:"failed_attempts"`
	Problem        string    `json:"problem,omitempty"` // of the last one
	TriedAt        time.Time `json:"tried_at,omitzero"`
}

func erasureOf(e store.ErasureRecord) Erasure {
	return Erasure{
		ErasureID: e.ID, ConnectionID: e.ConnectionID, ContactID: e.ContactID, Source: e.Source, RequestedBy: e.RequestedBy, Step: stepOf(e),
		OccurredAt: utc(e.OccurredAt), HeardAt: utc(e.HeardAt), VerifiedAt: utc(e.VerifiedAt), BlockedAt: utc(e.BlockedAt),
		DeletedAt: utc(e.DeletedAt), CheckedAt: utc(e.CheckedAt), ForgottenAt: utc(e.ForgottenAt), DoubtedAt: utc(e.DoubtedAt),
		Participants: e.Participants, Contacts: e.Contacts, Orphaned: e.Orphaned,
		FailedAttempts: e.Attempts, Problem: e.Problem, TriedAt: utc(e.TriedAt),
	}
}

// stepOf names the last step that was done.
func stepOf(e store.ErasureRecord) string {
	switch {
	case !e.DoubtedAt.IsZero():
		return "doubted"
	case !e.ForgottenAt.IsZero():
		return "forgotten"
	case !e.CheckedAt.IsZero():
		return "checked"
	case !e.DeletedAt.IsZero():
		return "deleted"
	case !e.BlockedAt.IsZero():
		return "blocked"
	case !e.VerifiedAt.IsZero():
		return "verified"
	default:
		return "heard"
	}
}

func (h *Handler) eraseContact(r *request) (any, error) {
	id := r.contact()
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	e, err := h.operator.Erase(r.Context(), c, id, r.caller)
	return erasureOf(e), err
}

func (h *Handler) listErasures(r *request) (any, error) {
	connection, open := r.parameter("connection"), r.parameter("open")
	before, limit := r.cursor(), r.limit()
	if open != "" && open != "true" && open != "false" {
		r.mistake("open", "must be true or false")
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	all, err := h.operator.Erasures(r.Context(), connection, open == "true", before, limit+1)
	return pageOf(all, limit, erasureOf, func(e store.ErasureRecord) int64 { return e.ID }), err
}

func (h *Handler) getErasure(r *request) (any, error) {
	id, err := strconv.ParseInt(r.PathValue("erasure"), 10, 64)
	if err != nil || id < 1 {
		r.mistake("erasure", "must be a number")
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	e, err := h.operator.Erasure(r.Context(), id)
	return erasureOf(e), err
}

// EraseContact has the person of a contact erased that HubSpot does not show any
// more.
func (c *Client) EraseContact(ctx context.Context, connection, contact string) (Erasure, error) {
	return send[Erasure](ctx, c, call{operation: "eraseContact", path: []string{connection, contact}})
}

// Erasures returns a page of erasures, the latest first: the page that an
// earlier one named, or the first for "". An empty connection means all.
func (c *Client) Erasures(ctx context.Context, connection string, open bool, page string) (Page[Erasure], error) {
	query := url.Values{}
	if connection != "" {
		query.Set("connection", connection)
	}
	if open {
		query.Set("open", "true")
	}
	if page != "" {
		query.Set("page", page)
	}
	return send[Page[Erasure]](ctx, c, call{operation: "listErasures", query: query})
}

// Erasure returns one erasure.
func (c *Client) Erasure(ctx context.Context, id int64) (Erasure, error) {
	return send[Erasure](ctx, c, call{operation: "getErasure", path: []string{strconv.FormatInt(id, 10)}})
}
