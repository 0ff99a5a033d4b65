package e2e

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/store"
)

// demoForm is the form of docs/triggers/lead-form.yaml.
const demoForm = "2f6c2b1e-7a54-4a55-9d7e-6f0d0a3f5c11"

// selling is a system with triggers.
type selling struct {
	*system
	store *store.Store
}

// sell starts a system whose app is subscribed to what the triggers need.
func sell(t *testing.T, opts stack.Options) *selling {
	t.Helper()
	s := &selling{system: start(t, opts)}
	s.prepare(t)
	return s
}

// prepare opens the store, subscribes the app, and makes the form.
func (s *selling) prepare(t *testing.T) {
	t.Helper()
	var err error
	if s.store, err = s.Store(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.store.Close)
	all := append(hubspottest.DefaultSubscriptions(), hubspottest.Subscription{Type: "deal.associationChange"})
	if err := s.HubSpot.Webhooks().Subscribe(all...); err != nil {
		t.Fatal(err)
	}
	if _, err := s.portal.DefineForm(hubspottest.Form{ID: demoForm, Name: "Demo request",
		Fields: []string{"email", "firstname", bridge.PropReferredByCode}}); err != nil {
		t.Fatal(err)
	}
}

// apply makes a definition count, as an operator does.
func (s *selling) apply(t *testing.T, file string) {
	t.Helper()
	if _, err := s.Command(t.Context(), nil, "trigger", "apply", "-f", file); err != nil {
		t.Fatal(err)
	}
}

func documented(name string) string { return filepath.Join("..", "..", "..", "docs", "triggers", name) }

