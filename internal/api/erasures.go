package api

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// Erasure is one person's privacy deletion, from when it was heard until it is
// proven. Its only personal data is the contact's id.
type Erasure struct {
	ErasureID    int64               `json:"erasure_id"`
	ConnectionID string              `json:"connection_id"`
	ContactID    string              `json:"contact_id"` // empty: of a person without a contact
	Source       store.ErasureSource `json:"source"`
	RequestedBy  string              `json:"requested_by,omitempty"` // with the source operator alone
	Step         string              `json:"step"`                   // the last one that was done: heard, blocked, verified, deleted, checked, forgotten; or doubted

	OccurredAt  time.Time `json:"occurred_at"`
	HeardAt     time.Time `json:"heard_at"`
	VerifiedAt  time.Time `json:"verified_at,omitzero"`
	BlockedAt   time.Time `json:"blocked_at,omitzero"`
	DeletedAt   time.Time `json:"deleted_at,omitzero"`
	CheckedAt   time.Time `json:"checked_at,omitzero"`
	ForgottenAt time.Time `json:"forgotten_at,omitzero"`
	DoubtedAt   time.Time `json:"doubted_at,omitzero"`

	HubSpotAnswer  store.ErasureAnswer `json:"hubspot_answer,omitempty"`  // when it was asked again
	AdvocateAnswer store.ErasureAnswer `json:"advocate_answer,omitempty"` // the same

	Participants int `json:"participants_deleted"`
	Contacts     int `json:"contacts_forgotten"`
	Orphaned     int `json:"contacts_unmapped"` // others that lost their participant

	FailedAttempts int       `json:"failed_attempts"`
	Problem        string    `json:"problem,omitempty"` // of the last one
	TriedAt        time.Time `json:"tried_at,omitzero"`
}

func erasureOf(e store.ErasureRecord) Erasure {
	contact := e.ContactID
	if e.OfPerson() {
		contact = ""
	}
	return Erasure{
		ErasureID: e.ID, ConnectionID: e.ConnectionID, ContactID: contact, Source: e.Source, RequestedBy: e.RequestedBy, Step: stepOf(e),
		OccurredAt: utc(e.OccurredAt), HeardAt: utc(e.HeardAt), VerifiedAt: utc(e.VerifiedAt), BlockedAt: utc(e.BlockedAt),
		DeletedAt: utc(e.DeletedAt), CheckedAt: utc(e.CheckedAt), ForgottenAt: utc(e.ForgottenAt), DoubtedAt: utc(e.DoubtedAt),
		HubSpotAnswer: e.Check.HubSpot, AdvocateAnswer: e.Check.Advocate,
		Participants: e.Participants, Contacts: e.Contacts, Orphaned: e.Orphaned,
		FailedAttempts: e.Attempts, Problem: e.Problem, TriedAt: utc(e.TriedAt),
	}
}

// stepOf names the last step that was done.
func stepOf(e store.ErasureRecord) string {
	steps := e.Steps()
	if len(steps) == 0 {
		return ""
	}
	return steps[len(steps)-1].Name
}

// ErasureReceipt proves an erasure to whoever holds the published keys.
type ErasureReceipt struct {
	ErasureID int64  `json:"erasure_id"`
	Receipt   string `json:"receipt"` // a JWS in compact form
}

// PersonToErase names a person by email or as a participant. It is personal.
type PersonToErase struct {
	Email     string `json:"email,omitempty"`
	AccountID string `json:"account_id,omitempty"`
	UserID    string `json:"user_id,omitempty"`
}

// ErasePlan says what the erasure of a person would reach.
type ErasePlan struct {
	ShownContacts []string `json:"shown_contact_ids"` // have to be deleted in HubSpot first
	GoneContacts  []string `json:"gone_contact_ids"`
	Participants  int      `json:"participants"`
}

// ErasedPerson are the erasures that begin.
type ErasedPerson struct {
	Erasures []Erasure `json:"erasures"`
}

// person reads who is to be erased.
func (r *request) person() store.Person {
	var in PersonToErase
	r.body(&in)
	return store.Person{Email: in.Email, Identity: bridge.Identity{AccountID: in.AccountID, UserID: in.UserID}}
}

func (h *Handler) planErasePerson(r *request) (any, error) {
	person := r.person()
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	plan, err := h.operator.PlanErasePerson(r.Context(), c, person)
	return ErasePlan{
		ShownContacts: append([]string{}, plan.Shown...), GoneContacts: append([]string{}, plan.Contacts...), Participants: plan.Participants,
	}, err
}

func (h *Handler) erasePerson(r *request) (any, error) {
	person := r.person()
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	begun, err := h.operator.ErasePerson(r.Context(), c, person, r.caller)
	return ErasedPerson{Erasures: collect(begun, erasureOf)}, err
}

