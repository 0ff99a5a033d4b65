package api

import (
	"context"
	"slices"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
)

// ParkedItem is work that waits for a person.
type ParkedItem struct {
	ID        int64  `json:"id"`
	ContactID string `json:"contact_id,omitempty"` // empty: a participant without a contact
	// TrackedEventID is what a trigger made of a change; left out: the item is
	// about the contact or participant itself.
	TrackedEventID int64 `json:"tracked_event_id,omitempty"`

	Cause         bridge.Cause `json:"cause"`
	Advice        string       `json:"advice"`
	VendorMessage string       `json:"words,omitempty"` // the vendor's
	ParkedAt      time.Time    `json:"parked_at"`
}

func parkedOf(item bridge.ParkedItem) ParkedItem {
	return ParkedItem{
		ID: item.ID, ContactID: item.ContactID, TrackedEventID: item.TrackedEventID, Cause: item.Cause, Advice: item.Advice, VendorMessage: item.VendorMessage, ParkedAt: utc(item.ParkedAt),
	}
}

// RetryRequest names what to try again: some items, or all.
type RetryRequest struct {
	IDs []int64 `json:"ids,omitempty"`
	All bool    `json:"all,omitempty"`
}

// Retried says what became of the request to retry.
type Retried struct {
	Retried      []int64  `json:"retried"`
	Participants []int64  `json:"participants"` // those of them without a contact: workflows read them again
	NotOpen      []int64  `json:"not_open"`     // closed already, unknown or of another connection: nothing was done
	WorkflowIDs  []string `json:"workflow_ids"`
	// Failure says why the rest was not retried; empty: there is no rest.
	Failure string `json:"failure,omitempty"`
}

// DiscardRequest names what to give up.
type DiscardRequest struct {
	IDs []int64 `json:"ids"`
}

// Discarded says what was given up.
type Discarded struct {
	Discarded []int64 `json:"discarded"`
	NotOpen   []int64 `json:"not_open"`          // closed already, unknown or of another connection: nothing was done
	Failure   string  `json:"failure,omitempty"` // why the rest was not discarded; empty: there is no rest
}

func (h *Handler) listParked(r *request) (any, error) {
	after, limit := r.cursor(), r.limit()
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	items, err := h.operator.Parked(r.Context(), c.ID, after, limit+1)
	return pageOf(items, limit, parkedOf, func(item bridge.ParkedItem) int64 { return item.ID }), err
}

func (h *Handler) retryParked(r *request) (any, error) {
	var in RetryRequest
	if r.body(&in); in.All == (len(in.IDs) > 0) {
		r.mistake("ids", "name the items, or say all: true")
	}
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	retry := func() (operator.Retried, error) { return h.operator.Retry(r.Context(), c.ID, in.IDs) }
	if in.All {
		retry = func() (operator.Retried, error) { return h.operator.RetryAll(r.Context(), c.ID) }
	}
	done, err := retry()
	out := Retried{
		Retried:      slices.Concat([]int64{}, done.Contacts, done.Events, done.Participants),
		Participants: append([]int64{}, done.Participants...), NotOpen: append([]int64{}, done.NotOpen...),
		WorkflowIDs: append([]string{}, done.Workflows...),
	}
	if err != nil && len(out.Retried) > 0 { // what was begun has to be told
		out.Failure, err = err.Error(), nil
	}
	return out, err
}

func (h *Handler) discardParked(r *request) (any, error) {
	var in DiscardRequest
	if r.body(&in); len(in.IDs) == 0 {
		r.mistake("ids", "name the items")
	}
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	discarded, notOpen, err := h.operator.Discard(r.Context(), c.ID, in.IDs)
	out := Discarded{Discarded: append([]int64{}, discarded...), NotOpen: append([]int64{}, notOpen...)}
	if err != nil && len(discarded) > 0 {
		out.Failure, err = err.Error(), nil
	}
	return out, err
}

// Parked returns what waits for a person, the oldest first: the page that an
// earlier one named, or the first for "".
func (c *Client) Parked(ctx context.Context, connection, page string) (Page[ParkedItem], error) {
	return send[Page[ParkedItem]](ctx, c, call{operation: "listParked", path: []string{connection}, query: pageQuery(page)})
}

// RetryParked has items tried again.
func (c *Client) RetryParked(ctx context.Context, connection string, in RetryRequest) (Retried, error) {
	return send[Retried](ctx, c, call{operation: "retryParked", path: []string{connection}, in: in})
}

// DiscardParked gives items up.
func (c *Client) DiscardParked(ctx context.Context, connection string, ids []int64) (Discarded, error) {
	return send[Discarded](ctx, c, call{operation: "discardParked", path: []string{connection}, in: DiscardRequest{IDs: ids}})
}

// Contacts are the retried items of contacts: these are looked at again.
func (r Retried) Contacts() []int64 {
	return slices.DeleteFunc(slices.Clone(r.Retried), func(id int64) bool { return slices.Contains(r.Participants, id) })
}
