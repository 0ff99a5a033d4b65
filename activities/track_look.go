package activities

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"advocatesync/internal/bridge"
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
	Missing  bool           `json:"missing,omitempty"`  // HubSpot does not show the record
	Held     bool           `json:"held,omitempty"`     // the connection's work waits; what was heard is back in the inbox
	Outcomes []TrackOutcome `json:"outcomes,omitempty"` // what was recorded
	Send     []int64        `json:"send,omitempty"`     // events that are to be sent
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
	l, err := a.objectLook(ctx, in)
	switch {
	case errors.Is(err, bridge.ErrHeld):
		return LookAtObjectResult{Held: true}, retryable(a.postpone(ctx, in.ConnectionID, in.ObjectType, in.ObjectID, in.Hints))
	case bridge.KindOf(err) == bridge.NotFound: // disconnected: nobody wants this any more
		return LookAtObjectResult{}, nil
	case err != nil:
		return LookAtObjectResult{}, retryable(err)
	}
	result, err := l.look(ctx)
	a.links.Observe(ctx, l.link.Connection, err, VendorHubSpot)
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

	Reason string `json:"reason"`
}

// AbandonLook records that what was heard of a record comes to nothing, so that
// a person can see it.
func (a *Tracking) AbandonLook(ctx context.Context, in AbandonLookInput) error {
	l, err := a.objectLook(ctx, in.LookAtObjectInput)
	if bridge.KindOf(err) == bridge.NotFound { // disconnected
		return nil
	}
	if err != nil {
		return retryable(err)
	}
	for _, c := range l.cases {
		if c.sent {
			continue
		}
		if err := l.record(ctx, c, store.Tracking{TrackedEvent: store.TrackedEvent{State: store.TrackedSkipped, Reason: in.Reason}}); err != nil {
			return retryable(err)
		}
	}
	return nil
}

