package model

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/testsuite"

	"advocatesync/activities"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/intake"
	"advocatesync/internal/store"
	"advocatesync/internal/wiring"
	"advocatesync/workflows"
)

// world is one portal and one tenant, joined by the product, and everything
// that is under way between them. All that happens in it happens one thing
// after the other, in the plan's order.
type world struct {
	mu sync.Mutex // for when lives are lived side by side

	t   reporter
	ctx context.Context
	lab *lab
	pii bool
	lag int // how many reads do not show a new contact yet
	// narrow: some rule is off, or was, so that not everybody has a counterpart.
	narrow  bool
	retried bool // an operator had everything tried again that is parked

	program    string // the connected one
	portal     *hubspottest.Portal
	tenant     *advocatetest.Tenant
	form       string
	connection bridge.Connection
	hook       http.Handler

	undelivered []hubspottest.Event       // raised by HubSpot
	raised      []hubspottest.Event       // all there ever were
	mail        map[string][]bridge.Hints // relayed to a contact's life, not yet seen by it
	bulk        map[string]bool           // contacts in mail of which all was heard as of some of many
	living      map[string]bool
	deaf        bool // some news were lost, and nobody has reconciled since
	reporting   bool
	switching   bool     // of the program, during which nobody else writes
	mass        *massRun // the mass sync that is under way
	pausedAt    int      // tick at which somebody paused the connection; 0: it works

	triggers *wiring.Triggers
	deals    []*deal
	dealMail map[string]bridge.ObjectHints        // relayed about a deal, not yet seen by its triggers
	tracking map[string]bool                      // deals
	runs     []*testsuite.TestWorkflowEnvironment // that are under way, each in the midst of the one before
	orders   map[string]string                    // sent to impact.com → the contact that it was for

	armed      []interruption // of the life or report that is under way
	calls      int            // to vendors, since it began
	busy       bool           // with an interruption
	lose       bool           // the answer of this call
	fail       bool           // this call
	dies       death          // of the worker, at this call
	refuse     int            // this call, with this status
	down       map[string]int // how many more calls a vendor's host refuses
	poisoned   string         // the contact that HubSpot fails over, in batches of what is under way
	ahead      time.Duration  // of the clock by which exports are given up
	lives      int
	repeatable int // writes that may turn out to change nothing

	verbose bool
	tick    int // counts what happens

	contacts       []string // every contact's id there ever was
	advocateWrites int
	said           map[string]string // contact → what Advocate last took from it
	repeats        int               // of that
	unreported     bool              // something changed in Advocate since a report began
	ref            *reference
	broken         string // the first rule that was broken
}

// run lives a plan through to its quiet end and beyond, and returns the first
// rule that the product broke.
func (w *world) run(p plan) string {
	for _, s := range p.steps {
		w.exec(s, false)
		if w.broken != "" {
			return w.broken
		}
	}
	w.end()
	return w.broken
}

// breaks notes that a rule is broken. The words are the same for every plan that
// breaks the same rule, so that plans can be shrunk.
func (w *world) breaks(rule string, details ...any) {
	if w.broken == "" {
		w.broken = rule
		w.t.Logf("broken: %s %s", rule, fmt.Sprintln(details...))
	}
}

func (w *world) exec(s step, nested bool) {
	w.tick++
	if w.verbose {
		w.t.Logf("-- %s", s)
	}
	switch s.do {
	case deliver:
		w.deliver(s.a, s.b)
	case loseAnswer:
		w.lose = true
	case failCall:
		w.fail = true
	case refuseCall:
		w.refuse = refusals[s.a%len(refusals)]
	case die:
		w.dies = []death{beforeCall, afterCall}[s.a%2]
	case outage:
		w.down[[]string{crmHost, referralsHost, impactHost}[s.a%3]] = 1 + s.b%7 // fewer than Temporal's test environment tries
	case poison:
		w.poisoned = w.contact(s.a)
	case failExport:
		w.tenant.FailNextExports([]string{advocatetest.Aborted, advocatetest.Expired, advocatetest.Pending}[s.a%3])
	case spoilExport:
		if user, ok := w.participant(s.a); ok {
			how := []advocatetest.How{advocatetest.StrayQuote, advocatetest.TooFew, advocatetest.TooMany, advocatetest.BlankID}[s.b%4]
			w.tenant.SpoilNextExports(advocatetest.FileFlaws{Rows: []advocatetest.RowFlaw{{Email: user.Email, How: how}}})
		}
	case loseNews:
		w.loseNews(s.a, s.b)
	case reconcile:
		if !nested {
			w.reconcile(s.during)
		}
	case redeliver:
		w.redeliver(s.a, 1+s.b)
	case setRules:
		w.setRules(rulesOf(s.a + s.b%2*8))
	case pauseMass:
		w.mass.steer(w, store.DesiredPaused)
	case cancelMass:
		w.mass.steer(w, store.DesiredCancelled)
	case live:
		if w.switching {
			return // it would wait for the switch to end
		}
		w.relay()
		if id := w.pending(s.a); id != "" {
			w.live(id, s.during, nested)
		}
	case page:
		if !w.switching {
			w.relay()
			w.page(nested)
		}
	case track:
		w.relay()
		if id := w.pendingDeal(s.a); id != "" {
			w.track(id, s.during, nested)
		}
	case round:
		w.round(s.during, nested)
	case pauseConnection:
		w.pause()
	case resumeConnection:
		w.resume()
	case report:
		if !w.reporting && !w.switching && w.pausedAt == 0 { // its schedule is paused with the connection
			w.report(s.during, nested)
		}
	case massSync:
		if w.mass == nil && !w.switching {
			w.massSync(s.during, nested)
		}
	case switchProgram:
		if !nested {
			w.switchProgram(s)
		}
	case quiet:
		if !nested {
			w.settle()
			w.checkQuiet()
		}
	default:
		w.person(s, nested)
	}
	w.listen()
}

