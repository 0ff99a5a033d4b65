package api

import (
	"context"
	"net/url"
	"slices"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
)

// ParkedItem is work that waits for a person.
type ParkedItem struct {
	ID        int64  `json:"id"`
	ContactID string `json:"contact_id,omitempty"` // empty: a participant without a contact
	// TrackedEventID is the event of a trigger; left out: the item is about the
	// contact or participant itself.
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

// ParkedCause sums up the open items of one cause.
type ParkedCause struct {
	Cause  bridge.Cause `json:"cause"`
	Advice string       `json:"advice"`
	Count  int64        `json:"count"`
	Since  time.Time    `json:"since"` // the oldest was parked
}

// ParkedChoice names open items: some, all of one cause, or all.
type ParkedChoice struct {
	IDs   []int64      `json:"ids,omitempty"`
	Cause bridge.Cause `json:"cause,omitempty"`
	All   bool         `json:"all,omitempty"`
}

// Retried is the outcome of a request to retry.
type Retried struct {
	Retried      []int64  `json:"retried"`
	Participants []int64  `json:"participants"` // those of them without a contact: workflows read them again
	NotOpen      []int64  `json:"not_open"`     // closed already, unknown or of another connection: nothing was done
	WorkflowIDs  []string `json:"workflow_ids"`
	// Failure says why the other items were not retried; empty: there are none.
	Failure string `json:"failure,omitempty"`
}

// Discarded is the outcome of a request to discard.
type Discarded struct {
	Discarded []int64 `json:"discarded"`
	NotOpen   []int64 `json:"not_open"` // closed already, unknown or of another connection: nothing was done
}

func (h *Handler) listParked(r *request) (any, error) {
	after, limit, cause := r.cursor(), r.limit(), bridge.Cause(r.parameter("cause"))
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	items, err := h.operator.Parked(r.Context(), c.ID, cause, after, limit+1)
	return pageOf(items, limit, parkedOf, func(item bridge.ParkedItem) int64 { return item.ID }), err
}

func (h *Handler) getParkedCauses(r *request) (any, error) {
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	causes, err := h.operator.ParkedCauses(r.Context(), c.ID)
	return onePage(collect(causes, func(c store.ParkedCause) ParkedCause {
		return ParkedCause{Cause: c.Cause, Advice: c.Advice, Count: c.Count, Since: utc(c.Since)}
	})), err
}

// parkedChoice reads which items to act on.
func (r *request) parkedChoice() (in ParkedChoice) {
	r.body(&in)
	said := 0
	for _, one := range []bool{len(in.IDs) > 0, in.Cause != "", in.All} {
		if one {
			said++
		}
	}
	if said != 1 {
		r.mistake("ids", "name the items, or their cause, or say all: true")
	}
	return in
}

func (h *Handler) retryParked(r *request) (any, error) {
	in := r.parkedChoice()
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	retry := func() (operator.Retried, error) { return h.operator.Retry(r.Context(), c.ID, in.IDs) }
	if len(in.IDs) == 0 {
		retry = func() (operator.Retried, error) { return h.operator.RetryCause(r.Context(), c.ID, in.Cause) }
	}
	done, err := retry()
	out := Retried{
		Retried:      slices.Concat([]int64{}, done.Contacts, done.Events, done.Participants),
		Participants: append([]int64{}, done.Participants...), NotOpen: append([]int64{}, done.NotOpen...),
		WorkflowIDs: append([]string{}, done.Workflows...),
	}
	if err != nil && len(out.Retried) > 0 { // the answer has to say what was begun
		out.Failure, err = err.Error(), nil
	}
	return out, err
}

func (h *Handler) discardParked(r *request) (any, error) {
	in := r.parkedChoice()
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	var discarded, notOpen []int64
	if len(in.IDs) > 0 {
		discarded, notOpen, err = h.operator.Discard(r.Context(), c.ID, in.IDs)
	} else {
		discarded, err = h.operator.DiscardCause(r.Context(), c.ID, in.Cause)
	}
	return Discarded{Discarded: append([]int64{}, discarded...), NotOpen: append([]int64{}, notOpen...)}, err
}

// Parked returns a page of the open items, the oldest first: the one that an
// earlier page named, or the first for ""; of one cause, or of all causes for "".
func (c *Client) Parked(ctx context.Context, connection string, cause bridge.Cause, page string) (Page[ParkedItem], error) {
	query := url.Values{}
	if cause != "" {
		query.Set("cause", string(cause))
	}
	if page != "" {
		query.Set("page", page)
	}
	return send[Page[ParkedItem]](ctx, c, call{operation: "listParked", path: []string{connection}, query: query})
}

// ParkedCauses groups the open items by cause, the most frequent first.
func (c *Client) ParkedCauses(ctx context.Context, connection string) ([]ParkedCause, error) {
	page, err := send[Page[ParkedCause]](ctx, c, call{operation: "getParkedCauses", path: []string{connection}})
	return page.Items, err
}

// RetryParked retries items.
func (c *Client) RetryParked(ctx context.Context, connection string, in ParkedChoice) (Retried, error) {
	return send[Retried](ctx, c, call{operation: "retryParked", path: []string{connection}, in: in})
}

// DiscardParked discards items.
func (c *Client) DiscardParked(ctx context.Context, connection string, in ParkedChoice) (Discarded, error) {
	return send[Discarded](ctx, c, call{operation: "discardParked", path: []string{connection}, in: in})
}

// Contacts returns the retried items of contacts, which are synced again.
func (r Retried) Contacts() []int64 {
	return slices.DeleteFunc(slices.Clone(r.Retried), func(id int64) bool { return slices.Contains(r.Participants, id) })
}
