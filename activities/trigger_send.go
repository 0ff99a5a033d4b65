package activities

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"advocatesync/internal/advocate"
	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// request is what is kept, sealed, between its recording and its answer.
type request struct {
	Conversion *trigger.ConversionRequest `json:"conversion,omitempty"`
	Event      *trigger.EventRequest      `json:"event,omitempty"`
}

// TrackedEventInput names what became of a change.
type TrackedEventInput struct {
	ConnectionID string `json:"connection_id"`
	ID           int64  `json:"tracked_event_id"`
}

// SendEvent sends what was recorded, and records the vendor's answer. Whatever
// it is run again for, it sends the same under the same order id, which the
// vendor takes once. An event that is not pending any more is left alone. While
// the connection's work waits, it stays pending, and its record waits in the
// inbox.
func (a *Tracking) SendEvent(ctx context.Context, in TrackedEventInput) error {
	e, sealed, err := a.events.PendingRequest(ctx, in.ID)
	if bridge.KindOf(err) == bridge.NotFound {
		return nil
	}
	if err != nil {
		return retryable(err)
	}
	conn, err := a.connections.Open(ctx, in.ConnectionID)
	if errors.Is(err, bridge.ErrSuspended) {
		return retryable(a.postpone(ctx, e.ConnectionID, e.ObjectType, e.ObjectID, bridge.ObjectHints{RecheckAt: a.now()}))
	}
	if err != nil {
		return retryable(err)
	}
	var r request
	if err := json.Unmarshal(sealed, &r); err != nil {
		return retryable(&bridge.Error{Kind: bridge.Invalid, Op: "activities.send_event", Err: errors.New("the recorded request is not what we record")})
	}
	// Somebody may have been erased since: the erasure also blanks the request,
	// but it may have come after we read it.
	erased, err := a.events.Erased(ctx, in.ConnectionID, a.hash.ContactID(e.ContactID))
	if err != nil {
		return retryable(err)
	}
	if erased {
		return retryable(a.events.EndTracked(ctx, e.ID, store.TrackedEnd{State: store.TrackedSkipped, Reason: string(bridge.ReasonErased)}))
	}
	if r.Event != nil {
		err = a.logEvent(ctx, conn, e, *r.Event)
		a.connections.Observe(ctx, conn.Connection, err, VendorAdvocate)
	} else {
		// A refusal of the account's credentials is not told on: it would have
		// contacts wait, whom it does not concern.
		err = a.submit(ctx, conn, e, r.Conversion.Fields)
	}
	return retryable(a.refused(ctx, e, r, err))
}

// submit hands a conversion in, or takes one back.
func (a *Tracking) submit(ctx context.Context, conn ConnectionClients, e store.TrackedEvent, fields map[string]string) error {
	do := conn.Impact.Submit
	if e.Reversal {
		do = conn.Impact.Reverse
	}
	receipt, err := do(ctx, fields)
	if err != nil {
		return err
	}
	return a.events.MarkSent(ctx, e.ID, receipt, a.now().Add(a.verdict))
}

// logEvent records a user event, which Advocate judges at once. The
// participant's ids are read when they are needed: they are kept nowhere else.
func (a *Tracking) logEvent(ctx context.Context, conn ConnectionClients, e store.TrackedEvent, event trigger.EventRequest) error {
	mapped, err := a.events.MappedTo(ctx, e.ConnectionID, []string{e.ContactID})
	if err != nil {
		return err
	}
	id, is := mapped[e.ContactID]
	if !is {
		return a.events.EndTracked(ctx, e.ID, store.TrackedEnd{State: store.TrackedSkipped,
			Reason: "the contact is not mapped to a participant any more"})
	}
	err = conn.Advocate.LogEvent(ctx, id, advocate.UserEvent{
		Key: event.Key, TriggeredAt: event.TriggeredAt, Fields: event.Fields, IdempotencyKey: e.OrderID,
	})
	if err != nil {
		return err
	}
	return a.events.EndTracked(ctx, e.ID, store.TrackedEnd{State: store.TrackedComplete})
}

// refused parks what the vendor will not take as it is, and returns every other
// error.
func (a *Tracking) refused(ctx context.Context, e store.TrackedEvent, r request, err error) error {
	switch bridge.KindOf(err) {
	case bridge.Invalid, bridge.NotFound, bridge.Conflict, bridge.DoNotTrack:
	default:
		return err
	}
	var refusal *bridge.Error
	if !errors.As(err, &refusal) || strings.HasPrefix(refusal.Op, "store.") {
		return err
	}
	item := parkedItem(bridge.CauseEventRefused, err, r.personal()...)
	return a.events.EndTracked(ctx, e.ID, store.TrackedEnd{
		State: store.TrackedError, Reason: "refused", VendorMessage: item.VendorMessage, Parked: item,
	})
}

// ours are the fields of a conversion that hold nothing of a person.
var ours = []string{"CampaignId", "ActionTrackerId", "EventTypeId", "EventTypeCode", "OrderId", "EventDate", "CurrencyCode", "DispositionCode", "Amount"}

// personal are the values that a vendor's words must not quote.
func (r request) personal() []string {
	var values []string
	if r.Conversion != nil {
		for name, value := range r.Conversion.Fields {
			if !slices.Contains(ours, name) {
				values = append(values, value)
			}
		}
	}
	if r.Event != nil {
		values = append(values, texts(r.Event.Fields)...)
	}
	return values
}

// texts are all texts in nested fields.
func texts(v any) []string {
	var all []string
	switch v := v.(type) {
	case string:
		all = append(all, v)
	case map[string]any:
		for _, inner := range v {
			all = append(all, texts(inner)...)
		}
	case []any:
		for _, inner := range v {
			all = append(all, texts(inner)...)
		}
	}
	return all
}

// AbandonEvent records that sending an event was given up. What came of it is
// not known; sending it again sends it under the same order id.
func (a *Tracking) AbandonEvent(ctx context.Context, in TrackedEventInput) error {
	return retryable(a.events.EndTracked(ctx, in.ID, store.TrackedEnd{
		State: store.TrackedError, Reason: "not sent for a day",
		Parked: &bridge.ParkedItem{Cause: bridge.CauseEventUnsent, Advice: advice[bridge.CauseEventUnsent]},
	}))
}