// listen takes what HubSpot has to tell off its queue.
func (w *world) listen() {
	known := len(w.contacts)
	for _, e := range w.lab.crm.Webhooks().Take() {
		w.undelivered = append(w.undelivered, e)
		if w.verbose {
			w.t.Logf("   HubSpot tells %d: %s %s of %d, %d", e.EventID, e.SubscriptionType, e.PropertyName, e.ObjectID, e.NewObjectID)
		}
		if claimed := e.SubscriptionType == "contact.privacyDeletion" && !w.ref.erased[fmt.Sprint(e.ObjectID)]; !claimed {
			w.raised = append(w.raised, e) // what is only claimed may be true when it is told again
		}
		if aboutDeal(e) {
			continue
		}
		for _, id := range []int64{e.ObjectID, e.NewObjectID} {
			if name := fmt.Sprint(id); id != 0 && !slices.Contains(w.contacts, name) {
				w.contacts = append(w.contacts, name)
				w.ref.note(name, w.properties(name))
			}
		}
	}
	// A report makes contacts in any order: a plan has to mean the same each time.
	slices.SortStableFunc(w.contacts[known:], func(a, b string) int {
		return strings.Compare(w.properties(a)[bridge.PropEmail], w.properties(b)[bridge.PropEmail])
	})
}

// deliver sends some of the waiting events, in any order and some twice. seed
// chooses which; share is how many of eight come now.
func (w *world) deliver(seed, share int) {
	rng := rand.New(rand.NewPCG(uint64(seed), uint64(len(w.undelivered))))
	var now, later []hubspottest.Event
	for _, e := range w.undelivered {
		if rng.IntN(8) > share {
			later = append(later, e)
			continue
		}
		now = append(now, e)
		if rng.IntN(4) == 0 {
			now = append(now, e)
		}
	}
	rng.Shuffle(len(now), func(i, j int) { now[i], now[j] = now[j], now[i] })
	w.undelivered = later
	w.post(now)
}

// loseNews loses some of the waiting events for good. seed chooses which; share
// is how many of eight are lost.
func (w *world) loseNews(seed, share int) {
	rng := rand.New(rand.NewPCG(uint64(seed), uint64(len(w.undelivered))))
	w.undelivered = slices.DeleteFunc(w.undelivered, func(e hubspottest.Event) bool {
		lost := rng.IntN(8) < share
		if lost {
			if w.verbose {
				w.t.Logf("   lost: %d", e.EventID)
			}
			w.unheard(e)
			w.raised = slices.DeleteFunc(w.raised, func(r hubspottest.Event) bool { return r.EventID == e.EventID })
		}
		return lost
	})
}

// unheard: nobody will ever tell of an event.
func (w *world) unheard(e hubspottest.Event) {
	if aboutDeal(e) {
		w.deal(fmt.Sprint(e.ObjectID)).untold = true // a reconcile is about contacts and participants alone
		return
	}
	w.deaf = true
	w.ref.unheard(w, e)
}

// redeliver tells some of what was told before again, so late that the inbox does
// not know it any more.
func (w *world) redeliver(seed, most int) {
	rng := rand.New(rand.NewPCG(uint64(seed), uint64(len(w.raised))))
	var again []hubspottest.Event
	for _, e := range w.raised {
		if len(again) < most && rng.IntN(len(w.raised)) < most {
			again = append(again, e)
		}
	}
	w.forget()
	w.post(again)
}

