package model

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
	"advocatesync/internal/trigger/triggertest"
	"advocatesync/workflows"
)

// deal is a record that the world's one trigger watches.
type deal struct {
	id     string
	buyer  string // a contact; empty: nobody
	untold bool   // some news of it were lost for good
}

// dealSchema is what the stand-in's portal has of what triggertest.DealWon reads.
var dealSchema = trigger.Schema{bridge.ObjectDeal: {
	"dealstage": {Type: "enumeration"}, "amount": {Type: "number"}, "deal_currency_code": {Type: "enumeration"},
}}

var stages = []string{"closedwon", "closedlost"}

// winDeal makes a deal, most of them of a contact that lives and won already. The
// trigger counts from the first deal on.
func (w *world) winDeal(s step) {
	if len(w.deals) == 0 {
		w.applyTrigger()
	}
	person := w.portal.Person(1)
	id, err := person.Create("deals", map[string]string{
		"dealname": "Big", "dealstage": stages[s.b/6], "amount": "99.5", "deal_currency_code": "EUR",
	})
	if err != nil {
		w.t.Fatalf("make a deal: %v", err)
	}
	d := &deal{id: id}
	if buyer := w.ref.survivor(w.contact(s.a)); buyer != "" && person.Associate("deals", id, "contacts", buyer, false) == nil {
		d.buyer = buyer
	}
	w.deals = append(w.deals, d)
}

func (w *world) applyTrigger() {
	compiled, err := trigger.Load([]byte(triggertest.DealWon), dealSchema)
	if err != nil {
		w.t.Fatalf("load the trigger: %v", err)
	}
	types, err := json.Marshal(compiled.Only(dealSchema))
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	definition := store.Trigger{ConnectionID: w.connection.ID, ID: compiled.Definition().ID, Source: triggertest.DealWon, Schema: types}
	if _, _, err := w.lab.store.ApplyTrigger(w.ctx, definition, nil); err != nil {
		w.t.Fatalf("apply the trigger: %v", err)
	}
	w.hook = w.intake()
}

// moveDeal has a person win or lose a deal.
func (w *world) moveDeal(s step) {
	if len(w.deals) == 0 {
		return
	}
	d := w.deals[s.a%len(w.deals)]
	if err := w.portal.Person(1).Edit("deals", d.id, map[string]string{"dealstage": stages[s.b%2]}); err != nil {
		w.t.Fatalf("move a deal: %v", err)
	}
}

func aboutDeal(e hubspottest.Event) bool { return strings.HasPrefix(e.SubscriptionType, "deal.") }

func (w *world) deal(id string) *deal {
	return w.deals[slices.IndexFunc(w.deals, func(d *deal) bool { return d.id == id })]
}

func (w *world) relayDeals() {
	if len(w.deals) == 0 {
		return
	}
	_, err := w.lab.store.RelayObjects(w.ctx, 500, func(_ context.Context, batch []store.ObjectHints) []error {
		for _, d := range batch {
			w.dealMail[d.ObjectID] = w.dealMail[d.ObjectID].Merge(d.Hints)
		}
		return make([]error, len(batch))
	})
	if err != nil {
		w.t.Fatalf("relay what triggers watch: %v", err)
	}
}

// pendingDeal chooses among the deals whose triggers have something to do and are
// not at it.
func (w *world) pendingDeal(n int) string {
	ids := slices.DeleteFunc(slices.Sorted(maps.Keys(w.dealMail)), func(id string) bool { return w.tracking[id] })
	if len(ids) == 0 {
		return ""
	}
	return ids[n%len(ids)]
}

// track runs what the trigger makes of a deal, with the hints that wait for it.
func (w *world) track(id string, during []interruption, nested bool) {
	env := w.environment(nested)
	w.arm(during, nested)
	w.tracking[id] = true
	hints := w.dealMail[id]
	delete(w.dealMail, id)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(workflows.SignalChanges, hints) }, 0)
	w.execute(env, nested, workflows.TrackEventName, workflows.TrackEventInput{
		ConnectionID: w.connection.ID, ObjectType: bridge.ObjectDeal, ObjectID: id,
	})
	delete(w.tracking, id)
	if err := env.GetWorkflowError(); err != nil {
		w.breaks("what triggers make of a deal fails", err)
	}
}

// round looks after what the trigger waits for. One that a vendor's failure ends is
// made up for by the next.
func (w *world) round(during []interruption, nested bool) {
	env := w.environment(nested)
	w.arm(during, nested)
	troubled := nested || len(during) > 0 || len(w.down) > 0
	w.execute(env, nested, workflows.TrackRoundName, workflows.TrackRoundInput{ConnectionID: w.connection.ID})
	if err := env.GetWorkflowError(); err != nil && !troubled {
		w.breaks("a round of the triggers' polling fails", err)
	}
}

