package activities

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/facts"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// LookAtObjectInput names a record and what HubSpot told us about it.
type LookAtObjectInput struct {
	ConnectionID string             `json:"connection_id"`
	ObjectType   bridge.ObjectType  `json:"object_type"`
	ObjectID     string             `json:"object_id"`
	Hints        bridge.ObjectHints `json:"hints"`
}

// LookAtObjectResult says what a look came to.
type LookAtObjectResult struct {
	Missing   bool           `json:"missing,omitempty"`  // HubSpot does not show the record
	Suspended bool           `json:"held,omitempty"`     // the connection's work waits; what was heard is back in the inbox
	Outcomes  []TrackOutcome `json:"outcomes,omitempty"` // what was recorded
	Send      []int64        `json:"send,omitempty"`     // events that are to be sent
}

// TrackOutcome is what one trigger made of a change.
type TrackOutcome struct {
	Trigger string             `json:"trigger"`
	State   store.TrackedState `json:"state"`
}

// LookAtObject looks at a record as it is now, lets the triggers decide that
// what was heard concerns, and records what they decided before anything is
// sent. A second look finds what the first one recorded. What may not be done
// now because the connection's work waits goes back to the inbox.
func (a *Tracking) LookAtObject(ctx context.Context, in LookAtObjectInput) (LookAtObjectResult, error) {
	ev, err := a.evaluation(ctx, in)
	switch {
	case errors.Is(err, bridge.ErrSuspended):
		return LookAtObjectResult{Suspended: true}, retryable(a.postpone(ctx, in.ConnectionID, in.ObjectType, in.ObjectID, in.Hints))
	case bridge.KindOf(err) == bridge.NotFound: // disconnected: nobody wants this any more
		return LookAtObjectResult{}, nil
	case err != nil:
		return LookAtObjectResult{}, retryable(err)
	}
	result, err := ev.evaluate(ctx)
	return result, retryable(err)
}

// postpone gives what was heard of a record back to the inbox. The relay takes
// it from there once the connection's work goes on.
func (a *Tracking) postpone(ctx context.Context, connectionID string, t bridge.ObjectType, id string, hints bridge.ObjectHints) error {
	_, err := a.events.AppendObjectEvents(ctx, store.ObjectHintEvents(connectionID, t, id, hints))
	return err
}

// AbandonLookInput names a record that could not be looked at, and why.
type AbandonLookInput struct {
	LookAtObjectInput

	Reason  string `json:"reason"`
	Missing bool   `json:"missing,omitempty"` // HubSpot does not show the record: it is not looked for any longer
}

// AbandonLook records that what was heard of a record comes to nothing, so that
// a person can see it.
func (a *Tracking) AbandonLook(ctx context.Context, in AbandonLookInput) error {
	ev, err := a.evaluation(ctx, in.LookAtObjectInput)
	if bridge.KindOf(err) == bridge.NotFound { // disconnected
		return nil
	}
	if err != nil {
		return retryable(err)
	}
	for _, c := range ev.cases {
		if c.sent {
			continue
		}
		given := store.TrackedEvent{State: store.TrackedSkipped, Reason: in.Reason}
		if until := c.change.OccurredAt.Add(c.Definition().Wait); !in.Missing && ev.now().Before(until) {
			// It is there, and HubSpot may show it again.
			given.State, given.WaitUntil = store.TrackedWaiting, ev.now().Add(lookAgain)
		}
		if err := ev.record(ctx, c, store.Tracking{TrackedEvent: given}); err != nil {
			return retryable(err)
		}
	}
	return nil
}

// lookAgain is when a record is looked at again that could not be looked at for a
// day.
const lookAgain = time.Hour

// evaluation is one look at one record.
type evaluation struct {
	*Tracking
	conn     ConnectionClients
	in       LookAtObjectInput
	cases    []trackCase
	active   []ActiveTrigger // those about records of this type
	object   bridge.Object
	customer *facts.Customer                 // nil: not looked for yet
	entries  map[string]map[string]submitted // by form and submission; read when first needed
	result   LookAtObjectResult
}

// trackCase is one change that one trigger has to decide about.
type trackCase struct {
	ActiveTrigger
	change trigger.Change
	known  store.TrackedEvent // what was recorded of it; zero: nothing
	sent   bool               // it was sent and counts: it may have to be reversed
}

