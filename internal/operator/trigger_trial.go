package operator

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// TriggerTrial is what a trigger makes of a record as it is now. The decision's
// request is personal: it is for the eyes of whoever asked, and is never stored
// or logged.
type TriggerTrial struct {
	TriggerID string
	Version   int
	Object    bridge.ObjectType
	ObjectID  string

	Decision   trigger.Decision
	CustomerID string             // the contact who is credited; empty if there is none
	Tracked    store.TrackedState // of what has the same order id; empty: nothing has
	Request    *Request           // what would be sent; nil if nothing would
	Assumed    []string           // what stands in for facts that a trial does not have
}

// Request is a call to a vendor.
type Request struct {
	Method string
	Path   string
	Form   map[string]string // form fields; in the address for DELETE
	Body   any               // JSON, where there is no form
}

// TestTrigger reads a record live and shows what a trigger makes of it, whether
// it is switched on or not. Nothing is sent.
func (o *Operator) TestTrigger(ctx context.Context, c bridge.Connection, id, objectID string) (TriggerTrial, error) {
	if err := CheckContactID(objectID); err != nil { // records of all types have ids alike
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
	trial := &trial{
		operator: o, connection: c, credentials: credentials, hub: o.hubspot(c, credentials), trigger: t,
		result: TriggerTrial{TriggerID: id, Version: kept.Version, Object: t.Definition().Object, ObjectID: objectID},
	}
	err = trial.run(ctx)
	return trial.result, err
}

// trial gathers the facts for one trigger and one record.
type trial struct {
	operator    *Operator
	connection  bridge.Connection
	credentials store.Credentials
	hub         *hubspot.Client
	trigger     *trigger.Trigger
	participant bridge.Identity // of the customer
	result      TriggerTrial
}

func (t *trial) run(ctx context.Context) error {
	objectType, id := t.result.Object, t.result.ObjectID
	found, err := t.read(ctx, objectType, []string{id})
	if err != nil {
		return fmt.Errorf("read %s %s from HubSpot: %w", objectType, id, err)
	}
	if len(found) == 0 {
		return refuse(bridge.NotFound, "unknown_object", "the portal has no live %s %s", objectType, id)
	}
	facts := trigger.Facts{PortalID: t.connection.PortalID, Now: t.operator.now(), Object: found[0]}
	if facts.Customer, err = t.customer(ctx, found[0]); err != nil {
		return err
	}
	if facts.Change, err = t.change(ctx, found[0]); err != nil {
		return err
	}
	if facts.Sent, err = t.sent(ctx, facts.Change); err != nil {
		return err
	}
	if t.result.Decision, err = t.trigger.Decide(facts); err != nil {
		return err
	}
	if t.result.Tracked == store.TrackedReversed {
		t.result.Decision = trigger.Decision{Verdict: trigger.Skip, Why: "it was sent, and taken back again", OrderID: t.result.Decision.OrderID}
	}
	t.result.Request = t.request()
	return nil
}

// read returns live records with the properties that the trigger looks at.
func (t *trial) read(ctx context.Context, objectType bridge.ObjectType, ids []string) ([]bridge.Object, error) {
	found, _, err := t.hub.BatchReadObjects(ctx, objectType, ids, t.trigger.Reads()[objectType])
	if err != nil {
		return nil, err
	}
	var records []bridge.Object
	for _, r := range found {
		records = append(records, bridge.Object{Type: objectType, ID: r.ID, Properties: r.Properties, CreatedAt: r.CreatedAt})
	}
	return records, nil
}

// customer finds the mapped contact who is credited for the record; nil if
// there is none.
func (t *trial) customer(ctx context.Context, record bridge.Object) (*trigger.Customer, error) {
	ids := []string{record.ID}
	if record.Type != bridge.ObjectContact {
		associations, err := t.hub.BatchReadAssociations(ctx, record.Type, bridge.ObjectContact, []hubspot.AssociationInput{{ID: record.ID}})
		if err != nil {
			return nil, fmt.Errorf("read the contacts of %s %s from HubSpot: %w", record.Type, record.ID, err)
		}
		ids = associations[record.ID].IDs
		if associations[record.ID].After != "" || len(ids) > hubspot.MaxBatch {
			ids = ids[:min(len(ids), hubspot.MaxBatch)]
			t.result.Assumed = append(t.result.Assumed, fmt.Sprintf("only the first %d contacts of the record were looked at", len(ids)))
		}
	}
	participants := map[string]bridge.Identity{}
	var mapped []string
	for _, id := range ids {
		known, err := t.operator.store.Known(ctx, t.connection.ID, id)
		if err != nil {
			return nil, err
		}
		if known.Mapping != nil && !known.Erased {
			mapped, participants[id] = append(mapped, id), known.Mapping.Identity()
		}
	}
	if len(mapped) == 0 {
		return nil, nil //nolint:nilnil // no customer is an answer, not a failure
	}
	contacts, err := t.read(ctx, bridge.ObjectContact, mapped)
	if err != nil {
		return nil, fmt.Errorf("read the mapped contacts of %s %s from HubSpot: %w", record.Type, record.ID, err)
	}
	chosen, ok := trigger.ChooseCustomer(contacts)
	if !ok {
		return nil, nil //nolint:nilnil // likewise: all of them have just been deleted
	}
	t.result.CustomerID, t.participant = chosen.ID, participants[chosen.ID]
	email, err := t.email(ctx, chosen)
	return &trigger.Customer{Properties: chosen.Properties, Email: email}, err
}

// email is the one under which Advocate knows the customer, which does not
// follow the contact's.
func (t *trial) email(ctx context.Context, chosen bridge.Object) (string, error) {
	tenant := t.operator.vendors.advocate(t.connection, t.credentials)
	participant, err := readParticipant(ctx, tenant, t.participant, t.connection.Program)
	if err != nil {
		return "", fmt.Errorf("read the participant of contact %s from Advocate: %w", chosen.ID, err)
	}
	if participant == nil || participant.Email == "" {
		return chosen.Properties[bridge.PropEmail], nil
	}
	return participant.Email, nil
}

// change is the event that the trial pretends.
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
		submissions, _, err := t.hub.Submissions(ctx, form, "")
		if err != nil {
			return trigger.Change{}, fmt.Errorf("read the submissions of form %s from HubSpot: %w", form, err)
		}
		for _, s := range submissions {
			if bridge.NormalEmail(s.Values["email"]) != bridge.NormalEmail(email) || !s.SubmittedAt.After(latest.OccurredAt) {
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

// sent tells whether what the trial would send was sent already.
func (t *trial) sent(ctx context.Context, change trigger.Change) (bool, error) {
	tracked, err := t.operator.store.TrackedOf(ctx, t.connection.ID, t.result.Object, t.result.ObjectID)
	if err != nil {
		return false, err
	}
	order := t.trigger.Definition().OrderID(t.connection.PortalID, t.result.ObjectID, change)
	for _, e := range tracked {
		if e.OrderID == order {
			t.result.Tracked = e.State
		}
	}
	switch t.result.Tracked {
	case store.TrackedPending, store.TrackedSent, store.TrackedComplete:
		return true, nil
	default:
		return false, nil
	}
}

// request writes the decision out as the call that would be made.
func (t *trial) request() *Request {
	switch d := t.result.Decision; {
	case d.Conversion != nil:
		account := "/Advertisers/" + url.PathEscape(t.credentials.ImpactAccountSID)
		if d.Verdict == trigger.Reverse {
			return &Request{Method: http.MethodDelete, Path: account + "/Actions", Form: d.Conversion.Fields}
		}
		return &Request{Method: http.MethodPost, Path: account + "/Conversions", Form: d.Conversion.Fields}
	case d.Event != nil:
		account, user := t.participant.AccountID, t.participant.UserID
		return &Request{
			Method: http.MethodPost,
			Path:   "/api/v1/" + t.connection.Tenant + "/open/account/" + url.PathEscape(account) + "/user/" + url.PathEscape(user) + "/events",
			Body: map[string]any{
				"accountId": account, "userId": user, "idempotencyKey": d.OrderID,
				"events": []any{map[string]any{"key": d.Event.Key, "dateTriggered": d.Event.TriggeredAt.UnixMilli(), "fields": d.Event.Fields}},
			},
		}
	default:
		return nil
	}
}