// aDayPasses for what triggers wait for: whatever was to be tried again is due.
const aDayPasses = `
UPDATE tracked_event
   SET poll_at = poll_at - interval '26 hours', woken_at = woken_at - interval '26 hours', recorded_at = recorded_at - interval '26 hours',
       wait_until = CASE state WHEN 'error' THEN wait_until - interval '26 hours' ELSE wait_until END`

// settleDeals has triggers look after what they wait for, and reports whether
// there may be more to do. They look again at what HubSpot does not show yet.
func (w *world) settleDeals() bool {
	before := w.undecided()
	if len(before) == 0 {
		return false
	}
	for range 1 + w.lag {
		if _, err := w.lab.db.Exec(w.ctx, aDayPasses); err != nil {
			w.t.Fatalf("let a day pass: %v", err)
		}
		w.round(nil, false)
		w.drain()
		if !maps.Equal(w.undecided(), before) {
			return true
		}
	}
	return false
}

// undecided is what may still become of deals.
func (w *world) undecided() map[int64]store.TrackedState {
	states := map[int64]store.TrackedState{}
	if len(w.deals) == 0 {
		return states
	}
	for _, e := range w.tracked() {
		if e.DecidedAt.IsZero() {
			states[e.ID] = e.State
		}
	}
	return states
}

// tracked is what became of all deals, the latest first.
func (w *world) tracked() []store.TrackedEvent {
	events, err := w.lab.store.TrackedEvents(w.ctx, w.connection.ID, store.TrackedFilter{})
	if err != nil {
		w.t.Fatalf("tracked events: %v", err)
	}
	return events
}

// ordered notes for whom the product sends a conversion.
func (w *world) ordered(order string) {
	for _, e := range w.tracked() {
		if e.OrderID == order {
			if w.orders == nil {
				w.orders = map[string]string{}
			}
			w.orders[order] = w.deal(e.ObjectID).buyer
		}
	}
}

// counts is how often impact.com counts an order.
func (w *world) counts(order string) (n int) {
	for _, c := range w.tenant.Conversions() {
		if c.OrderID == order && c.ErrorType == "" {
			n++
		}
	}
	return n
}

// checkDeals: whatever happens, a deal that is won counts once, and not before its
// buyer is mapped.
func (w *world) checkDeals() {
	events := w.tracked()
	for _, d := range w.deals {
		of := slices.IndexFunc(events, func(e store.TrackedEvent) bool { return e.ObjectID == d.id })
		if of < 0 {
			if w.owed(d) {
				w.breaks("nothing comes of a deal that is won", d.id)
			}
			continue
		}
		w.checkDeal(d, events[of])
	}
}

func (w *world) checkDeal(d *deal, e store.TrackedEvent) {
	n := w.counts(e.OrderID)
	switch {
	case n > 1:
		w.breaks("a deal counts more than once", d.id, n)
	case n == 1 && e.State != store.TrackedComplete && (w.retried || e.State != store.TrackedError):
		w.breaks("a deal counts, and the product does not know", d.id, e.State, e.Reason)
	case n == 0 && e.State == store.TrackedComplete:
		w.breaks("a deal does not count that the product takes for counted", d.id)
	case n == 0 && w.owed(d) && (w.retried || e.State != store.TrackedError):
		w.breaks("a deal that is won does not count", d.id, e.State, e.Reason)
	}
}

// owed: a deal is won and told of, and its buyer is a contact in step.
func (w *world) owed(d *deal) bool {
	record, shown := w.portal.Record("deals", d.id)
	buyer := w.ref.survivor(d.buyer)
	if !shown || record.Properties["dealstage"] != stages[0] || d.untold || buyer == "" || !w.alive(buyer) {
		return false
	}
	known, err := w.lab.store.Known(w.ctx, w.connection.ID, buyer)
	if err != nil {
		w.t.Fatalf("known: %v", err)
	}
	if known.Mapping == nil || known.Ledger.State != bridge.StateMapped || w.maybeErased(buyer, known.Mapping.Identity()) {
		return false
	}
	_, exists := w.tenant.User(known.Mapping.AccountID, known.Mapping.UserID)
	return exists
}

// retryDeals is the operator who has the conversions that are parked tried again.
func (w *world) retryDeals() {
	var items []int64
	for _, item := range w.allParked() {
		if item.TrackedEventID != 0 {
			items = append(items, item.ID)
		}
	}
	if len(items) == 0 {
		return
	}
	if _, err := w.lab.store.RetryTracked(w.ctx, w.connection.ID, items); err != nil {
		w.t.Fatalf("retry conversions: %v", err)
	}
}
