package operator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"advocatesync/internal/advocate"
	"advocatesync/internal/bridge"
	"advocatesync/internal/facts"
	"advocatesync/internal/impact"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// TriggerTrial is what a trigger decides about a record as it is now. The request
// is personal: it goes only to whoever asked, and is never stored or logged.
type TriggerTrial struct {
	TriggerID string
	Version   int
	Object    bridge.ObjectType
	ObjectID  string

	Decision   trigger.Decision
	CustomerID string             // the credited contact; empty if there is none
	Tracked    store.TrackedState // of the event with the same order id; empty: there is none
	Request    *Request           // what would be sent; nil if nothing would
	Assumed    []string           // assumptions in place of facts that a trial lacks
}

// Request is a call to a vendor.
type Request struct {
	Method string
	Path   string
	Form   map[string]string // form fields; in the query for DELETE
	Body   any               // JSON, if there is no form
}

// TestTrigger reads a record live and returns what a trigger, enabled or not,
// decides about it. Nothing is sent.
func (o *Operator) TestTrigger(ctx context.Context, c bridge.Connection, id, objectID string) (TriggerTrial, error) {
	if err := CheckContactID(objectID); err != nil { // ids of all record types have the same form
		return TriggerTrial{}, refuse(bridge.Invalid, "object_id", "%q is not a record id: ids are numbers, as in the address of the record's HubSpot page", objectID)
	}
	kept, err := o.trigger(ctx, c.ID, id)
	if err != nil {
		return TriggerTrial{}, err
	}
	t, err := compiled(kept)
	if err != nil {
		return TriggerTrial{}, err
	}
	credentials, _, err := o.store.Credentials(ctx, c.ID)
	if err != nil {
		return TriggerTrial{}, err
	}
	clients := o.clients(c, credentials)
	trial := &trial{
		operator: o, connection: c, credentials: credentials, trigger: t,
		source: facts.Source{
			Connection: c, HubSpot: o.portal(c, clients), Advocate: clients.Advocate, Mappings: o.store,
		},
		result: TriggerTrial{TriggerID: id, Version: kept.Version, Object: t.Definition().Object, ObjectID: objectID},
	}
	err = trial.run(ctx)
	return trial.result, err
}

// trial evaluates one trigger on one record, with the facts that the live path
// would gather.
type trial struct {
	operator    *Operator
	connection  bridge.Connection
	credentials store.Credentials
	source      facts.Source
	trigger     *trigger.Trigger
	result      TriggerTrial
}

func (t *trial) run(ctx context.Context) error {
	reads := t.trigger.Reads()
	record, err := t.source.HubSpot.Object(ctx, t.result.Object, t.result.ObjectID, append(reads[t.result.Object], bridge.PropMerged))
	if bridge.KindOf(err) == bridge.NotFound {
		return refuse(bridge.NotFound, "unknown_object", "the portal has no live %s %s", t.result.Object, t.result.ObjectID)
	}
	if err != nil {
		return fmt.Errorf("read %s %s from HubSpot: %w", t.result.Object, t.result.ObjectID, err)
	}
	customer, err := t.source.Customer(ctx, record, reads[bridge.ObjectContact])
	if err != nil {
		return fmt.Errorf("find the customer of %s %s: %w", record.Type, record.ID, err)
	}
	t.result.CustomerID = customer.ContactID
	known := trigger.Facts{PortalID: t.connection.PortalID, Now: t.operator.now(), Object: record, Customer: customer.Facts()}
	if known.Portal, err = t.source.Portal(ctx, t.trigger.ReadsPortal()); err != nil {
		return fmt.Errorf("read the portal's currency from HubSpot: %w", err)
	}
	if known.Change, err = t.change(ctx, record); err != nil {
		return err
	}
	recorded, err := t.recorded(ctx, record, known.Change)
	if err != nil {
		return err
	}
	t.result.Tracked = recorded.State
	known.Sent, known.OrderID = recorded.MayCount(), recorded.OrderID
	if t.result.Decision, err = t.trigger.Decide(known); err != nil {
		return err
	}
	if t.result.Tracked == store.TrackedReversed {
		t.result.Decision = trigger.Decision{Verdict: trigger.Skip, Why: "it was sent, and taken back again", OrderID: t.result.Decision.OrderID}
	}
	t.result.Request, err = t.request(customer.Identity)
	return err
}