func (a *Tracking) evaluation(ctx context.Context, in LookAtObjectInput) (*evaluation, error) {
	conn, err := a.connections.Open(ctx, in.ConnectionID)
	if err != nil {
		return nil, err
	}
	ev := &evaluation{Tracking: a, conn: conn, in: in}
	triggers, err := ev.triggers.Active(ctx, ev.in.ConnectionID)
	if err != nil {
		return nil, err
	}
	ev.active = slices.DeleteFunc(triggers, func(t ActiveTrigger) bool { return t.Definition().Object != in.ObjectType })
	if err := ev.collect(ctx); err != nil {
		return nil, err
	}
	return ev, nil
}

// collect finds out what there is to decide: the changes that were heard, and
// what waits or may have to be reversed.
func (ev *evaluation) collect(ctx context.Context) error {
	ev.cases, ev.result = nil, LookAtObjectResult{}
	tracked, err := ev.events.TrackedOf(ctx, ev.in.ConnectionID, ev.in.ObjectType, ev.in.ObjectID)
	if err != nil {
		return err
	}
	for _, t := range ev.active {
		mine := slices.DeleteFunc(slices.Clone(tracked), func(e store.TrackedEvent) bool { return e.TriggerID != t.Definition().ID })
		if err := ev.collectFor(ctx, t, mine); err != nil {
			return err
		}
	}
	for _, e := range tracked {
		switch off := !slices.ContainsFunc(ev.active, func(t ActiveTrigger) bool { return t.Definition().ID == e.TriggerID }); {
		case e.State == store.TrackedPending:
			ev.result.Send = append(ev.result.Send, e.ID)
		case e.State == store.TrackedWaiting && off:
			if err := ev.skip(ctx, e, "the trigger was switched off"); err != nil {
				return err
			}
		}
	}
	return nil
}

// collectFor finds out what one trigger has to decide.
func (ev *evaluation) collectFor(ctx context.Context, t ActiveTrigger, tracked []store.TrackedEvent) error {
	c, heard := ev.heard(t, tracked)
	if heard {
		ev.cases = append(ev.cases, c)
	}
	// Of a record that others were merged into several changes may wait: the
	// record counts once all the same.
	counts := heard && c.known.ID != 0 || slices.ContainsFunc(tracked, store.TrackedEvent.MayCount)
	for _, c := range ev.open(t, tracked) {
		if t.Definition().Once == trigger.OncePerObject && c.known.State == store.TrackedWaiting {
			if counts {
				if err := ev.skip(ctx, c.known, "a record that it was merged with counts already"); err != nil {
					return err
				}
				continue
			}
			counts = true
		}
		ev.cases = append(ev.cases, c)
	}
	return nil
}

// skip records that something that waits comes to nothing.
func (ev *evaluation) skip(ctx context.Context, e store.TrackedEvent, reason string) error {
	e.State, e.Reason, e.WaitUntil = store.TrackedSkipped, reason, time.Time{}
	_, err := ev.events.Track(ctx, store.Tracking{TrackedEvent: e})
	return err
}

// heard is the latest change of those heard that a trigger watches. Earlier
// ones come to nothing more: the record as it is now decides. A change that is
// older than one already tracked was covered by that one's look.
func (ev *evaluation) heard(t ActiveTrigger, tracked []store.TrackedEvent) (c trackCase, ok bool) {
	c.ActiveTrigger = t
	if c.change, ok = latestChange(t.Definition().Event, ev.in.Hints); !ok {
		return c, false
	}
	order := t.Definition().OrderID(ev.conn.PortalID, ev.in.ObjectID, c.change)
	if c.known = facts.Recorded(t.Definition(), order, tracked); c.known.MayCount() {
		return c, false
	}
	later := func(e store.TrackedEvent) bool {
		return e.ID != c.known.ID && !e.OccurredAt.Before(c.change.OccurredAt)
	}
	if t.Definition().Once == trigger.OncePerChange && slices.ContainsFunc(tracked, later) {
		return c, false
	}
	if c.known.State == store.TrackedError {
		// Nothing counts so far, so a new change is another chance. The same
		// one told again is none.
		return c, c.known.OccurredAt.Before(c.change.OccurredAt)
	}
	return c, true
}

func latestChange(e trigger.Event, heard bridge.ObjectHints) (c trigger.Change, ok bool) {
	if e.Type == trigger.Created {
		return trigger.Change{OccurredAt: heard.CreatedAt}, !heard.CreatedAt.IsZero()
	}
	for _, property := range e.Properties {
		if at, changed := heard.Changed[property]; changed && at.After(c.OccurredAt) {
			c = trigger.Change{Property: property, OccurredAt: at}
		}
	}
	return c, !c.OccurredAt.IsZero()
}

