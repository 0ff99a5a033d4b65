package journal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/standin/fault"
	"advocatesync/internal/trigger"
)

// files is the address of the journal's storage, as faults name it.
const (
	files     = "GET /_journal/{token}"
	nextFiles = "GET /webhooks-journal/journal/2026-09/batch/{offset}/next/{n}"
	firstFile = "GET /webhooks-journal/journal/2026-09/batch/earliest/{n}"
)

func TestReader_hearsWhatWebhooksHaveLost(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.pass() // subscribes; nothing was published yet
	l.wantState(bridge.JournalFollowing)
	person := l.crm.Person(9)
	ann, ben := l.create("ann@shop.example"), l.create("ben@shop.example")
	for _, act := range []func() error{
		func() error { return person.Edit("contacts", ann, map[string]string{"email": "anna@shop.example"}) },
		func() error { return person.Edit("contacts", ann, map[string]string{"phone": "1"}) }, // of no interest
		func() error { return person.Archive("contacts", ben) },
		func() error { return person.Restore("contacts", ben) },
		func() error { return person.Erase(ben) },
	} {
		if err := act(); err != nil {
			t.Fatal(err)
		}
		l.clock.pass(time.Second)
	}
	for range 3 {
		l.pass()
	}
	rows, err := l.db.Query(t.Context(), "SELECT contact_id, kind, property, count(*) FROM inbox GROUP BY 1, 2, 3")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for rows.Next() {
		var contact, kind, property string
		var n int
		if err := rows.Scan(&contact, &kind, &property, &n); err != nil {
			t.Fatal(err)
		}
		got[strings.TrimSpace(contact+" "+kind+" "+property)] = n
	}
	want := map[string]int{
		ann + " created": 1, ann + " updated email": 2, ben + " created": 1, ben + " updated email": 1,
		ben + " deleted": 2, ben + " restored": 1, ben + " erased": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	l.wantReconciles(0)
}

func TestReader_readsABacklogOfManyFilesInOnePass(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.tune(func(k *hubspottest.JournalKnobs) { k.MaxEvents = 1 })
	l.pass()
	var all []string
	for i := range 230 {
		all = append(all, l.create(fmt.Sprintf("p%d@shop.example", i)))
	}
	l.pass()
	l.wantHeard(all...)
}

func TestReader_readsFilesThatAreFull(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.pass()
	for i := range 12_000 {
		l.crm.Host().Journal().Tell(json.RawMessage(fmt.Sprintf(
			`{"type":"crmObject","portalId":4711001,"occurredAt":"2026-11-02T09:00:00.000Z","action":"DELETE","objectTypeId":"0-1","objectId":%d}`, i+1)))
	}
	l.pass()
	var n int
	if err := l.db.QueryRow(t.Context(), "SELECT count(DISTINCT contact_id) FROM inbox").Scan(&n); err != nil || n != 12_000 {
		t.Errorf("heard of %d contacts, %v", n, err)
	}
}

// Whatever goes wrong with a file, it is read once it can be, and counts once.
func TestReader_triesAgainWhatCannotBeReadNow(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(l *lab) (mended func()){
		"an address that has expired": func(l *lab) func() {
			l.tune(func(k *hubspottest.JournalKnobs) { k.LinkLife = 0 })
			return func() {
				l.tune(func(k *hubspottest.JournalKnobs) { k.LinkLife = hubspottest.Duration(5 * time.Minute) })
			}
		},
		"a file that breaks off": func(l *lab) func() {
			l.crm.Host().Inject(hubspottest.Fault{Route: files, Answer: fault.Answer{CutAfter: 300}})
			return func() {}
		},
		"half of a file, said to be whole": func(l *lab) func() {
			l.crm.Host().Inject(hubspottest.Fault{Route: files, Answer: fault.Answer{Body: `{"journalEvents":[{"portalId":1},{"por`}})
			return func() {}
		},
		"a page instead of a file": func(l *lab) func() {
			l.crm.Host().Inject(hubspottest.Fault{Route: files, Answer: fault.Answer{Page: true}})
			return func() {}
		},
		"another file": func(l *lab) func() {
			l.crm.Host().Inject(hubspottest.Fault{Route: files, Answer: fault.Answer{Body: `{"status":"ok"}`}})
			return func() {}
		},
		"storage that fails": func(l *lab) func() {
			l.crm.Host().Inject(hubspottest.Fault{Route: files, Status: 503})
			return func() {}
		},
		"a connection that is cut": func(l *lab) func() {
			l.crm.Host().Inject(hubspottest.Fault{Route: files, Drop: true, Times: -1})
			return l.crm.Host().ClearFaults
		},
		"HubSpot's limit": func(l *lab) func() {
			l.crm.Host().Inject(hubspottest.Fault{Route: firstFile, Status: 429, Policy: "SECONDLY"})
			return func() {}
		},
		"HubSpot is away": func(l *lab) func() {
			l.crm.Host().Inject(hubspottest.Fault{Route: firstFile, Status: 502})
			return func() {}
		},
		"an answer without addresses": func(l *lab) func() {
			l.crm.Host().Inject(hubspottest.Fault{Route: firstFile, Answer: fault.Answer{Alter: []fault.Edit{fault.Remove("results.*.url")}}})
			return func() {}
		},
		"an answer without offsets": func(l *lab) func() {
			l.crm.Host().Inject(hubspottest.Fault{Route: firstFile, Answer: fault.Answer{Alter: []fault.Edit{fault.Remove("results.*.currentOffset")}}})
			return func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.pass()
			ids := []string{l.create("ann@shop.example"), l.create("ben@shop.example")}
			mended := breaks(l)
			l.fails()
			l.wantState(bridge.JournalFailing)
			mended()
			l.pass()
			l.wantHeard(ids...)
			l.wantState(bridge.JournalFollowing)
			l.wantReconciles(0)
		})
	}
}

