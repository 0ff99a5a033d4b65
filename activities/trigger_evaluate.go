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

// LookAtObjectResult is the outcome of an evaluation.
type LookAtObjectResult struct {
	Missing   bool           `json:"missing,omitempty"`  // HubSpot does not show the record
	Suspended bool           `json:"held,omitempty"`     // the connection is suspended; the hints are back in the inbox
	Outcomes  []TrackOutcome `json:"outcomes,omitempty"` // what was recorded
	Send      []int64        `json:"send,omitempty"`     // events to send
}

// TrackOutcome is what one trigger made of a change.
type TrackOutcome struct {
	Trigger string             `json:"trigger"`
	State   store.TrackedState `json:"state"`
}

// LookAtObject evaluates the triggers on a record: it reads the record as it is
// now, lets those triggers decide that the hints concern, and records the decisions
// before anything is sent. A second run finds what the first one recorded. If the
// connection is suspended, the hints go back to the inbox. The activity's name is
// in histories.
func (a *Tracking) LookAtObject(ctx context.Context, in LookAtObjectInput) (LookAtObjectResult, error) {
	ev, err := a.evaluation(ctx, in)
	switch {
	case errors.Is(err, bridge.ErrSuspended):
		return LookAtObjectResult{Suspended: true}, retryable(a.postpone(ctx, in.ConnectionID, in.ObjectType, in.ObjectID, in.Hints))
	case bridge.KindOf(err) == bridge.NotFound: // disconnected: nothing to do
		return LookAtObjectResult{}, nil
	case err != nil:
		return LookAtObjectResult{}, retryable(err)
	}
	result, err := ev.evaluate(ctx)
	return result, retryable(err)
}

// postpone puts the hints about a record back into the inbox. The relay takes them
// from there once the connection is no longer suspended.
func (a *Tracking) postpone(ctx context.Context, connectionID string, t bridge.ObjectType, id string, hints bridge.ObjectHints) error {
	_, err := a.store.AppendObjectEvents(ctx, store.ObjectHintEvents(connectionID, t, id, hints))
	return err
}

// AbandonLookInput names a record that could not be evaluated, and why.
type AbandonLookInput struct {
	LookAtObjectInput

	Reason  string `json:"reason"`
	Missing bool   `json:"missing,omitempty"` // HubSpot does not show the record, and it is not searched for any longer
}

// AbandonLook records that an evaluation was given up, so that a person can see it.
// The activity's name is in histories.
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
			// The record exists, and HubSpot may show it again.
			given.State, given.WaitUntil = store.TrackedWaiting, ev.now().Add(lookAgain)
		}
		if err := ev.record(ctx, c, store.Tracking{TrackedEvent: given}); err != nil {
			return retryable(err)
		}
	}
	return nil
}

// lookAgain is how long a record waits for its next evaluation after it could not
// be evaluated for a day.
const lookAgain = time.Hour

// evaluation is one pass of the triggers over one record.
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
	sent   bool               // it was sent and counts, so it may have to be reversed
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

// collect collects the cases to decide: the changes that were heard, and recorded
// events that wait or may have to be reversed.
func (ev *evaluation) collect(ctx context.Context) error {
	ev.cases, ev.result = nil, LookAtObjectResult{}
	tracked, err := ev.store.TrackedOf(ctx, ev.in.ConnectionID, ev.in.ObjectType, ev.in.ObjectID)
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
		case e.Waits() && off:
			if err := ev.skip(ctx, e, "the trigger was switched off"); err != nil {
				return err
			}
		}
	}
	return nil
}

