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

// request is stored sealed until the vendor has answered.
type request struct {
	Conversion *trigger.ConversionRequest `json:"conversion,omitempty"`
	Event      *trigger.EventRequest      `json:"event,omitempty"`
}

// TrackedEventInput names an event of a trigger.
type TrackedEventInput struct {
	ConnectionID string `json:"connection_id"`
	ID           int64  `json:"tracked_event_id"`
}

// SendEvent sends a recorded event, and records the vendor's answer. A second run
// sends the same request under the same order id, which the vendor accepts once. An
// event that is no longer pending is left alone. While the connection is suspended
// the event stays pending, and a hint about its record waits in the inbox. While
// impact.com refuses the account the event stays pending, and a later round wakes
// it.
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
	// The person may have been erased since. The erasure also deletes the request, but
	// perhaps only after we read it.
	erased, err := a.store.Erased(ctx, in.ConnectionID, a.hash.ContactID(e.ContactID))
	if err != nil {
		return retryable(err)
	}
	if erased {
		return retryable(a.store.EndTracked(ctx, e.ID, store.TrackedEnd{State: store.TrackedSkipped, Reason: string(bridge.ReasonErased)}))
	}
	if r.Event != nil {
		return retryable(a.logEvent(ctx, conn, e, r))
	}
	return retryable(a.submit(ctx, conn, e, r))
}

// pending reads a pending event and its request.
func (a *Tracking) pending(ctx context.Context, id int64) (e store.TrackedEvent, r request, err error) {
	e, sealed, err := a.store.PendingRequest(ctx, id)
	if err == nil && json.Unmarshal(sealed, &r) != nil {
		err = &bridge.Error{Kind: bridge.Invalid, Op: "activities.send_event", Err: errors.New("the recorded request is not what we record")}
	}
	return e, r, err
}

// submit submits a conversion, or reverses one, unless impact.com refuses the
// account or the conversion has become too old.
func (a *Tracking) submit(ctx context.Context, conn ConnectionClients, e store.TrackedEvent, r request) error {
	account, err := a.store.ImpactAccount(ctx, e.ConnectionID)
	if err != nil {
		return err
	}
	if account.Holds {
		return a.store.HoldEvent(ctx, e.ID)
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
		return errors.Join(a.store.RefuseImpact(ctx, conn.ID, conn.Revision, refusal(err)), a.store.HoldEvent(ctx, e.ID))
	case err != nil || receipt == "": // the event has ended, or is retried
		return err
	}
	if account.Refused() {
		if err := a.store.AcceptImpact(ctx, conn.ID); err != nil {
			return err
		}
	}
	return a.store.MarkSent(ctx, e.ID, receipt, a.now().Add(a.verdict))
}

// tooLate ends an event that has become too old for impact.com to accept.
func (a *Tracking) tooLate(ctx context.Context, e store.TrackedEvent, problem string) error {
	cause := bridge.CauseEventBlocked
	if e.Unanswered > 0 {
		cause, problem = bridge.CauseEventUnsent, "it was sent without an answer, and cannot be sent again: "+problem
	}
	return a.store.EndTracked(ctx, e.ID, store.TrackedEnd{
		State: store.TrackedError, Reason: problem, Unanswered: e.Unanswered > 0,
		Parked: &bridge.ParkedItem{Cause: cause, Advice: cause.Advice(), VendorMessage: problem},
	})
}

// refusesAccount reports whether every call of the connection would fail in this
// way.
func refusesAccount(err error) bool {
	kind := bridge.KindOf(err)
	return kind == bridge.Unauthorized || kind == bridge.Misdirected
}

// refusal returns what the vendor says about the account, for people to read.
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

// logEvent sends a user event, which Advocate answers at once. The participant's
// ids are read now, because they are stored nowhere else.
func (a *Tracking) logEvent(ctx context.Context, conn ConnectionClients, e store.TrackedEvent, r request) error {
	mapped, err := a.store.MappedTo(ctx, e.ConnectionID, []string{e.ContactID})
	if err != nil {
		return err
	}
	id, is := mapped[e.ContactID]
	if !is {
		return a.store.EndTracked(ctx, e.ID, store.TrackedEnd{State: store.TrackedSkipped,
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
	return a.store.EndTracked(ctx, e.ID, store.TrackedEnd{State: store.TrackedComplete})
}

// attempt makes one call that sends an event. It records the attempt first and
// clears that record only once the vendor has answered: until then the event may
// count. If the vendor refuses the event, it is parked and attempt returns nil.
func (a *Tracking) attempt(ctx context.Context, e store.TrackedEvent, r request, call func() error) error {
	begun, err := a.store.BeginSend(ctx, e.ID)
	if err != nil || !begun {
		return err
	}
	err = call()
	switch bridge.KindOf(err) {
	case bridge.Throttled, bridge.Unauthorized, bridge.Misdirected:
		return errors.Join(a.store.DeclineSend(ctx, e.ID), err)
	case bridge.Invalid, bridge.NotFound, bridge.Conflict, bridge.DoNotTrack:
		return a.refused(ctx, e, r, err)
	default:
		return err
	}
}

// refused parks an event that the vendor refuses. If an earlier attempt got no
// answer, the error that the order id was used already is no refusal.
func (a *Tracking) refused(ctx context.Context, e store.TrackedEvent, r request, err error) error {
	item := parkedItem(bridge.CauseEventRefused, err, r.personal()...)
	if e.Unanswered > 0 && knownOrder.MatchString(item.VendorMessage) {
		return a.store.EndTracked(ctx, e.ID, counted(e))
	}
	return a.store.EndTracked(ctx, e.ID, store.TrackedEnd{
		State: store.TrackedError, Reason: "refused", VendorMessage: item.VendorMessage, Parked: item,
	})
}

// counted returns the end of an event that now counts, or, for a reversal, no
// longer counts.
func counted(e store.TrackedEvent) store.TrackedEnd {
	if e.Reversal {
		return store.TrackedEnd{State: store.TrackedReversed}
	}
	return store.TrackedEnd{State: store.TrackedComplete}
}

// ours lists the fields of a conversion that hold no personal data.
var ours = []string{"CampaignId", "ActionTrackerId", "EventTypeId", "EventTypeCode", "OrderId", "EventDate", "CurrencyCode", "DispositionCode", "Amount"}

// personal returns the values that must be redacted from a vendor's message.
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

// texts returns all texts in nested fields.
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

// askAgain is the pause before a conversion that may count is sent again.
const askAgain = 6 * time.Hour

// AbandonEvent records that sending an event was given up. If the vendor never
// answered, the request is kept and a conversion is sent again after askAgain,
// under the same order id. Advocate remembers the ids of user events for a day
// only, so those wait for a person.
func (a *Tracking) AbandonEvent(ctx context.Context, in TrackedEventInput) error {
	e, r, err := a.pending(ctx, in.ID)
	if bridge.KindOf(err) == bridge.NotFound {
		return nil // it has ended meanwhile
	}
	if err != nil {
		return retryable(err)
	}
	end := store.TrackedEnd{
		State: store.TrackedError, Reason: "not sent for a day",
		Parked: &bridge.ParkedItem{Cause: bridge.CauseEventUnsent, Advice: bridge.CauseEventUnsent.Advice()},
	}
	if e.Unanswered > 0 {
		end.Reason, end.Unanswered, end.KeepRequest = "sent without an answer for a day: it may count", true, true
		if r.Conversion != nil {
			end.AskAgain = askAgain
		}
	}
	return retryable(a.store.EndTracked(ctx, in.ID, end))
}
