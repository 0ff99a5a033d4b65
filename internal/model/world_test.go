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

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/intake"
	"advocatesync/internal/store"
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
	renamings   int                       // of events that are told again
	mail        map[string][]bridge.Hints // relayed to a contact's life, not yet seen by it
	living      map[string]bool
	deaf        bool // some news were lost, and nobody has reconciled since
	reporting   bool
	switching   bool     // of the program, during which nobody else writes
	mass        *massRun // the mass sync that is under way

	armed      []interruption // of the life or report that is under way
	calls      int            // to vendors, since it began
	busy       bool           // with an interruption
	lose       bool           // the answer of this call
	fail       bool           // this call
	refuse     int            // this call, with this status
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
	case report:
		if !w.reporting && !w.switching {
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
		if claimed := e.SubscriptionType == "contact.privacyDeletion" && !w.ref.erased[fmt.Sprint(e.ObjectID)]; !claimed {
			w.raised = append(w.raised, e) // what is only claimed may be true when it is told again
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
			w.deaf = true
			w.ref.unheard(w, e)
			w.raised = slices.DeleteFunc(w.raised, func(r hubspottest.Event) bool { return r.EventID == e.EventID })
		}
		return lost
	})
}

// redeliver tells some of what was told before again. It has another id by then:
// HubSpot's repetitions end after a day, and what they repeat is known for longer.
func (w *world) redeliver(seed, most int) {
	rng := rand.New(rand.NewPCG(uint64(seed), uint64(len(w.raised))))
	var again []hubspottest.Event
	for _, e := range w.raised {
		if len(again) < most && rng.IntN(len(w.raised)) < most {
			again = append(again, e)
		}
	}
	w.post(w.renamed(again))
}

// renamed are events under ids that they did not have before.
func (w *world) renamed(events []hubspottest.Event) []hubspottest.Event {
	w.renamings++
	again := slices.Clone(events)
	for i := range again {
		again[i].EventID += 1_000_000 * int64(w.renamings)
	}
	return again
}

// post hands events to the product's own intake, signed, as HubSpot does.
func (w *world) post(events []hubspottest.Event) {
	for batch := range slices.Chunk(events, 100) {
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
		if answer.Code != http.StatusOK {
			w.breaks("the intake refuses events", answer.Code, answer.Body)
		}
	}
}

// relay brings what the inbox holds to the contacts' lives.
func (w *world) relay() {
	for {
		n, err := w.lab.store.RelayHints(w.ctx, 500, func(_ context.Context, batch []store.ContactHints) []error {
			for _, c := range batch {
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
	if err := env.GetWorkflowError(); err != nil {
		w.breaks("a contact's life fails", err)
	}
}

func (w *world) report(during []interruption, nested bool) {
	env := w.environment(nested)
	w.arm(during, nested)
	w.reporting, w.unreported = true, false
	w.execute(env, nested, workflows.ReportSyncName, workflows.ReportSyncInput{ConnectionID: w.connection.ID})
	w.reporting = false
	if err := env.GetWorkflowError(); err != nil {
		w.breaks("a report fails", err)
	}
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

func (w *world) execute(env *testsuite.TestWorkflowEnvironment, nested bool, workflow string, input any) {
	env.ExecuteWorkflow(workflow, input)
	if !nested {
		w.armed = nil
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
	w.busy, w.lose, w.fail, w.refuse = true, false, false, 0
	w.exec(d.step, true)
	w.busy = false
}

// settle lets everything that is under way come to its end: all events arrive,
// all lives are lived, and reports run until none has anything to tell.
func (w *world) settle() {
	for range 20 {
		w.drain()
		if w.deaf {
			w.reconcile(nil)
			continue
		}
		if !w.unreported {
			return
		}
		w.report(nil, false)
		w.relay()
	}
	w.breaks("the system does not fall silent")
}

// drain delivers all events and lives all lives.
func (w *world) drain() {
	for range 50 {
		w.deliver(len(w.raised), 8)
		w.relay()
		if len(w.mail) == 0 {
			return
		}
		for id := w.pending(0); id != ""; id = w.pending(0) {
			w.live(id, nil, false)
		}
	}
	w.breaks("lives do not come to rest")
}