// Following them would read the same files for ever, and look as if all were well.
func TestReader_endsAtOffsetsThatLeadInACircle(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.tune(func(k *hubspottest.JournalKnobs) { k.MaxEvents = 1 })
	l.pass()
	ids := []string{l.create("ann@shop.example"), l.create("ben@shop.example")}
	l.crm.Host().Inject(hubspottest.Fault{Route: firstFile, Answer: fault.Answer{Alter: []fault.Edit{fault.Set("results.*.currentOffset", "x")}}})
	if err := l.fails(); bridge.KindOf(err) != bridge.Unavailable {
		t.Errorf("got %v", err)
	}
	l.wantState(bridge.JournalFailing)
	l.pass()
	l.wantHeard(ids...)
	l.wantState(bridge.JournalFollowing)
}

func TestReader_aBadRowHidesNoOther(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.pass()
	before := l.create("ann@shop.example")
	for _, row := range []string{`null`, `"text"`, `[]`, `{}`, `{"portalId":{},"action":7}`, `{"portalId":4711001,"action":"CREATE","objectTypeId":"0-1","objectId":"x"}`} {
		l.crm.Host().Journal().Tell(json.RawMessage(row))
	}
	after := l.create("ben@shop.example")
	l.pass()
	l.wantHeard(before, after)
}

func TestReader_passesOverAFileThatCanNeverBeRead(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.tune(func(k *hubspottest.JournalKnobs) { k.MaxEvents = 1 })
	l.pass()
	first := l.create("ann@shop.example")
	l.pass()
	l.create("lost@shop.example")
	l.crm.Host().Inject(hubspottest.Fault{Route: files, Times: -1, Status: 404})
	l.fails()
	l.clock.pass(time.Minute)
	l.fails()
	l.wantReconciles(0)
	l.clock.pass(2 * time.Minute)
	l.pass()
	l.wantReconciles(1)
	l.crm.Host().ClearFaults()
	latest := l.create("dee@shop.example")
	l.pass()
	l.wantHeard(first, latest)
	l.wantReconciles(1)
}

func TestReader_saysThatTheAppMayNotRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		forbid, allow func(l *lab)
		want          bridge.JournalState
	}{
		"the app lacks the scopes": {
			func(l *lab) { l.tune(func(k *hubspottest.JournalKnobs) { k.Scopes = []string{} }) },
			func(l *lab) { l.tune(func(k *hubspottest.JournalKnobs) { k.Scopes = nil }) },
			bridge.JournalMissingScopes,
		},
		"the secret is wrong": {
			func(l *lab) { l.secret = "wrong" }, func(l *lab) { l.secret = hubspottest.DefaultClientSecret },
			bridge.JournalRefused,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			tt.forbid(l)
			l.restart()
			l.fails()
			l.wantState(tt.want)
			since := l.state().Since
			l.fails()
			if !l.state().Since.Equal(since) {
				t.Error("the state counts from its last failure, not from its first")
			}
			if advice := l.state().State.Advice(); !strings.Contains(advice, "work without it") {
				t.Errorf("advice %q", advice)
			}
			tt.allow(l)
			l.restart()
			l.pass()
			id := l.create("ann@shop.example")
			l.pass()
			l.wantHeard(id)
		})
	}
}

// An app without the scopes for what triggers watch follows contacts all the same.
func TestReader_needsTheScopesOfContactsAlone(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.tune(func(k *hubspottest.JournalKnobs) {
		k.Scopes = append(bridge.JournalScopes(), "crm.objects.contacts.read")
	})
	l.pass()
	id := l.create("ann@shop.example")
	l.pass()
	l.wantHeard(id)
}

func TestReader_anOffsetThatIsTooOldStartsOneReconcile(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"refused": 404, "refused as gone": 410, "refused as invalid": 400, "passed over in silence": 200} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.tune(func(k *hubspottest.JournalKnobs) { k.AgedOutStatus = status })
			l.pass()
			first := l.create("ann@shop.example")
			l.pass()
			l.create("lost@shop.example")
			l.publish()
			l.clock.pass(80 * time.Hour) // the reader is away
			later := l.create("cy@shop.example")
			l.restart()
			for range 3 {
				l.pass()
			}
			l.wantHeard(first, later)
			l.wantReconciles(1)
			l.wantState(bridge.JournalFollowing)
		})
	}
}

// publish has files made of what has happened so far.
func (l *lab) publish() { l.crm.Host().Journal().Publish() }

// In a quiet installation the file of the kept offset goes, and nothing is missed.
func TestReader_aQuietWeekIsNoGap(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.pass()
	first := l.create("ann@shop.example")
	for range 7 * 24 {
		l.clock.pass(time.Hour)
		l.pass()
	}
	later := l.create("ben@shop.example")
	l.pass()
	l.wantHeard(first, later)
	l.wantReconciles(0)
}

// A day's outage is within what the journal keeps.
func TestReader_aDaysOutageLosesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.pass()
	var all []string
	for i := range 24 {
		all = append(all, l.create(fmt.Sprintf("p%d@shop.example", i)))
		l.publish()
		l.clock.pass(time.Hour)
	}
	l.restart()
	l.pass()
	l.wantHeard(all...)
	l.wantReconciles(0)
}

func TestReader_aGapWaitsForTheReconcileThatIsUnderWay(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.pass()
	l.clock.pass(80 * time.Hour)
	l.refusal = &bridge.Error{Kind: bridge.Conflict, Op: "operator.reconcile"}
	l.pass()
	l.wantReconciles(0)
	l.refusal = nil
	l.pass()
	l.pass()
	l.wantReconciles(1)
}

// The events are durable, the offset is not: the next process reads them again.
func TestReader_aCrashBetweenInboxAndOffsetLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.pass()
	ids := []string{l.create("ann@shop.example"), l.create("ben@shop.example")}
	crash := errors.New("killed")
	l.took = func() error { return crash }
	if err := l.fails(); !errors.Is(err, crash) {
		t.Fatal(err)
	}
	l.wantHeard(ids...)
	offset := l.state().Offset
	l.took = nil
	l.restart()
	l.pass()
	l.wantHeard(ids...)
	if l.state().Offset == offset {
		t.Error("the offset did not move")
	}
}