// objectLook is one look at one record.
type objectLook struct {
	*Tracking
	link     Link
	in       LookAtObjectInput
	cases    []trackCase
	object   bridge.Object
	customer *customer                       // nil: not looked for yet
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

func (a *Tracking) objectLook(ctx context.Context, in LookAtObjectInput) (*objectLook, error) {
	link, err := a.links.Open(ctx, in.ConnectionID)
	if err != nil {
		return nil, err
	}
	l := &objectLook{Tracking: a, link: link, in: in}
	if err := l.collect(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// collect finds out what there is to decide: the changes that were heard, and
// what waits or may have to be reversed.
func (l *objectLook) collect(ctx context.Context) error {
	triggers, err := l.triggers.Active(ctx, l.in.ConnectionID)
	if err != nil {
		return err
	}
	tracked, err := l.events.TrackedOf(ctx, l.in.ConnectionID, l.in.ObjectType, l.in.ObjectID)
	if err != nil {
		return err
	}
	for _, t := range triggers {
		if t.Definition().Object != l.in.ObjectType {
			continue
		}
		mine := slices.DeleteFunc(slices.Clone(tracked), func(e store.TrackedEvent) bool { return e.TriggerID != t.Definition().ID })
		if c, heard := l.heard(t, mine); heard {
			l.cases = append(l.cases, c)
		}
		l.cases = append(l.cases, l.open(t, mine)...)
	}
	for _, e := range tracked {
		switch off := !slices.ContainsFunc(triggers, func(t ActiveTrigger) bool { return t.Definition().ID == e.TriggerID }); {
		case e.State == store.TrackedPending:
			l.result.Send = append(l.result.Send, e.ID)
		case e.State == store.TrackedWaiting && off:
			e.State, e.Reason = store.TrackedSkipped, "the trigger was switched off"
			if _, err := l.events.Track(ctx, store.Tracking{TrackedEvent: e}); err != nil {
				return err
			}
		}
	}
	return nil
}

// heard is the latest change of those heard that a trigger watches. Earlier
// ones come to nothing more: the record as it is now decides. A change that is
// older than one already tracked was covered by that one's look.
func (l *objectLook) heard(t ActiveTrigger, tracked []store.TrackedEvent) (c trackCase, ok bool) {
	c.ActiveTrigger = t
	if c.change, ok = latestChange(t.Definition().Event, l.in.Hints); !ok {
		return c, false
	}
	order := t.Definition().OrderID(l.link.PortalID, l.in.ObjectID, c.change)
	for _, e := range tracked {
		switch {
		case e.OrderID == order:
			c.known = e
		case !e.OccurredAt.Before(c.change.OccurredAt):
			return c, false
		}
	}
	switch c.known.State {
	case "", store.TrackedWaiting, store.TrackedSkipped:
		return c, true
	case store.TrackedError:
		// Nothing counts so far, so a new change is another chance. The same
		// one told again is none.
		return c, !c.known.Reversal && c.known.OccurredAt.Before(c.change.OccurredAt)
	default:
		return c, false
	}
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
func (l *objectLook) open(t ActiveTrigger, tracked []store.TrackedEvent) []trackCase {
	var cases []trackCase
	for _, e := range tracked {
		c := trackCase{ActiveTrigger: t, known: e, change: trigger.Change{
			Property: e.Property, OccurredAt: e.OccurredAt, Form: e.Form, Submission: e.Submission,
		}}
		again := slices.ContainsFunc(l.cases, func(other trackCase) bool { return other.known.ID == e.ID })
		switch {
		case e.State == store.TrackedWaiting && !again:
			cases = append(cases, c)
		case e.State == store.TrackedComplete && t.Definition().ReverseWhen != "":
			c.sent = true
			cases = append(cases, c)
		}
	}
	return cases
}

func (l *objectLook) look(ctx context.Context) (LookAtObjectResult, error) {
	if len(l.cases) == 0 {
		return l.result, nil
	}
	var err error
	l.object, err = l.link.HubSpot.Object(ctx, l.in.ObjectType, l.in.ObjectID, l.reads(l.in.ObjectType))
	if bridge.KindOf(err) == bridge.NotFound {
		l.result.Missing = true
		return l.result, nil
	}
	if err != nil {
		return LookAtObjectResult{}, err
	}
	for _, c := range l.cases {
		if err := l.decide(ctx, c); err != nil {
			return LookAtObjectResult{}, err
		}
	}
	return l.result, nil
}

// reads are the properties that the decisions need of a record.
func (l *objectLook) reads(of bridge.ObjectType) []string {
	var props []string
	for _, c := range l.cases {
		props = append(props, c.Reads()[of]...)
	}
	return props
}

// decide asks the trigger, first without a customer: for most changes that is
// enough, and saves finding one.
func (l *objectLook) decide(ctx context.Context, c trackCase) error {
	facts := trigger.Facts{
		PortalID: l.link.PortalID, Now: l.now(), Change: c.change, Sent: c.sent,
		Object: l.object,
	}
	if c.change.Form != "" {
		return l.decideForm(ctx, c, facts)
	}
	d, err := c.Decide(facts)
	if err != nil || d.Verdict != trigger.NoCustomer {
		return l.settle(ctx, c, d, err)
	}
	customer, err := l.findCustomer(ctx)
	if err != nil {
		return err
	}
	if facts.Customer = customer.facts(); facts.Customer != nil {
		d, err = c.Decide(facts)
	}
	return l.settle(ctx, c, d, err)
}

// decideForm reads what was entered only once somebody can be the customer: it
// is kept nowhere, and reading it again costs calls.
func (l *objectLook) decideForm(ctx context.Context, c trackCase, facts trigger.Facts) error {
	customer, err := l.findCustomer(ctx)
	if err != nil {
		return err
	}
	if facts.Customer = customer.facts(); facts.Customer == nil {
		return l.settle(ctx, c, trigger.Decision{Verdict: trigger.NoCustomer, Why: "the contact is not mapped to a participant"}, nil)
	}
	entered, found, err := l.entered(ctx, c.change)
	if err != nil {
		return err
	}
	if !found {
		return l.settle(ctx, c, trigger.Decision{Verdict: trigger.Skip, Why: "HubSpot has the submission no more"}, nil)
	}
	facts.Change.Entered = entered
	d, err := c.Decide(facts)
	return l.settle(ctx, c, d, err)
}

// submitted is what was entered into a form.
type submitted map[string]string

// entered reads a submission once more: what was entered is kept nowhere. All
// submissions of a form that the look is about are read together.
func (l *objectLook) entered(ctx context.Context, c trigger.Change) (values submitted, found bool, err error) {
	if l.entries[c.Form] == nil {
		earliest := c.OccurredAt
		for _, other := range l.cases {
			if other.change.Form == c.Form && other.change.OccurredAt.Before(earliest) {
				earliest = other.change.OccurredAt
			}
		}
		submissions, err := newSubmissions(ctx, l.link.HubSpot, c.Form, earliest)
		if err != nil {
			return nil, false, err
		}
		byKey := make(map[string]submitted, len(submissions))
		for _, s := range submissions {
			byKey[l.submissionKey(c.Form, s)] = s.Values
		}
		if l.entries == nil {
			l.entries = map[string]map[string]submitted{}
		}
		l.entries[c.Form] = byKey
	}
	values, found = l.entries[c.Form][c.Submission]
	return values, found, nil
}

// settle records what was decided. A change that does not match is no event,
// unless it was one before.
func (l *objectLook) settle(ctx context.Context, c trackCase, d trigger.Decision, err error) error {
	if err != nil {
		return err
	}
	t := store.Tracking{TrackedEvent: store.TrackedEvent{Reason: d.Why}}
	if l.customer != nil {
		t.ContactID, t.Candidates = l.customer.id, l.customer.candidates
	}
	switch d.Verdict {
	case trigger.Send, trigger.Reverse:
		t.State, t.Reversal = store.TrackedPending, d.Verdict == trigger.Reverse
		if t.Request, err = json.Marshal(request{Conversion: d.Conversion, Event: d.Event}); err != nil {
			return err
		}
	case trigger.Blocked:
		t.State = store.TrackedError
		t.Parked = &bridge.ParkedItem{Cause: bridge.CauseEventBlocked, Advice: advice[bridge.CauseEventBlocked], Words: d.Why}
	case trigger.NoCustomer:
		t.State, t.ContactID = store.TrackedSkipped, ""
		until := latest(c.known.WaitUntil, c.change.OccurredAt.Add(c.Definition().Wait))
		if l.now().Before(until) {
			t.State, t.WaitUntil = store.TrackedWaiting, until
		}
	default: // trigger.Skip
		if c.known.State != store.TrackedWaiting {
			return nil
		}
		t.State = store.TrackedSkipped
	}
	return l.record(ctx, c, t)
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// record stores an outcome and notes what is to be sent. For somebody who was
// erased nothing is.
func (l *objectLook) record(ctx context.Context, c trackCase, t store.Tracking) error {
	def := c.Definition()
	t.ConnectionID, t.ObjectType, t.ObjectID = l.in.ConnectionID, l.in.ObjectType, l.in.ObjectID
	t.TriggerID, t.TriggerVersion = def.ID, c.Version
	t.Property, t.Form, t.Submission, t.OccurredAt = c.change.Property, c.change.Form, c.change.Submission, c.change.OccurredAt
	t.OrderID = c.known.OrderID
	if t.OrderID == "" {
		t.OrderID = def.OrderID(l.link.PortalID, l.in.ObjectID, c.change)
	}
	if c.sent {
		t.ContactID = c.known.ContactID
	}
	id, err := l.events.Track(ctx, t)
	if bridge.KindOf(err) == bridge.DoNotTrack {
		t.State, t.Reason, t.ContactID, t.Candidates = store.TrackedSkipped, string(bridge.ReasonErased), "", nil
		t.Request, t.Parked, t.WaitUntil = nil, nil, time.Time{}
		if t.Reversal {
			return nil // it stays counted: nobody is told of the person any more
		}
		id, err = l.events.Track(ctx, t)
	}
	if err != nil || id == 0 {
		return err
	}
	l.result.Outcomes = append(l.result.Outcomes, TrackOutcome{Trigger: def.ID, State: t.State})
	if t.State == store.TrackedPending {
		l.result.Send = append(l.result.Send, id)
	}
	return nil
}