// ExportErasures asks for a page of an export.
type ExportErasures struct {
	Page string `json:"page,omitempty"` // next_page of the one before; left out: the first
}

// ErasureExport is a page of what it takes to replay all erasures over an older
// dump.
type ErasureExport struct {
	Page     string `json:"page"` // a JWS in compact form
	NextPage string `json:"next_page,omitempty"`
}

// ReplayErasures hands in a page of an export.
type ReplayErasures struct {
	Page string `json:"page"`
}

// ReplayedErasures says what came of it.
type ReplayedErasures struct {
	Tombstones     int64   `json:"tombstones_added"`
	Begun          int     `json:"erasures_begun"`
	Known          int     `json:"erasures_on_record"` // already
	Ended          int     `json:"erasures_of_ended_connections"`
	UnknownPortals []int64 `json:"unknown_portals"` // connect them, and replay again
}

func (h *Handler) exportErasures(r *request) (any, error) {
	var in ExportErasures
	r.body(&in)
	if err := r.err(); err != nil {
		return nil, err
	}
	page, next, err := h.operator.ExportErasures(r.Context(), in.Page)
	return ErasureExport{Page: page, NextPage: next}, err
}

func (h *Handler) replayErasures(r *request) (any, error) {
	var in ReplayErasures
	r.body(&in)
	r.required("page", in.Page)
	if err := r.err(); err != nil {
		return nil, err
	}
	done, err := h.operator.ReplayErasures(r.Context(), in.Page, r.caller)
	return ReplayedErasures{
		Tombstones: done.Tombstones, Begun: done.Begun, Known: done.Known, Ended: done.Ended,
		UnknownPortals: collect(done.UnknownPortals, func(id int64) int64 { return id }),
	}, err
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
	connection, open := r.parameter("connection"), r.flag("open")
	before, limit := r.cursor(), r.limit()
	if err := r.err(); err != nil {
		return nil, err
	}
	all, err := h.operator.Erasures(r.Context(), connection, open, before, limit+1)
	return pageOf(all, limit, erasureOf, func(e store.ErasureRecord) int64 { return e.ID }), err
}

// erasure reads the erasure's number in the path.
func (r *request) erasure() (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("erasure"), 10, 64)
	if err != nil || id < 1 {
		r.mistake("erasure", "must be a number")
	}
	return id, r.err()
}

func (h *Handler) getErasure(r *request) (any, error) {
	id, err := r.erasure()
	if err != nil {
		return nil, err
	}
	e, err := h.operator.Erasure(r.Context(), id)
	return erasureOf(e), err
}

func (h *Handler) getErasureReceipt(r *request) (any, error) {
	id, err := r.erasure()
	if err != nil {
		return nil, err
	}
	signed, err := h.operator.Receipt(r.Context(), id)
	return ErasureReceipt{ErasureID: id, Receipt: signed}, err
}

// EraseContact erases the person of a contact that HubSpot no longer shows.
func (c *Client) EraseContact(ctx context.Context, connection, contact string) (Erasure, error) {
	return send[Erasure](ctx, c, call{operation: "eraseContact", path: []string{connection, contact}})
}

// Erasures returns a page of erasures, latest first. cursor comes from the
// previous page; "" means the first page. An empty connection means all.
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

// ErasureReceipt returns the signed receipt of an erasure that is done.
func (c *Client) ErasureReceipt(ctx context.Context, id int64) (ErasureReceipt, error) {
	return send[ErasureReceipt](ctx, c, call{operation: "getErasureReceipt", path: []string{strconv.FormatInt(id, 10)}})
}

// ExportErasures returns a page of an export of all erasures.
func (c *Client) ExportErasures(ctx context.Context, page string) (ErasureExport, error) {
	return send[ErasureExport](ctx, c, call{operation: "exportErasures", in: ExportErasures{Page: page}})
}

// ReplayErasures carries a page of an export over the restoring of an older dump.
func (c *Client) ReplayErasures(ctx context.Context, page string) (ReplayedErasures, error) {
	return send[ReplayedErasures](ctx, c, call{operation: "replayErasures", in: ReplayErasures{Page: page}})
}

// PlanErasePerson tells what ErasePerson would reach.
func (c *Client) PlanErasePerson(ctx context.Context, connection string, p PersonToErase) (ErasePlan, error) {
	return send[ErasePlan](ctx, c, call{operation: "planErasePerson", path: []string{connection}, in: p})
}

// ErasePerson has a person erased by email or as a participant.
func (c *Client) ErasePerson(ctx context.Context, connection string, p PersonToErase) (ErasedPerson, error) {
	return send[ErasedPerson](ctx, c, call{operation: "erasePerson", path: []string{connection}, in: p})
}
