package trigger

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"cel.dev/cel-go/cel"

	"advocatesync/internal/bridge"
)

// Facts is everything that a decision depends on.
type Facts struct {
	PortalID int64
	Now      time.Time
	Change   Change
	Object   bridge.Object // as it is now, with the properties that Reads returns
	Customer *Customer     // nil while no contact of the object is mapped to a participant
	Portal   Portal        // if ReadsPortal says that it is needed
	Sent     bool          // the event with the OrderID was sent already

	// OrderID is that of an earlier event of the change, perhaps of a record that was
	// merged into this one. Empty: there is none.
	OrderID string
}

// Portal is what expressions see of the HubSpot portal.
type Portal struct {
	Currency string // of amounts that name none, ISO 4217; empty: unknown
}

// Customer is the mapped contact who is credited for the object; for a contact, the
// contact itself.
type Customer struct {
	Properties bridge.Properties // the contact's, those that Reads returns
	// Email is the one under which Advocate knows the customer, or else the contact's.
	// Conversions are matched by it.
	Email string
}

// Verdict is the outcome of a decision.
type Verdict string

const (
	Send       Verdict = "send"        // send the request of the decision
	Reverse    Verdict = "reverse"     // send the request, which reverses what was sent
	Skip       Verdict = "skip"        // do nothing about this change
	NoCustomer Verdict = "no_customer" // it may match once a contact is mapped
	Blocked    Verdict = "blocked"     // it matches, but a person has to act
)

// Decision is what a trigger decides about facts. Why is for people; it quotes the
// definition, never a value of a record. The request is personal: it is sent, or
// shown to whoever asked, but never stored unsealed or logged.
type Decision struct {
	Verdict Verdict
	Why     string
	OrderID string // at most 64 characters; also the idempotency key of an event

	Reversal bool // the blocked request is a reversal

	// Exactly one of them if the verdict is Send or Reverse.
	Conversion *ConversionRequest
	Event      *EventRequest
}

// Decide decides about facts. It fails only for facts that no caller should pass.
func (t *Trigger) Decide(f Facts) (Decision, error) {
	const longestID = 19 // what an int64 takes
	if f.Object.ID == "" || len(f.Object.ID) > longestID {
		return Decision{}, &bridge.Error{Kind: bridge.Invalid, Op: "trigger.decide", Err: errors.New("the object has no id")}
	}
	d := Decision{OrderID: f.OrderID}
	if d.OrderID == "" {
		d.OrderID = t.def.OrderID(f.PortalID, f.Object.ID, f.Change)
	}
	vars, err := t.activation(f)
	if err != nil {
		return Decision{}, fmt.Errorf("trigger: prepare facts: %w", err)
	}
	if f.Sent {
		return t.decideSent(d, vars), nil
	}
	if verdict, why := t.when.holds(vars); verdict != Send {
		d.Verdict, d.Why = verdict, why
		if verdict == Blocked && f.Customer == nil {
			d.Verdict = NoCustomer // the customer is not known yet
		}
		return d, nil
	}
	if f.Customer == nil {
		d.Verdict, d.Why = NoCustomer, "it matches, but none of its contacts is mapped to a participant"
		if t.def.Object == bridge.ObjectContact {
			d.Why = "it matches, but the contact is not mapped to a participant"
		}
		return d, nil
	}
	return t.request(d, vars, f), nil
}

// decideSent decides whether what was sent has to be reversed.
func (t *Trigger) decideSent(d Decision, vars cel.PartialActivation) Decision {
	if t.reverse == nil {
		d.Verdict, d.Why = Skip, "it was sent already"
		return d
	}
	verdict, why := t.reverse.holds(vars)
	d.Verdict, d.Why, d.Reversal = verdict, "it was sent already; the reversal: "+why, verdict == Blocked
	if verdict != Send {
		return d
	}
	c := t.def.Conversion
	d.Verdict = Reverse
	d.Conversion = &ConversionRequest{Fields: map[string]string{
		"ActionTrackerId": strconv.FormatInt(c.ActionTrackerID, 10), "OrderId": d.OrderID,
		"DispositionCode": c.DispositionCode, "Amount": "0",
	}}
	return d
}

// activation turns the facts into variables. A missing customer is an unknown, so
// that expressions that do not depend on it can be evaluated.
func (t *Trigger) activation(f Facts) (cel.PartialActivation, error) {
	if f.Customer == nil && t.def.Object != bridge.ObjectContact {
		return cel.PartialVars(t.def.variables(f), cel.AttributePattern(string(bridge.ObjectContact)))
	}
	return cel.PartialVars(t.def.variables(f))
}