// forget has the inbox forget what it has passed on, as it does after a week.
func (w *world) forget() {
	for _, purge := range []func(context.Context, time.Time) (int64, error){w.lab.store.PurgeInbox, w.lab.store.PurgeObjectInbox} {
		if _, err := purge(w.ctx, time.Now().Add(time.Hour)); err != nil {
			w.t.Fatalf("purge the inbox: %v", err)
		}
	}
}

// post hands events to the product's own intake, signed, as HubSpot does.
func (w *world) post(events []hubspottest.Event) {
	for batch := range slices.Chunk(events, 100) {
		if w.verbose {
			w.t.Logf("   delivered: %d", eventIDs(batch))
		}
		body, err := json.Marshal(batch)
		if err != nil {
			w.t.Fatalf("%v", err)
		}
		r, err := http.NewRequestWithContext(w.ctx, http.MethodPost, publicURL+intake.Path, bytes.NewReader(body))
		if err != nil {
			w.t.Fatalf("%v", err)
		}
		r.RequestURI = intake.Path
		hubspottest.Sign(r, hubspottest.DefaultClientSecret, body, time.Now())
		answer := httptest.NewRecorder()
		w.hook.ServeHTTP(answer, r)
		w.tick++
		for _, e := range batch {
			if e.SubscriptionType == "contact.privacyDeletion" {
				w.ref.heard(w, fmt.Sprint(e.ObjectID))
			}
		}
		if answer.Code != http.StatusOK {
			w.breaks("the intake refuses events", answer.Code, answer.Body)
		}
	}
}

func eventIDs(events []hubspottest.Event) []int64 {
	var ids []int64
	for _, e := range events {
		ids = append(ids, e.EventID)
	}
	return ids
}

// relay brings what the inbox holds to the contacts' lives and to the deals' triggers.
func (w *world) relay() {
	w.relayDeals()
	for {
		n, err := w.lab.store.RelayHints(w.ctx, 500, func(_ context.Context, batch []store.ContactHints) []error {
			for _, c := range batch {
				w.bulk[c.ContactID] = c.Bulk && (w.bulk[c.ContactID] || len(w.mail[c.ContactID]) == 0)
				w.mail[c.ContactID] = append(w.mail[c.ContactID], c.Hints)
			}
			return make([]error, len(batch))
		})
		if err != nil {
			w.t.Fatalf("relay: %v", err)
		}
		if n == 0 {
			return
		}
	}
}

