package activities

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
// inbox; while impact.com refuses the account, it stays pending and a later round
// wakes it.
func (a *Tracking) SendEvent(ctx context.Context, in TrackedEventInput) error {
	e, r, err := a.pending(ctx, in.ID)
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
		return retryable(a.logEvent(ctx, conn, e, r))
	}
	return retryable(a.submit(ctx, conn, e, r))
}

// pending reads an event that is to be sent, and what.
func (a *Tracking) pending(ctx context.Context, id int64) (e store.TrackedEvent, r request, err error) {
	e, sealed, err := a.events.PendingRequest(ctx, id)
	if err == nil && json.Unmarshal(sealed, &r) != nil {
		err = &bridge.Error{Kind: bridge.Invalid, Op: "activities.send_event", Err: errors.New("the recorded request is not what we record")}
	}
	return e, r, err
}

// submit hands a conversion in, or takes one back, unless impact.com refuses the
// account or would not take a conversion that old any more.
func (a *Tracking) submit(ctx context.Context, conn ConnectionClients, e store.TrackedEvent, r request) error {
	account, err := a.events.ImpactAccount(ctx, e.ConnectionID)
	if err != nil {
		return err
	}
	if account.Holds {
		return a.events.HoldEvent(ctx, e.ID)
	}
	if problem := r.Conversion.Dated(a.now()); problem != "" {
		return a.tooLate(ctx, e, problem)
	}
	release, err := a.turns.take(ctx, e.ConnectionID)
	if err != nil {
		return err
	}
	defer release()
	do := conn.Impact.Submit
	if e.Reversal {
		do = conn.Impact.Reverse
	}
	var receipt string
	err = a.attempt(ctx, e, r, func() (err error) {
		receipt, err = do(ctx, r.Conversion.Fields)
		return err
	})
	switch {
	case refusesAccount(err):
		return errors.Join(a.events.RefuseImpact(ctx, conn.ID, conn.Revision, refusal(err)), a.events.HoldEvent(ctx, e.ID))
	case err != nil || receipt == "": // ended, or to be tried again
		return err
	}
	if account.Refused() {
		if err := a.events.AcceptImpact(ctx, conn.ID); err != nil {
			return err
		}
	}
	return a.events.MarkSent(ctx, e.ID, receipt, a.now().Add(a.verdict))
}

// tooLate ends an event that has waited until impact.com would not take it.
func (a *Tracking) tooLate(ctx context.Context, e store.TrackedEvent, problem string) error {
	cause := bridge.CauseEventBlocked
	if e.Unanswered > 0 {
		cause, problem = bridge.CauseEventUnsent, "it was sent without an answer, and cannot be sent again: "+problem
	}
	return a.events.EndTracked(ctx, e.ID, store.TrackedEnd{
		State: store.TrackedError, Reason: problem, Unanswered: e.Unanswered > 0,
		Parked: &bridge.ParkedItem{Cause: cause, Advice: advice[cause], VendorMessage: problem},
	})
}

// refusesAccount tells a failure that every call of the connection would have.
func refusesAccount(err error) bool {
	kind := bridge.KindOf(err)
	return kind == bridge.Unauthorized || kind == bridge.Misdirected
}

// refusal is what the vendor says about the account, for people to read.
func refusal(err error) string {
	e, is := errors.AsType[*bridge.Error](err)
	if !is {
		return ""
	}
	said := bridge.Redact(e.VendorMessage)
	if e.Kind == bridge.Misdirected && e.Err != nil {
		said = e.Err.Error()
	}
	if e.Status != 0 {
		said = strings.TrimSpace(fmt.Sprintf("%d %s", e.Status, said))
	}
	return cmp.Or(said, "there is no account SID and token")
}