// recorded returns the recorded event of the assumed change, of the record or of
// one that was merged into it.
func (t *trial) recorded(ctx context.Context, record bridge.Object, change trigger.Change) (store.TrackedEvent, error) {
	var mine []store.TrackedEvent
	for _, id := range append(record.Properties.MergedIDs(), record.ID) {
		tracked, err := t.operator.store.TrackedOf(ctx, t.connection.ID, record.Type, id)
		if err != nil {
			return store.TrackedEvent{}, err
		}
		mine = append(mine, tracked...)
	}
	d := t.trigger.Definition()
	mine = slices.DeleteFunc(mine, func(e store.TrackedEvent) bool { return e.TriggerID != d.ID })
	return facts.Recorded(d, d.OrderID(t.connection.PortalID, record.ID, change), mine), nil
}

// change returns the change that the trial assumes.
func (t *trial) change(ctx context.Context, record bridge.Object) (trigger.Change, error) {
	now := t.operator.now()
	switch e := t.trigger.Definition().Event; e.Type {
	case trigger.PropertyChanged:
		t.result.Assumed = append(t.result.Assumed, e.Properties[0]+" changes now")
		return trigger.Change{Property: e.Properties[0], OccurredAt: now}, nil
	case trigger.FormSubmitted:
		change, err := t.submission(ctx, e.Forms, record.Properties[bridge.PropEmail])
		if err == nil && change.Submission == "" {
			change = trigger.Change{Form: e.Forms[0], Submission: "trial", OccurredAt: now}
			t.result.Assumed = append(t.result.Assumed, "the form is submitted now, empty: none of its latest submissions is the contact's")
		}
		return change, err
	default:
		return trigger.Change{OccurredAt: record.CreatedAt}, nil
	}
}

// submission finds the latest submission of a contact, by email, among the
// latest of each form.
func (t *trial) submission(ctx context.Context, forms []string, email string) (trigger.Change, error) {
	var latest trigger.Change
	for _, form := range forms {
		submissions, _, err := t.source.HubSpot.Submissions(ctx, form, "")
		if err != nil {
			return trigger.Change{}, fmt.Errorf("read the submissions of form %s from HubSpot: %w", form, err)
		}
		for _, s := range submissions {
			if s.Fault != "" || s.Email == "" || bridge.NormalEmail(s.Email) != bridge.NormalEmail(email) || !s.SubmittedAt.After(latest.OccurredAt) {
				continue
			}
			latest = trigger.Change{Form: form, Submission: s.ConversionID, OccurredAt: s.SubmittedAt, Entered: s.Values}
			if latest.Submission == "" {
				latest.Submission = s.SubmittedAt.Format(time.RFC3339Nano)
			}
		}
	}
	return latest, nil
}

// request returns the call that the decision would cause.
func (t *trial) request(customer bridge.Identity) (*Request, error) {
	switch d := t.result.Decision; {
	case d.Conversion != nil:
		call := impact.ConversionRequest
		if d.Verdict == trigger.Reverse {
			call = impact.ReversalRequest
		}
		r := call(t.credentials.ImpactAccountSID, d.Conversion.Fields)
		return &Request{Method: r.Method, Path: r.Path, Form: r.Form}, nil
	case d.Event != nil:
		r, err := advocate.EventRequest(t.connection.Tenant, customer, advocate.UserEvent{
			Key: d.Event.Key, TriggeredAt: d.Event.TriggeredAt, Fields: d.Event.Fields, IdempotencyKey: d.OrderID,
		})
		return &Request{Method: r.Method, Path: r.Path, Body: r.Body}, err
	default:
		return nil, nil //nolint:nilnil // nothing would be sent
	}
}