// collectFor collects the cases of one trigger.
func (ev *evaluation) collectFor(ctx context.Context, t ActiveTrigger, tracked []store.TrackedEvent) error {
	c, heard := ev.heard(t, tracked)
	if heard {
		ev.cases = append(ev.cases, c)
	}
	// Several changes may wait for a record that others were merged into; the record
	// still counts once.
	counts := heard && c.known.ID != 0 || slices.ContainsFunc(tracked, store.TrackedEvent.MayCount)
	for _, c := range ev.open(t, tracked) {
		if t.Definition().Once == trigger.OncePerObject && c.known.Waits() {
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

// skip ends a waiting event without sending it.
func (ev *evaluation) skip(ctx context.Context, e store.TrackedEvent, reason string) error {
	e.State, e.Reason, e.WaitUntil = store.TrackedSkipped, reason, time.Time{}
	_, _, err := ev.store.Track(ctx, store.Tracking{TrackedEvent: e})
	return err
}

// heard returns the latest change that was heard and that a trigger watches.
// Earlier ones do not matter: the record as it is now decides. A change that is
// older than one already recorded was covered by that one's evaluation.
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
	if c.known.State == store.TrackedError || c.known.SkippedByPerson() {
		// Nothing counts so far, so a newer change is another chance. The same change
		// heard again is not.
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

// open returns the recorded changes that are not decided for good, except the one
// that was heard again.
func (ev *evaluation) open(t ActiveTrigger, tracked []store.TrackedEvent) []trackCase {
	var cases []trackCase
	for _, e := range tracked {
		c := trackCase{ActiveTrigger: t, known: e, change: trigger.Change{
			Property: e.Property, OccurredAt: e.OccurredAt, Form: e.Form, Submission: e.Submission,
		}}
		again := slices.ContainsFunc(ev.cases, func(other trackCase) bool { return other.known.ID == e.ID })
		switch {
		case e.Waits() && !again:
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
	// An event that may have to be reversed may be recorded for a record that was
	// merged into this one, and only this record's properties tell.
	if len(ev.cases) == 0 && !slices.ContainsFunc(ev.active, reversible) {
		return ev.result, nil
	}
	var err error
	ev.object, err = ev.conn.HubSpot.Object(ctx, ev.in.ObjectType, ev.in.ObjectID, ev.reads(ev.in.ObjectType))
	if bridge.KindOf(err) == bridge.NotFound {
		return ev.missing(ctx)
	}
	unread := err
	if !bridge.Unreadable(unread) {
		if err != nil {
			return LookAtObjectResult{}, err
		}
		if err := ev.continueParts(ctx); err != nil {
			return LookAtObjectResult{}, err
		}
	}
	for _, c := range ev.cases {
		err := unread
		if err == nil {
			err = ev.decide(ctx, c)
		}
		if bridge.Unreadable(err) {
			err = ev.unreadable(ctx, c, err)
		}
		if err != nil {
			return LookAtObjectResult{}, err
		}
	}
	return ev.result, nil
}

// unreadable parks a change whose record, contact or participant cannot be read: a
// person has to find out whether it counts. An event that was sent stays sent.
func (ev *evaluation) unreadable(ctx context.Context, c trackCase, err error) error {
	if c.sent {
		return nil
	}
	why := "it cannot be decided"
	if shown, ok := errors.AsType[*bridge.Error](err); ok && shown.Err != nil {
		why += ": " + shown.Err.Error()
	}
	return ev.settle(ctx, c, trigger.Decision{Verdict: trigger.Blocked, Why: why}, nil)
}

// reads returns the properties that the decisions need of a record.
func (ev *evaluation) reads(of bridge.ObjectType) []string {
	props := []string{bridge.PropMerged}
	for _, t := range ev.active {
		props = append(props, t.Reads()[of]...)
	}
	return props
}

// decide lets the trigger decide, first without a customer: for most changes that
// is enough and saves the search for one.
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

// findCustomer finds the record's customer, once for all triggers; nil if there is
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

// decideForm reads the submission only once there is a customer. What was entered
// is never stored, and reading it again costs calls.
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

// submitted holds the values that were entered into a form.
type submitted map[string]string

// entered reads a submission again, because what was entered is never stored. All
// submissions of a form in this evaluation are read together.
func (ev *evaluation) entered(ctx context.Context, c trigger.Change) (values submitted, found bool, err error) {
	if ev.entries[c.Form] == nil {
		earliest := c.OccurredAt
		for _, other := range ev.cases {
			if other.change.Form == c.Form && other.change.OccurredAt.Before(earliest) {
				earliest = other.change.OccurredAt
			}
		}
		submissions, faulty, err := ev.source(ev.conn).Submissions(ctx, c.Form, earliest)
		if err != nil {
			return nil, false, err
		}
		for _, s := range faulty {
			if ev.submissionKey(c.Form, s) == c.Submission { // it is there: not "no more"
				return nil, false, &bridge.Error{Kind: bridge.Unavailable, Op: "hubspot.submissions", Code: bridge.CodeUnreadable}
			}
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

// settle records the decision. A change that does not match becomes no event,
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
		t.Parked = &bridge.ParkedItem{Cause: bridge.CauseEventBlocked, Advice: bridge.CauseEventBlocked.Advice(), VendorMessage: d.Why}
	case trigger.NoCustomer:
		t.State, t.ContactID = store.TrackedSkipped, ""
		until := latest(c.known.WaitUntil, c.change.OccurredAt.Add(c.Definition().Wait))
		if ev.now().Before(until) {
			t.State, t.WaitUntil = store.TrackedWaiting, until
		}
	default: // trigger.Skip
		if !c.known.Waits() {
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

// record stores an outcome and notes what to send. Nothing is sent about somebody
// who was erased.
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
	if t.Parked != nil && t.ContactID == "" { // the customer is not known yet
		t.Parked.AccountID, t.Parked.UserID = bridge.EventSubject, t.OrderID
	}
	t.AtOnce, t.Imported = def.AtOnce, ev.imported(c)
	id, state, err := ev.store.Track(ctx, t)
	if bridge.KindOf(err) == bridge.DoNotTrack {
		t.State, t.Reason, t.ContactID, t.Candidates = store.TrackedSkipped, string(bridge.ReasonErased), "", nil
		t.Request, t.Parked, t.WaitUntil = nil, nil, time.Time{}
		if t.Reversal {
			return nil // what was sent still counts, but nothing more is sent about the person
		}
		id, state, err = ev.store.Track(ctx, t)
	}
	if err != nil || id == 0 {
		return err
	}
	ev.result.Outcomes = append(ev.result.Outcomes, TrackOutcome{Trigger: def.ID, State: state})
	if state == store.TrackedPending {
		ev.result.Send = append(ev.result.Send, id)
	}
	return nil
}

// imported reports whether an import made the change. A waiting event stays an
// import's even if somebody edits the record meanwhile.
func (ev *evaluation) imported(c trackCase) bool {
	return c.known.Waits() && c.known.Imported || ev.in.Hints.ByImport(c.change.Property, c.change.OccurredAt)
}