// logEvent records a user event, which Advocate judges at once. The
// participant's ids are read when they are needed: they are kept nowhere else.
func (a *Tracking) logEvent(ctx context.Context, conn ConnectionClients, e store.TrackedEvent, r request) error {
	mapped, err := a.events.MappedTo(ctx, e.ConnectionID, []string{e.ContactID})
	if err != nil {
		return err
	}
	id, is := mapped[e.ContactID]
	if !is {
		return a.events.EndTracked(ctx, e.ID, store.TrackedEnd{State: store.TrackedSkipped,
			Reason: "the contact is not mapped to a participant any more"})
	}
	logged := false
	err = a.attempt(ctx, e, r, func() error {
		err := conn.Advocate.LogEvent(ctx, id, advocate.UserEvent{
			Key: r.Event.Key, TriggeredAt: r.Event.TriggeredAt, Fields: r.Event.Fields, IdempotencyKey: e.OrderID,
		})
		logged = err == nil
		return err
	})
	if err != nil || !logged {
		return err
	}
	return a.events.EndTracked(ctx, e.ID, store.TrackedEnd{State: store.TrackedComplete})
}

// attempt makes one call that sends an event. That it is made is known before,
// and forgotten only once the vendor has answered: until then the event may
// count. What the vendor will not take as it is, is parked, and no error.
func (a *Tracking) attempt(ctx context.Context, e store.TrackedEvent, r request, call func() error) error {
	begun, err := a.events.BeginSend(ctx, e.ID)
	if err != nil || !begun {
		return err
	}
	err = call()
	switch bridge.KindOf(err) {
	case bridge.Throttled, bridge.Unauthorized, bridge.Misdirected:
		return errors.Join(a.events.DeclineSend(ctx, e.ID), err)
	case bridge.Invalid, bridge.NotFound, bridge.Conflict, bridge.DoNotTrack:
		return a.refused(ctx, e, r, err)
	default:
		return err
	}
}

// refused parks what the vendor will not take as it is. That the order id is used
// already is no refusal, where an earlier attempt went without an answer.
func (a *Tracking) refused(ctx context.Context, e store.TrackedEvent, r request, err error) error {
	item := parkedItem(bridge.CauseEventRefused, err, r.personal()...)
	if e.Unanswered > 0 && knownOrder.MatchString(item.VendorMessage) {
		return a.events.EndTracked(ctx, e.ID, counted(e))
	}
	return a.events.EndTracked(ctx, e.ID, store.TrackedEnd{
		State: store.TrackedError, Reason: "refused", VendorMessage: item.VendorMessage, Parked: item,
	})
}

// counted is the end of what counts, or counts no longer.
func counted(e store.TrackedEvent) store.TrackedEnd {
	if e.Reversal {
		return store.TrackedEnd{State: store.TrackedReversed}
	}
	return store.TrackedEnd{State: store.TrackedComplete}
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

// askAgain is how long what may count rests before it is sent again.
const askAgain = 6 * time.Hour

// AbandonEvent records that sending an event was given up. Where nobody knows
// what came of it, the request is kept, and a conversion is sent again after some
// hours, the same under the same order id. Advocate remembers the ids of events
// for a day only, so those wait for a person.
func (a *Tracking) AbandonEvent(ctx context.Context, in TrackedEventInput) error {
	e, r, err := a.pending(ctx, in.ID)
	if bridge.KindOf(err) == bridge.NotFound {
		return nil // it has ended after all
	}
	if err != nil {
		return retryable(err)
	}
	end := store.TrackedEnd{
		State: store.TrackedError, Reason: "not sent for a day",
		Parked: &bridge.ParkedItem{Cause: bridge.CauseEventUnsent, Advice: advice[bridge.CauseEventUnsent]},
	}
	if e.Unanswered > 0 {
		end.Reason, end.Unanswered, end.KeepRequest = "sent without an answer for a day: it may count", true, true
		if r.Conversion != nil {
			end.AskAgain = askAgain
		}
	}
	return retryable(a.events.EndTracked(ctx, in.ID, end))
}