// open are the changes recorded earlier that are not decided for good, but for
// the one that was heard of again.
func (ev *evaluation) open(t ActiveTrigger, tracked []store.TrackedEvent) []trackCase {
	var cases []trackCase
	for _, e := range tracked {
		c := trackCase{ActiveTrigger: t, known: e, change: trigger.Change{
			Property: e.Property, OccurredAt: e.OccurredAt, Form: e.Form, Submission: e.Submission,
		}}
		again := slices.ContainsFunc(ev.cases, func(other trackCase) bool { return other.known.ID == e.ID })
		switch {
		case e.State == store.TrackedWaiting && !again:
			cases = append(cases, c)
		case e.State == store.TrackedComplete && reversible(t):
			c.sent = true
			cases = append(cases, c)
		}
	}
	return cases
}

func reversible(t ActiveTrigger) bool { return t.Definition().ReverseWhen != "" }

func (ev *evaluation) evaluate(ctx context.Context) (LookAtObjectResult, error) {
	// What may have to be reversed may be recorded for records that were merged
	// into this one, which only the record tells.
	if len(ev.cases) == 0 && !slices.ContainsFunc(ev.active, reversible) {
		return ev.result, nil
	}
	var err error
	ev.object, err = ev.conn.HubSpot.Object(ctx, ev.in.ObjectType, ev.in.ObjectID, ev.reads(ev.in.ObjectType))
	if bridge.KindOf(err) == bridge.NotFound {
		return ev.missing(ctx)
	}
	if err != nil {
		return LookAtObjectResult{}, err
	}
	if err := ev.continueParts(ctx); err != nil {
		return LookAtObjectResult{}, err
	}
	for _, c := range ev.cases {
		if err := ev.decide(ctx, c); err != nil {
			return LookAtObjectResult{}, err
		}
	}
	return ev.result, nil
}

// reads are the properties that the decisions need of a record.
func (ev *evaluation) reads(of bridge.ObjectType) []string {
	props := []string{facts.PropMerged}
	for _, t := range ev.active {
		props = append(props, t.Reads()[of]...)
	}
	return props
}

// decide asks the trigger, first without a customer: for most changes that is
// enough, and saves finding one.
func (ev *evaluation) decide(ctx context.Context, c trackCase) error {
	known := trigger.Facts{
		PortalID: ev.conn.PortalID, Now: ev.now(), Change: c.change, Sent: c.sent,
		Object: ev.object, OrderID: c.known.OrderID,
	}
	var err error
	if known.Portal, err = ev.source(ev.conn).Portal(ctx, c.PortalDecides()); err != nil {
		return err
	}
	if c.change.Form != "" {
		return ev.decideForm(ctx, c, known)
	}
	d, err := c.Decide(known)
	if err != nil || d.Verdict != trigger.NoCustomer {
		return ev.settle(ctx, c, d, err)
	}
	if known.Customer, err = ev.findCustomer(ctx); err != nil {
		return err
	}
	if known.Customer != nil {
		if known.Portal, err = ev.source(ev.conn).Portal(ctx, c.ReadsPortal()); err != nil {
			return err
		}
		d, err = c.Decide(known)
	}
	return ev.settle(ctx, c, d, err)
}

// findCustomer finds the record's customer, once for all triggers; nil: there is
// none.
func (ev *evaluation) findCustomer(ctx context.Context) (*trigger.Customer, error) {
	if ev.customer == nil {
		found, err := ev.source(ev.conn).Customer(ctx, ev.object, ev.reads(bridge.ObjectContact))
		if err != nil {
			return nil, err
		}
		ev.customer = &found
	}
	return ev.customer.Facts(), nil
}

// decideForm reads what was entered only once somebody can be the customer: it
// is kept nowhere, and reading it again costs calls.
func (ev *evaluation) decideForm(ctx context.Context, c trackCase, known trigger.Facts) error {
	var err error
	if known.Customer, err = ev.findCustomer(ctx); err != nil {
		return err
	}
	if known.Customer == nil {
		return ev.settle(ctx, c, trigger.Decision{Verdict: trigger.NoCustomer, Why: "the contact is not mapped to a participant"}, nil)
	}
	entered, found, err := ev.entered(ctx, c.change)
	if err != nil {
		return err
	}
	if !found {
		return ev.settle(ctx, c, trigger.Decision{Verdict: trigger.Skip, Why: "HubSpot has the submission no more"}, nil)
	}
	known.Change.Entered = entered
	if known.Portal, err = ev.source(ev.conn).Portal(ctx, c.ReadsPortal()); err != nil {
		return err
	}
	d, err := c.Decide(known)
	return ev.settle(ctx, c, d, err)
}