// pending chooses among the contacts whose life has something to do and is not
// under way.
func (w *world) pending(n int) string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(w.mail)) {
		if !w.living[id] {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return ids[n%len(ids)]
}

// moments are when a life looks up from its waiting: within the quiet spell
// after its work, during the hold of a deletion, around its end, and after.
var moments = []time.Duration{
	time.Second, 20 * time.Second, 40 * time.Second, hold - time.Millisecond, hold + time.Second, 2 * hold, 3 * hold,
}

// live runs a contact's life with the hints that wait for it, to its end.
func (w *world) live(id string, during []interruption, nested bool) {
	w.lives++
	env := w.environment(nested)
	meanwhile := w.arm(during, nested)
	w.living[id] = true
	for _, hints := range w.mail[id] {
		env.RegisterDelayedCallback(func() { env.SignalWorkflow(workflows.SignalHints, hints) }, 0)
	}
	delete(w.mail, id)
	for _, at := range moments {
		env.RegisterDelayedCallback(func() {
			if len(meanwhile) > 0 {
				w.interlude(meanwhile[0])
				meanwhile = meanwhile[1:]
			}
			w.relay()
			for _, hints := range w.mail[id] {
				env.SignalWorkflow(workflows.SignalHints, hints)
			}
			delete(w.mail, id)
		}, at)
	}
	w.execute(env, nested, workflows.ContactLifecycleName, workflows.ContactLifecycleInput{ConnectionID: w.connection.ID, ContactID: id})
	delete(w.living, id)
	w.unreported = w.unreported || w.ref.forged[id] // what its block kept out is reported again
	if err := env.GetWorkflowError(); err != nil {
		w.breaks("a contact's life fails", err)
	}
}

// page runs the contacts that wait as some of many together, as the relay does: here two
// are enough. Nothing happens to it meanwhile: its calls have no order.
func (w *world) page(nested bool) {
	in := workflows.ContactBatchInput{ConnectionID: w.connection.ID}
	for _, id := range slices.Sorted(maps.Keys(w.mail)) {
		if w.living[id] || !w.bulk[id] {
			continue
		}
		heard := activities.HeardContact{ContactID: id}
		for _, hints := range w.mail[id] {
			heard.Hints = heard.Hints.Merge(hints)
		}
		in.Contacts = append(in.Contacts, heard)
	}
	if len(in.Contacts) < 2 {
		return
	}
	for _, c := range in.Contacts {
		w.living[c.ContactID] = true
		delete(w.mail, c.ContactID)
	}
	w.lab.seen.pages.Add(1)
	env := w.environment(nested)
	w.arm(nil, nested)
	w.execute(env, nested, workflows.ContactBatchName, in)
	for _, c := range in.Contacts {
		delete(w.living, c.ContactID)
	}
	if err := env.GetWorkflowError(); err != nil {
		w.breaks("a page of contacts fails", err)
	}
}

func (w *world) report(during []interruption, nested bool) {
	env := w.environment(nested)
	w.arm(during, nested)
	w.reporting, w.unreported = true, false
	w.executeRun(env, nested, workflows.ReportSyncName, workflows.ReportSyncInput{ConnectionID: w.connection.ID})
	w.reporting = false
	var result workflows.ReportSyncResult
	if err := env.GetWorkflowResult(&result); err != nil {
		w.breaks("a report fails", err)
	}
	// A report of a paused connection ends, and the first one after that takes it up.
	w.unreported = w.unreported || result.Abandoned != "" || w.pausedAt != 0
}

// setRules changes the sharing rules for what is decided from now on.
func (w *world) setRules(rules bridge.Rules) {
	w.narrow = w.narrow || rules != bridge.DefaultRules
	changes := bridge.RuleChanges{
		ParticipantCreated: &rules.ParticipantCreated, ParticipantUpdated: &rules.ParticipantUpdated,
		ContactCreated: &rules.ContactCreated, ContactUpdated: &rules.ContactUpdated, SharePIIUpdates: &w.pii,
	}
	if _, err := w.lab.store.ChangeRules(w.ctx, w.connection.ID, changes); err != nil {
		w.t.Fatalf("set the rules: %v", err)
	}
}

// executeRun runs what asks for exports. One that never comes is waited for in vain:
// the patience ends after the first look. A row that could not be read is news that
// nobody tells.
func (w *world) executeRun(env *testsuite.TestWorkflowEnvironment, nested bool, workflow string, input any) {
	w.runs = append(w.runs, env)
	defer func() { w.runs = w.runs[:len(w.runs)-1] }()
	if w.pausedAt != 0 {
		env.RegisterDelayedCallback(w.resume, pauseLasts)
	}
	ordered := w.tenant.Ordered()
	if ordered {
		env.RegisterDelayedCallback(func() { w.ahead = 2 * patienceForExports }, time.Second)
	}
	w.execute(env, nested, workflow, input)
	w.ahead = 0
	w.deaf = w.deaf || ordered && !w.tenant.Ordered()
}

func (w *world) execute(env *testsuite.TestWorkflowEnvironment, nested bool, workflow string, input any) {
	env.ExecuteWorkflow(workflow, input)
	if !nested {
		w.armed, w.poisoned = nil, ""
		w.undisturbed()
	}
	w.listen()
}

// arm readies the interruptions of calls, and returns those of waiting.
func (w *world) arm(during []interruption, nested bool) (meanwhile []interruption) {
	if nested {
		return nil
	}
	w.armed, w.calls = nil, 0
	for _, d := range during {
		if d.call == 0 {
			meanwhile = append(meanwhile, d)
		} else {
			w.armed = append(w.armed, d)
		}
	}
	return meanwhile
}

// interrupt does what the plan has happen before this call to a vendor.
func (w *world) interrupt() {
	if w.busy {
		return
	}
	w.calls++
	for _, d := range w.armed {
		if d.call == w.calls {
			w.repeatable++
			w.interlude(d)
		}
	}
}

func (w *world) interlude(d interruption) {
	w.busy = true
	w.undisturbed()
	w.exec(d.step, true)
	w.busy = false
}

// undisturbed: nothing happens to the next call.
func (w *world) undisturbed() { w.lose, w.fail, w.dies, w.refuse = false, false, alive, 0 }

// settle lets everything that is under way come to its end: all events arrive,
// all lives are lived, and reports run until none has anything to tell.
func (w *world) settle() {
	clear(w.down)
	for range 20 {
		w.resume()
		w.drain()
		w.unreported = w.unreported || w.tenant.Ordered()
		if w.deaf {
			w.reconcile(nil)
			continue
		}
		if w.unreported {
			w.report(nil, false)
			w.relay()
			continue
		}
		if !w.settleDeals() {
			return
		}
	}
	w.breaks("the system does not fall silent")
}

// drain delivers all events and lives all lives.
func (w *world) drain() {
	for range 50 {
		w.deliver(len(w.raised), 8)
		w.relay()
		if len(w.mail)+len(w.dealMail) == 0 {
			return
		}
		for id := w.pending(0); id != ""; id = w.pending(0) {
			w.live(id, nil, false)
		}
		for id := w.pendingDeal(0); id != ""; id = w.pendingDeal(0) {
			w.track(id, nil, false)
		}
	}
	w.breaks("lives do not come to rest")
}