// What keeps events from becoming durable says nothing about their file.
func TestReader_aDatabaseThatIsAwayIsNoFaultOfTheFile(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.pass()
	id := l.create("ann@shop.example")
	l.took = func() error { return &bridge.Error{Kind: bridge.Unavailable, Op: "store.append_events"} }
	for range 3 {
		l.fails()
		l.clock.pass(5 * time.Minute)
	}
	l.took = nil
	l.pass()
	l.wantHeard(id)
	l.wantReconciles(0)
}

func TestReader_oneProcessReadsAtATime(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.pass()
	first := l.Reader
	l.restart() // the second process finds the lease lapsed
	second := l.Reader
	l.pass()
	id := l.create("ann@shop.example")
	if err := first.Pass(t.Context()); err != nil {
		t.Error(err)
	}
	l.wantHeard()
	l.took = func() error {
		// In the middle of its work the second one loses the lease, and the first reads.
		l.took = nil
		l.exec("UPDATE journal SET held_until = '-infinity'")
		if err := first.Pass(t.Context()); err != nil {
			t.Error(err)
		}
		return nil
	}
	if err := second.Pass(t.Context()); bridge.KindOf(err) != bridge.NotFound {
		t.Errorf("the second reader moves the offset although it lost the lease: %v", err)
	}
	l.wantHeard(id)
	l.wantState(bridge.JournalFollowing)
}

func TestReader_keepsASubscriptionForEveryPortal(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.pass()
	portals := func() map[int64]int {
		n := map[int64]int{}
		for _, s := range l.crm.Host().Journal().Subscriptions() {
			n[s.PortalID]++
		}
		return n
	}
	want := func(want map[int64]int) {
		t.Helper()
		if diff := cmp.Diff(want, portals()); diff != "" {
			t.Error(diff)
		}
	}
	want(map[int64]int{hubspottest.DefaultPortalID: 2})

	l.crm.Host().AddPortal(hubspottest.PortalConfig{ID: 2, Token: "two"})
	l.connect(2)
	l.connect(3) // by a static token: the app is not installed there
	l.pass()
	want(map[int64]int{hubspottest.DefaultPortalID: 2, 2: 2})
	if p := l.portal(3); p.Problem == "" || !p.SubscribedAt.IsZero() {
		t.Errorf("a portal without the app: %+v", p)
	}
	l.wantState(bridge.JournalFollowing)

	l.watches = []trigger.Watch{{Object: bridge.ObjectDeal, Property: "dealstage"}, {Object: bridge.ObjectContact, Created: true}}
	l.pass()
	want(map[int64]int{hubspottest.DefaultPortalID: 3, 2: 3})

	second, err := l.store.ConnectionByPortal(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.store.Disconnect(t.Context(), second.ID); err != nil {
		t.Fatal(err)
	}
	l.pass()
	want(map[int64]int{hubspottest.DefaultPortalID: 3})
	l.wantReconciles(0)
}

func TestReader_aSubscriptionThatSomebodyRemovedIsAGapOfThatPortal(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.crm.Host().AddPortal(hubspottest.PortalConfig{ID: 2, Token: "two"})
	second := l.connect(2)
	l.pass()
	l.crm.Host().Journal().Unsubscribe(2)
	l.clock.pass(10 * time.Minute)
	l.crm.Host().Inject(hubspottest.Fault{Route: "POST /webhooks-journal/subscriptions/2026-09", Status: 502}) // the gap is not forgotten over it
	l.fails()
	for range 3 {
		l.pass()
	}
	if diff := cmp.Diff([]string{second.ID}, l.reconciles); diff != "" {
		t.Error(diff)
	}
	if len(l.crm.Host().Journal().Subscriptions()) != 4 {
		t.Errorf("subscriptions: %+v", l.crm.Host().Journal().Subscriptions())
	}
}

// The app is installed later, or once more: nothing was recorded until then.
func TestReader_aPortalThatIsRecordedAtLastIsReconciledOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	second := l.connect(2) // the app is not installed there
	l.pass()
	l.wantReconciles(0)
	l.crm.Host().AddPortal(hubspottest.PortalConfig{ID: 2, Token: "two"})
	l.clock.pass(10 * time.Minute)
	for range 3 {
		l.pass()
	}
	if diff := cmp.Diff([]string{second.ID}, l.reconciles); diff != "" {
		t.Error(diff)
	}
	if p := l.portal(2); p.Problem != "" || p.SubscribedAt.IsZero() {
		t.Errorf("%+v", p)
	}
}