// submitted is what was entered into a form.
type submitted map[string]string

// entered reads a submission once more: what was entered is kept nowhere. All
// submissions of a form that the look is about are read together.
func (ev *evaluation) entered(ctx context.Context, c trigger.Change) (values submitted, found bool, err error) {
	if ev.entries[c.Form] == nil {
		earliest := c.OccurredAt
		for _, other := range ev.cases {
			if other.change.Form == c.Form && other.change.OccurredAt.Before(earliest) {
				earliest = other.change.OccurredAt
			}
		}
		submissions, err := ev.source(ev.conn).Submissions(ctx, c.Form, earliest)
		if err != nil {
			return nil, false, err
		}
		byKey := make(map[string]submitted, len(submissions))
		for _, s := range submissions {
			byKey[ev.submissionKey(c.Form, s)] = s.Values
		}
		if ev.entries == nil {
			ev.entries = map[string]map[string]submitted{}
		}
		ev.entries[c.Form] = byKey
	}
	values, found = ev.entries[c.Form][c.Submission]
	return values, found, nil
}

// settle records what was decided. A change that does not match is no event,
// unless it was one before.
func (ev *evaluation) settle(ctx context.Context, c trackCase, d trigger.Decision, err error) error {
	if err != nil {
		return err
	}
	t := store.Tracking{TrackedEvent: store.TrackedEvent{Reason: d.Why}}
	if ev.customer != nil {
		t.ContactID, t.Candidates = ev.customer.ContactID, ev.customer.Candidates
	}
	switch d.Verdict {
	case trigger.Send, trigger.Reverse:
		t.State, t.Reversal = store.TrackedPending, d.Verdict == trigger.Reverse
		if t.Request, err = json.Marshal(request{Conversion: d.Conversion, Event: d.Event}); err != nil {
			return err
		}
	case trigger.Blocked:
		t.State, t.Reversal = store.TrackedError, d.Reversal
		t.Parked = &bridge.ParkedItem{Cause: bridge.CauseEventBlocked, Advice: advice[bridge.CauseEventBlocked], VendorMessage: d.Why}
	case trigger.NoCustomer:
		t.State, t.ContactID = store.TrackedSkipped, ""
		until := latest(c.known.WaitUntil, c.change.OccurredAt.Add(c.Definition().Wait))
		if ev.now().Before(until) {
			t.State, t.WaitUntil = store.TrackedWaiting, until
		}
	default: // trigger.Skip
		if c.known.State != store.TrackedWaiting {
			return nil
		}
		t.State = store.TrackedSkipped
	}
	return ev.record(ctx, c, t)
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// record stores an outcome and notes what is to be sent. For somebody who was
// erased nothing is.
func (ev *evaluation) record(ctx context.Context, c trackCase, t store.Tracking) error {
	def := c.Definition()
	t.ConnectionID, t.ObjectType, t.ObjectID = ev.in.ConnectionID, ev.in.ObjectType, ev.in.ObjectID
	t.TriggerID, t.TriggerVersion = def.ID, c.Version
	t.Property, t.Form, t.Submission, t.OccurredAt = c.change.Property, c.change.Form, c.change.Submission, c.change.OccurredAt
	t.OrderID = c.known.OrderID
	if t.OrderID == "" {
		t.OrderID = def.OrderID(ev.conn.PortalID, ev.in.ObjectID, c.change)
	}
	if c.sent {
		t.ContactID = c.known.ContactID
	}
	id, err := ev.events.Track(ctx, t)
	if bridge.KindOf(err) == bridge.DoNotTrack {
		t.State, t.Reason, t.ContactID, t.Candidates = store.TrackedSkipped, string(bridge.ReasonErased), "", nil
		t.Request, t.Parked, t.WaitUntil = nil, nil, time.Time{}
		if t.Reversal {
			return nil // it stays counted: nobody is told of the person any more
		}
		id, err = ev.events.Track(ctx, t)
	}
	if err != nil || id == 0 {
		return err
	}
	ev.result.Outcomes = append(ev.result.Outcomes, TrackOutcome{Trigger: def.ID, State: t.State})
	if t.State == store.TrackedPending {
		ev.result.Send = append(ev.result.Send, id)
	}
	return nil
}