// changed is a documented definition with some words replaced.
func changed(t *testing.T, name string, words ...string) string {
	t.Helper()
	text, err := os.ReadFile(documented(name))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(strings.NewReplacer(words...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// buyer is a contact that is in step with its participant.
func (s *selling) buyer(t *testing.T, email string) string {
	t.Helper()
	id := s.createContact(t, map[string]string{"email": email, "firstname": "Person"})
	eventually(t, patience, "the buyer is in step", func() bool { return s.inStep(id, email) })
	return id
}

// deal makes a deal of a contact that is not won yet.
func (s *selling) deal(t *testing.T, contact string, values map[string]string) string {
	t.Helper()
	all := map[string]string{"dealname": "Big", "dealstage": "appointmentscheduled", "amount": "1200", "deal_currency_code": "USD"}
	for name, value := range values {
		all[name] = value
	}
	id, err := s.portal.Person(1).Create("deals", all)
	if err != nil {
		t.Fatal(err)
	}
	if contact != "" {
		if err := s.portal.Person(1).Associate("deals", id, "contacts", contact, false); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

func (s *selling) stage(t *testing.T, deal, stage string) {
	t.Helper()
	if err := s.portal.Person(1).Edit("deals", deal, map[string]string{"dealstage": stage}); err != nil {
		t.Fatal(err)
	}
}

// tracked returns the events of a record in a state.
func (s *selling) tracked(t *testing.T, trigger, objectID string, state store.TrackedState) []store.TrackedEvent {
	t.Helper()
	events, err := s.store.TrackedEvents(t.Context(), s.ConnectionID,
		store.TrackedFilter{TriggerID: trigger, ObjectID: objectID, States: []store.TrackedState{state}, Limit: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func (s *selling) becomes(t *testing.T, trigger, objectID string, state store.TrackedState) store.TrackedEvent {
	t.Helper()
	var found []store.TrackedEvent
	eventually(t, patience, fmt.Sprintf("%s of %s is %s", trigger, objectID, state), func() bool {
		found = s.tracked(t, trigger, objectID, state)
		return len(found) == 1
	})
	return found[0]
}

// conversions are what impact.com counted, by order id.
func (s *selling) conversions() map[string]advocatetest.Conversion {
	counted := map[string]advocatetest.Conversion{}
	for _, c := range s.tenant.Conversions() {
		if c.Type == "Conversion" && c.ErrorType == "" {
			counted[c.OrderID] = c
		}
	}
	return counted
}

func sha1Of(email string) string {
	sum := sha1.Sum([]byte(email))
	return hex.EncodeToString(sum[:])
}

// A lead fills in a form with somebody's referral code, becomes a participant
// who is attributed to that somebody, and buys: each step is a conversion of
// the right customer, and what was lost after all is taken back.
func TestLeadBecomesAConversion(t *testing.T) {
	s := sell(t, stack.Options{})
	s.apply(t, documented("lead-form.yaml"))
	s.apply(t, documented("deal-won.yaml"))
	eventually(t, patience, "the triggers are looked after", func() bool {
		return s.count(t, "WorkflowType = 'TrackRound'") > 0
	})
	referrer, err := s.tenant.Join(person(9), "Person", "Referrer")
	if err != nil {
		t.Fatal(err)
	}

	code := referrer.ReferralCodes[stack.Program]
	if err := s.portal.SubmitForm(demoForm, map[string]string{"email": person(0), "firstname": "Persephone", bridge.PropReferredByCode: code}, ""); err != nil {
		t.Fatal(err)
	}
	lead := s.contactOf(person(0))
	eventually(t, patience, "the lead is in step", func() bool { return s.inStep(lead, person(0)) })
	participant, _ := s.tenant.User(person(0), person(0))
	if !slices.Contains(participant.ReferredByCodes, code) {
		t.Errorf("the lead is attributed to %v, want %s", participant.ReferredByCodes, code)
	}
	request := s.becomes(t, "demo-request", lead, store.TrackedComplete)

	deal := s.deal(t, lead, nil)
	s.stage(t, deal, "closedwon")
	sale := s.becomes(t, "deal-won", deal, store.TrackedComplete)
	counted := s.conversions()
	if len(counted) != 2 {
		t.Fatalf("%d conversions counted, want 2", len(counted))
	}
	for order, want := range map[string]map[string]string{
		request.OrderID: {"EventTypeCode": "qualified_lead", "CustomerStatus": "Lead"},
		sale.OrderID:    {"ActionTrackerId": "30101", "Amount": "1200", "CurrencyCode": "USD"},
	} {
		c := counted[order]
		if c.UserID != participant.ID || c.Params["CustomerEmail"] != sha1Of(person(0)) {
			t.Errorf("conversion %s is %s's, want the lead's", order, c.UserID)
		}
		for name, value := range want {
			if c.Params[name] != value {
				t.Errorf("conversion %s: %s = %q, want %q", order, name, c.Params[name], value)
			}
		}
	}

	t.Run("a verdict against it is shown, and parked", func(t *testing.T) {
		s.apply(t, changed(t, "deal-won.yaml", "id: deal-won", "id: deal-misled", "30101", "30201"))
		other := s.deal(t, lead, nil)
		s.stage(t, other, "closedwon")
		refused := s.becomes(t, "deal-misled", other, store.TrackedError)
		if refused.Reason != "ACTIONTRACKER_CAMPAIGN_MISMATCH" || refused.VendorMessage == "" {
			t.Errorf("refused: %+v", refused)
		}
		items, err := s.store.ParkedItems(t.Context(), s.ConnectionID)
		if err != nil || len(items) != 1 || items[0].TrackedEventID != refused.ID || items[0].Advice == "" {
			t.Errorf("parked: %+v, %v", items, err)
		}
		if _, err := s.Command(t.Context(), nil, "trigger", "disable", "deal-misled"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a deal waits for its contact", func(t *testing.T) {
		lonely := s.deal(t, "", nil)
		s.stage(t, lonely, "closedwon")
		s.becomes(t, "deal-won", lonely, store.TrackedWaiting)
		if err := s.portal.Person(1).Associate("deals", lonely, "contacts", lead, false); err != nil {
			t.Fatal(err)
		}
		s.becomes(t, "deal-won", lonely, store.TrackedComplete)
	})
	t.Run("what is lost after all is taken back", func(t *testing.T) {
		s.stage(t, deal, "closedlost")
		s.becomes(t, "deal-won", deal, store.TrackedReversed)
	})
	s.quiet(t)
	s.wantNothingPersonal(t, []string{person(0), person(9), "Persephone", code, sha1Of(person(0))})
}

// The same changes are told five times, under other event ids and in any order,
// while workers die: each is one conversion.
func TestChangeToldFiveTimesAroundKills(t *testing.T) {
	const deals, times = 12, 5
	s := sell(t, stack.Options{})
	s.apply(t, documented("deal-won.yaml"))
	buyer := s.buyer(t, person(0))
	ids := make([]string, deals)
	for i := range ids {
		ids[i] = s.deal(t, buyer, nil)
	}
	s.quiet(t)
	s.HubSpot.Webhooks().Hold()
	for _, id := range ids {
		s.stage(t, id, "closedwon")
	}
	told := s.HubSpot.Webhooks().Take()
	random := rand.New(rand.NewPCG(3, 4))
	for i := range times {
		again := slices.Clone(told)
		random.Shuffle(len(again), func(a, b int) { again[a], again[b] = again[b], again[a] })
		for j := range again {
			again[j].EventID += int64(i * 1000)
			again[j].AttemptNumber = i
		}
		for some := range slices.Chunk(again, 5) {
			if status, err := s.HubSpot.Webhooks().Send(context.Background(), some...); err != nil || status != 200 {
				t.Fatalf("status %d, %v", status, err)
			}
		}
		pause(random, 500*time.Millisecond)
		s.restartWorker(t)
	}
	s.HubSpot.Webhooks().Release()
	for _, id := range ids {
		s.becomes(t, "deal-won", id, store.TrackedComplete)
	}
	orders := map[string]bool{}
	for _, c := range s.tenant.Conversions() {
		orders[c.OrderID] = true
	}
	if counted := s.conversions(); len(counted) != deals || len(orders) != deals {
		t.Errorf("%d conversions counted under %d order ids, want %d", len(counted), len(orders), deals)
	}
}

// 200 deals are won at once: HubSpot's calls are shared among them, its limit is
// never hit, and impact.com never sees more calls at once than it is to see.
func TestBurstOfDeals(t *testing.T) {
	const deals = 200
	s := sell(t, stack.Options{ReportInterval: time.Hour})
	s.apply(t, changed(t, "deal-won.yaml", "wait_for_contact: 14d", "wait_for_contact: 14d\nat_once: 0"))
	buyer := s.buyer(t, person(0))
	ids := make([]string, deals)
	for i := range ids {
		ids[i] = s.deal(t, buyer, nil)
	}
	s.quiet(t)
	s.HubSpot.ResetCounts()
	began := time.Now()
	for _, id := range ids {
		s.stage(t, id, "closedwon")
	}
	eventually(t, patience, "every deal is a conversion", func() bool { return len(s.conversions()) == deals })
	counts := s.HubSpot.Counts()
	t.Logf("%d deals at once: all sent after %.2f s, %d HubSpot calls", deals, time.Since(began).Seconds(), counts.Total)
	// Deals, their contacts, and the customer are read together, as many as there
	// are by the time of a call: the slower the machine, the fewer. One by one they
	// would take three calls a deal; on a very busy machine it is more than one.
	reads := 0
	for route, n := range counts.Calls {
		if strings.HasPrefix(route, "POST /crm/") {
			reads += n
		}
	}
	if reads > 2*deals {
		t.Errorf("%d reads of HubSpot for %d deals, want at most two a deal: %v", reads, deals, counts.Calls)
	}
	if counts.TooMany != 0 {
		t.Errorf("%d calls were refused for HubSpot's limit", counts.TooMany)
	}
	if most := s.Advocate.Counts()[advocatetest.RouteConversion].MaxConcurrent; most > stack.ImpactConcurrency {
		t.Errorf("impact.com saw %d calls at once, want at most %d", most, stack.ImpactConcurrency)
	}
	eventually(t, patience, "every verdict is known", func() bool {
		return len(s.tracked(t, "deal-won", "", store.TrackedComplete)) == deals
	})
}