// What somebody took away of a subscription was not recorded since.
func TestReader_aSubscriptionThatSomebodyNarrowedIsAGap(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.pass()
	l.clock.pass(10 * time.Minute)
	l.pass() // it is there in full
	narrowed := l.crm.Host().Journal().Subscriptions()[0]
	narrowed.Actions = []string{"CREATE"}
	l.crm.Host().Journal().Resubscribe(narrowed)
	for range 3 {
		l.clock.pass(10 * time.Minute)
		l.pass()
	}
	l.wantReconciles(1)
	if got := l.crm.Host().Journal().Subscriptions()[0].Actions; len(got) != 5 {
		t.Errorf("actions %v", got)
	}
}

// In whatever form HubSpot shows subscriptions, one that is there is no gap.
func TestReader_aSubscriptionInAnotherFormIsNoGap(t *testing.T) {
	t.Parallel()
	const list = "GET /webhooks-journal/subscriptions/2026-09"
	for name, edits := range map[string][]fault.Edit{
		"without properties":    {fault.Remove("results.*.properties")},
		"without actions":       {fault.Remove("results.*.actions")},
		"with other actions":    {fault.Set("results.*.actions", []string{"object.creation"})},
		"with ids as texts":     {fault.Set("results.*.portalId", "4711001")},
		"with an odd neighbour": {fault.Set("results.2", "odd")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.crm.Host().Inject(hubspottest.Fault{Route: list, Times: -1, Answer: fault.Answer{Alter: edits}})
			for range 4 {
				l.pass()
				l.clock.pass(10 * time.Minute)
			}
			l.wantReconciles(0)
			id := l.create("ann@shop.example")
			l.pass()
			l.wantHeard(id)
		})
	}
}

// A moment to come would hide every gap until then.
func TestReader_believesNoFileFromTheFuture(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.pass()
	l.create("ann@shop.example")
	l.crm.Host().Inject(hubspottest.Fault{Route: files, Answer: fault.Answer{Alter: []fault.Edit{fault.Set("publishedAt", "2099-01-01T00:00:00Z")}}})
	l.pass()
	if at := l.state().Until; at.After(l.clock.now()) {
		t.Errorf("read up to %s", at)
	}
	l.clock.pass(80 * time.Hour)
	l.pass()
	l.wantReconciles(1)
}

// Several installations may share an app: none takes anything from another.
func TestReader_addsToWhatIsSubscribedAlready(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.pass()
	mine := l.crm.Host().Journal().Subscriptions()[0]
	theirs := mine
	theirs.Properties = []string{"phone"}
	l.crm.Host().Journal().Resubscribe(theirs)
	l.clock.pass(10 * time.Minute)
	l.pass()
	got := l.crm.Host().Journal().Subscriptions()[0]
	for _, name := range append(bridge.UpdatingProperties(), "phone") {
		if !strings.Contains(strings.Join(got.Properties, " "), name) {
			t.Errorf("%s is not recorded: %v", name, got.Properties)
		}
	}
}

func TestReader_eventsOfUnknownPortalsAreNotStored(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.pass()
	l.crm.Host().Journal().Tell(json.RawMessage(
		`{"type":"crmObject","portalId":99,"occurredAt":"2026-11-02T09:00:00.000Z","action":"CREATE","objectTypeId":"0-1","objectId":5}`))
	l.pass()
	l.wantHeard()
}
