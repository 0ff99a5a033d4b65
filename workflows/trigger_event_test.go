package workflows_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/activities"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
	"advocatesync/internal/trigger/triggertest"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// dealReversed is triggertest.DealWon that takes back what was lost again.
var dealReversed = strings.NewReplacer("conversion:", `reverse_when: deal.dealstage == "closedlost"
conversion:
  disposition_code: ITEM_RETURNED`).Replace(triggertest.DealWon)

// apply makes a definition count, checked against the portal as it is.
func apply(t *testing.T, s *wiringtest.System, source string) {
	t.Helper()
	link, err := s.Connections.Open(t.Context(), s.Connection.ID)
	if err != nil {
		t.Fatal(err)
	}
	schema := trigger.Schema{}
	for _, of := range bridge.ObjectTypes() {
		schema[of] = map[string]trigger.Property{}
		for _, p := range s.ObjectProperties(t, of) {
			schema[of][p.Name] = trigger.Property{Type: p.Type}
		}
	}
	compiled, err := trigger.Load([]byte(source), schema)
	if err != nil {
		t.Fatal(err)
	}
	types, err := json.Marshal(compiled.Only(schema))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Store.ApplyTrigger(t.Context(), store.Trigger{
		ConnectionID: link.ID, ID: compiled.Definition().ID, Source: source, Schema: types,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// buyer is a contact that is mapped to a participant.
func buyer(t *testing.T, s *wiringtest.System, email string) string {
	t.Helper()
	id := s.CreateContact(t, map[string]string{"email": email})
	live(t, s, id, created())
	if got := s.State(t, id); got != bridge.StateMapped {
		t.Fatalf("the buyer is %s", got)
	}
	return id
}

func record(t *testing.T, s *wiringtest.System, objectType string, values map[string]string, contacts ...string) string {
	t.Helper()
	id, err := s.Portal.Person(1).Create(objectType, values)
	if err != nil {
		t.Fatal(err)
	}
	for _, contact := range contacts {
		associate(t, s, objectType, id, contact)
	}
	return id
}

func associate(t *testing.T, s *wiringtest.System, objectType, id, contact string) {
	t.Helper()
	if err := s.Portal.Person(1).Associate(objectType, id, "contacts", contact, false); err != nil {
		t.Fatal(err)
	}
}

func won() map[string]string {
	return map[string]string{"dealname": "Big", "dealstage": "closedwon", "amount": "99.5", "deal_currency_code": "EUR"}
}

func stage(t *testing.T, s *wiringtest.System, deal, to string) bridge.ObjectHints {
	t.Helper()
	if err := s.Portal.Person(1).Edit("deals", deal, map[string]string{"dealstage": to}); err != nil {
		t.Fatal(err)
	}
	return stageChanged()
}

func stageChanged() bridge.ObjectHints {
	return bridge.ObjectHints{Changed: map[string]time.Time{"dealstage": time.Now().UTC().Truncate(time.Millisecond)}}
}

// heard runs what triggers make of a record once HubSpot told of it.
func heard(t *testing.T, s *wiringtest.System, of bridge.ObjectType, id string, hints ...bridge.ObjectHints) activities.LookAtObjectResult {
	t.Helper()
	env := environment(s)
	for i, h := range hints {
		env.RegisterDelayedCallback(func() { env.SignalWorkflow(workflows.SignalChanges, h) }, time.Duration(i)*time.Millisecond)
	}
	env.ExecuteWorkflow(workflows.TrackEventName, workflows.TrackEventInput{ConnectionID: s.Connection.ID, ObjectType: of, ObjectID: id})
	if !env.IsWorkflowCompleted() {
		t.Fatal("the run did not end")
	}
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	var result activities.LookAtObjectResult
	if err := env.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	return result
}

// look runs a round, and then whatever is waiting to be looked at again.
func look(t *testing.T, s *wiringtest.System) workflows.TrackRoundResult {
	t.Helper()
	env := environment(s)
	env.ExecuteWorkflow(workflows.TrackRoundName, workflows.TrackRoundInput{ConnectionID: s.Connection.ID})
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	var result workflows.TrackRoundResult
	if err := env.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	relay(t, s)
	return result
}

func relay(t *testing.T, s *wiringtest.System) {
	t.Helper()
	var told []store.ObjectHints
	_, err := s.Store.RelayObjects(t.Context(), 500, func(_ context.Context, batch []store.ObjectHints) []error {
		told = batch
		return make([]error, len(batch))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range told {
		heard(t, s, o.ObjectType, o.ObjectID, o.Hints)
	}
}

// tracked returns the connection's tracked events as "trigger: state", the
// latest first.
func tracked(t *testing.T, s *wiringtest.System) []string {
	t.Helper()
	var all []string
	for _, e := range events(t, s) {
		all = append(all, e.TriggerID+": "+string(e.State))
	}
	return all
}

func events(t *testing.T, s *wiringtest.System) []store.TrackedEvent {
	t.Helper()
	found, err := s.Store.TrackedEvents(t.Context(), s.Connection.ID, store.TrackedFilter{})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func wantTracked(t *testing.T, s *wiringtest.System, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, tracked(t, s)); diff != "" {
		t.Fatalf("tracked (-want +got)\n%s", diff)
	}
}

func sha1Of(email string) string {
	sum := sha1.Sum([]byte(email))
	return hex.EncodeToString(sum[:])
}

func TestTrackEvent_aDealThatIsWonBecomesOneConversion(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	contact := buyer(t, s, ann)
	deal := record(t, s, "deals", won(), contact)

	heard(t, s, bridge.ObjectDeal, deal, stageChanged())

	wantTracked(t, s, "deal-won: sent")
	sent := s.Tenant.Conversions()
	if len(sent) != 1 {
		t.Fatalf("%d conversions", len(sent))
	}
	got := sent[0]
	user, _ := s.Tenant.User(ann, ann)
	if got.UserID != user.ID || got.Params["CustomerEmail"] != sha1Of(ann) {
		t.Errorf("the conversion is %s's, want the buyer's", got.UserID)
	}
	for name, want := range map[string]string{"Amount": "99.5", "CurrencyCode": "EUR", "CampaignId": "47255", "ActionTrackerId": "30101"} {
		if got.Params[name] != want {
			t.Errorf("%s = %q, want %q", name, got.Params[name], want)
		}
	}
	if got := look(t, s); got.Asked != 1 || got.Decided != 1 {
		t.Errorf("a round did %+v", got)
	}
	wantTracked(t, s, "deal-won: complete")
	if e := events(t, s)[0]; e.ContactID != contact || e.OrderID != got.OrderID || e.SentAt.IsZero() || e.DecidedAt.IsZero() {
		t.Errorf("recorded %+v", e)
	}
}

func TestTrackEvent_theSameChangeNeverCountsTwice(t *testing.T) {
	t.Parallel()
	for _, once := range []string{"object", "change"} {
		t.Run("once per "+once, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			apply(t, s, triggertest.DealWon+"once: "+once+"\n")
			deal := record(t, s, "deals", won(), buyer(t, s, ann))
			change := stageChanged()
			heard(t, s, bridge.ObjectDeal, deal, change, change, change)
			heard(t, s, bridge.ObjectDeal, deal, change, change)
			look(t, s)
			heard(t, s, bridge.ObjectDeal, deal, change)
			if sent := s.Tenant.Conversions(); len(sent) != 1 {
				t.Errorf("%d conversions", len(sent))
			}
			wantTracked(t, s, "deal-won: complete")
		})
	}
}

func TestTrackEvent_aStageThatFlapsCountsAsConfigured(t *testing.T) {
	t.Parallel()
	for once, want := range map[string]int{"object": 1, "change": 2} {
		t.Run("once per "+once, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			apply(t, s, triggertest.DealWon+"once: "+once+"\n")
			deal := record(t, s, "deals", won(), buyer(t, s, ann))
			first := stageChanged()
			heard(t, s, bridge.ObjectDeal, deal, first)
			var late bridge.ObjectHints
			for i, to := range []string{"closedlost", "closedwon"} {
				h := stage(t, s, deal, to)
				h.Changed["dealstage"] = first.Changed["dealstage"].Add(time.Duration(i+1) * time.Second)
				heard(t, s, bridge.ObjectDeal, deal, h)
				if i == 0 {
					late = h
				}
			}
			heard(t, s, bridge.ObjectDeal, deal, late) // the loss is told again, when the deal is won
			heard(t, s, bridge.ObjectDeal, deal, first)
			if sent := s.Tenant.Conversions(); len(sent) != want {
				t.Errorf("%d conversions, want %d", len(sent), want)
			}
			if ids := orderIDs(s); len(slices.Compact(ids)) != want {
				t.Errorf("order ids %v", ids)
			}
		})
	}
}

func orderIDs(s *wiringtest.System) []string {
	var ids []string
	for _, c := range s.Tenant.Conversions() {
		ids = append(ids, c.OrderID)
	}
	slices.Sort(ids)
	return ids
}

func TestTrackEvent_whatDoesNotMatchIsNoEvent(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	deal := record(t, s, "deals", won(), buyer(t, s, ann))
	s.HubSpot.ResetCounts()
	heard(t, s, bridge.ObjectDeal, deal, stage(t, s, deal, "contractsent"))
	wantTracked(t, s)
	if calls := s.HubSpot.Counts().Total; calls != 1 {
		t.Errorf("%d HubSpot calls, want the deal alone", calls)
	}
}

func TestTrackEvent_anAnswerThatWasLostIsNotSentTwiceUnderAnotherName(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	deal := record(t, s, "deals", won(), buyer(t, s, ann))
	s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteConversion, DropAfter: true, Times: 2})
	heard(t, s, bridge.ObjectDeal, deal, stageChanged())
	wantTracked(t, s, "deal-won: sent")
	ids := orderIDs(s)
	if len(ids) != 3 || len(slices.Compact(ids)) != 1 {
		t.Fatalf("order ids %v, want one, three times", ids)
	}
	counted := 0
	for _, c := range s.Tenant.Conversions() {
		if c.ErrorType == "" {
			counted++
		}
	}
	if counted != 1 {
		t.Errorf("%d conversions counted", counted)
	}
}

func TestTrackEvent_outlastsAnOutageOfImpact(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	deal := record(t, s, "deals", won(), buyer(t, s, ann))
	s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteConversion, Status: 503, Times: 5})
	s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteConversion, Status: 429})
	heard(t, s, bridge.ObjectDeal, deal, stageChanged())
	wantTracked(t, s, "deal-won: sent")
}

func TestTrackEvent_aDealWaitsForAMappedContact(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before func(*testing.T, *wiringtest.System, string) // the look
		after  func(*testing.T, *wiringtest.System, string)
	}{
		"that is associated later": {
			func(*testing.T, *wiringtest.System, string) {},
			func(t *testing.T, s *wiringtest.System, deal string) {
				associate(t, s, "deals", deal, buyer(t, s, ann))
				heard(t, s, bridge.ObjectDeal, deal, bridge.ObjectHints{RecheckAt: time.Now()}) // HubSpot tells of it
			},
		},
		"that is mapped later": {
			func(t *testing.T, s *wiringtest.System, deal string) {
				associate(t, s, "deals", deal, s.CreateContact(t, map[string]string{"email": ann}))
			},
			func(t *testing.T, s *wiringtest.System, _ string) {
				if got := look(t, s); got.Woken != 0 {
					t.Errorf("woken %d times before anything happened", got.Woken)
				}
				id, _ := s.ContactByEmail(t, ann)
				live(t, s, id, created())
				if got := look(t, s); got.Woken != 1 {
					t.Errorf("woken %d times", got.Woken)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			apply(t, s, triggertest.DealWon)
			deal := record(t, s, "deals", won())
			tt.before(t, s, deal)
			heard(t, s, bridge.ObjectDeal, deal, stageChanged())
			wantTracked(t, s, "deal-won: waiting")
			tt.after(t, s, deal)
			wantTracked(t, s, "deal-won: sent")
			if sent := s.Tenant.Conversions(); len(sent) != 1 || sent[0].UserID == "" {
				t.Errorf("conversions: %+v", sent)
			}
		})
	}
}

func TestTrackEvent_aDealThatHasWaitedLongEnoughIsSkippedWithTheReason(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon+"wait_for_contact: 1h\n")
	deal := record(t, s, "deals", won())
	long := time.Now().Add(-2 * time.Hour)
	heard(t, s, bridge.ObjectDeal, deal, bridge.ObjectHints{Changed: map[string]time.Time{"dealstage": long}})
	wantTracked(t, s, "deal-won: skipped")
	if reason := events(t, s)[0].Reason; !strings.Contains(reason, "mapped") {
		t.Errorf("reason: %s", reason)
	}
	// It is won anew, and now somebody is there.
	associate(t, s, "deals", deal, buyer(t, s, ann))
	heard(t, s, bridge.ObjectDeal, deal, stageChanged())
	wantTracked(t, s, "deal-won: sent")
}

func TestTrackEvent_creditsTheFirstReferralElseTheFirstContact(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		referred []int
		want     int
	}{
		"nobody was referred":    {nil, 0},
		"the third was referred": {[]int{2}, 2},
		"two were referred":      {[]int{1, 2}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			apply(t, s, triggertest.DealWon)
			code := s.Join(t, "ben@shop.example", "Ben", "Baker").ReferralCodes[wiringtest.Program]
			deal := record(t, s, "deals", won(), s.CreateContact(t, map[string]string{"email": "unmapped@shop.example"}))
			var emails []string
			for i := range 3 {
				email := fmt.Sprintf("buyer%d@shop.example", i)
				props := map[string]string{"email": email}
				if slices.Contains(tt.referred, i) {
					props[bridge.PropReferredByCode] = code
				}
				id := s.CreateContact(t, props)
				live(t, s, id, created())
				emails = append(emails, email)
			}
			for _, email := range slices.Backward(emails) { // the order of associations means nothing
				id, _ := s.ContactByEmail(t, email)
				associate(t, s, "deals", deal, id)
			}
			heard(t, s, bridge.ObjectDeal, deal, stageChanged())
			if sent := s.Tenant.Conversions(); len(sent) != 1 || sent[0].Params["CustomerEmail"] != sha1Of(emails[tt.want]) {
				t.Errorf("conversions: %+v, want one of buyer %d", sent, tt.want)
			}
		})
	}
}

func TestTrackEvent_sendsTheEmailThatAdvocateKnows(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	contact := buyer(t, s, ann)
	s.EditContact(t, contact, map[string]string{"email": "ann@new.example"})
	live(t, s, contact, updated())
	deal := record(t, s, "deals", won(), contact)
	heard(t, s, bridge.ObjectDeal, deal, stageChanged())
	if sent := s.Tenant.Conversions(); len(sent) != 1 || sent[0].Params["CustomerEmail"] != sha1Of(ann) {
		t.Errorf("conversions: %+v, want one under the participant's email", sent)
	}
}

func TestTrackEvent_refusalsAreParkedAndTriedAgainOnDemand(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		definition string
		deal       map[string]string
		cause      bridge.Cause
		mend       func(*testing.T, *wiringtest.System, string)
	}{
		"what cannot be sent": {
			triggertest.DealWon, map[string]string{"deal_currency_code": ""}, bridge.CauseEventBlocked,
			func(t *testing.T, s *wiringtest.System, deal string) {
				if err := s.Portal.Person(1).Edit("deals", deal, map[string]string{"deal_currency_code": "EUR"}); err != nil {
					t.Fatal(err)
				}
			},
		},
		"what the vendor refuses at once": {
			strings.Replace(triggertest.DealWon, "fields:", "customer_email: raw\n  fields:", 1), nil, bridge.CauseEventRefused,
			func(t *testing.T, s *wiringtest.System, _ string) { apply(t, s, triggertest.DealWon) },
		},
		"what the vendor's verdict is against": {
			strings.Replace(triggertest.DealWon, "action_tracker_id: 30101", "action_tracker_id: 30201", 1), nil, bridge.CauseEventRefused,
			func(t *testing.T, s *wiringtest.System, _ string) { apply(t, s, triggertest.DealWon) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			apply(t, s, tt.definition)
			contact := buyer(t, s, ann)
			values := won()
			for property, value := range tt.deal {
				values[property] = value
			}
			deal := record(t, s, "deals", values, contact)
			heard(t, s, bridge.ObjectDeal, deal, stageChanged())
			look(t, s)
			wantTracked(t, s, "deal-won: error")
			parked := s.Parked(t)
			if len(parked) != 1 || parked[0].Cause != tt.cause || parked[0].ContactID != contact || parked[0].VendorMessage == "" || parked[0].Advice == "" {
				t.Fatalf("parked: %+v", parked)
			}
			if e := events(t, s)[0]; e.ID != parked[0].TrackedEventID {
				t.Errorf("parked event %d, want %d", parked[0].TrackedEventID, e.ID)
			}
			if words := parked[0].VendorMessage + events(t, s)[0].VendorMessage; strings.Contains(words, ann) || strings.Contains(words, sha1Of(ann)) {
				t.Errorf("the words tell who it was: %s", words)
			}
			live(t, s, contact, updated()) // the contact's own life goes on
			if len(s.Parked(t)) != 1 {
				t.Fatal("the contact's sync closed what is parked for its conversion")
			}

			tt.mend(t, s, deal)
			retried, err := s.Operator.Retry(t.Context(), s.Connection.ID, []int64{parked[0].ID})
			if err != nil || len(retried.Events) != 1 {
				t.Fatalf("retried %+v, %v", retried, err)
			}
			relay(t, s)
			look(t, s)
			wantTracked(t, s, "deal-won: complete")
			if len(s.Parked(t)) != 0 {
				t.Errorf("still parked: %+v", s.Parked(t))
			}
		})
	}
}

func TestTrackEvent_whatIsLostAgainIsReversedOnce(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, dealReversed)
	deal := record(t, s, "deals", won(), buyer(t, s, ann))
	heard(t, s, bridge.ObjectDeal, deal, stageChanged())
	// It is lost before the verdict: what is not complete cannot be reversed.
	heard(t, s, bridge.ObjectDeal, deal, stage(t, s, deal, "closedlost"))
	wantTracked(t, s, "deal-won: sent")
	look(t, s) // the verdict, and then the reversal
	wantTracked(t, s, "deal-won: sent")
	look(t, s)
	wantTracked(t, s, "deal-won: reversed")
	heard(t, s, bridge.ObjectDeal, deal, stage(t, s, deal, "closedwon"))
	heard(t, s, bridge.ObjectDeal, deal, stage(t, s, deal, "closedlost"))
	look(t, s)
	wantTracked(t, s, "deal-won: reversed")
	var types []string
	for _, c := range s.Tenant.Conversions() {
		types = append(types, c.Type+c.ErrorType)
	}
	if diff := cmp.Diff([]string{"Conversion", "Reversal"}, types); diff != "" {
		t.Error(diff)
	}
}

func TestTrackEvent_nothingIsSentForSomebodyWhoWasErased(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	contact := buyer(t, s, ann)
	deal := record(t, s, "deals", won(), contact)
	if err := s.Portal.Person(1).Erase(contact); err != nil {
		t.Fatal(err)
	}
	live(t, s, contact, bridge.Hints{ErasedAt: time.Now()})
	heard(t, s, bridge.ObjectDeal, deal, stageChanged())
	wantTracked(t, s, "deal-won: waiting")
	if sent := s.Tenant.Conversions(); len(sent) != 0 {
		t.Errorf("%d conversions", len(sent))
	}
}

func TestTrackEvent_aRecordThatHubSpotDoesNotShowYetIsLookedForAgain(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	deal := record(t, s, "deals", won(), buyer(t, s, ann))
	if err := s.Portal.Person(1).Archive("deals", deal); err != nil {
		t.Fatal(err)
	}
	env := environment(s)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(workflows.SignalChanges, stageChanged()) }, 0)
	env.RegisterDelayedCallback(func() {
		if err := s.Portal.Person(1).Restore("deals", deal); err != nil {
			t.Error(err)
		}
	}, 5*time.Second)
	env.ExecuteWorkflow(workflows.TrackEventName, workflows.TrackEventInput{ConnectionID: s.Connection.ID, ObjectType: bridge.ObjectDeal, ObjectID: deal})
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	wantTracked(t, s, "deal-won: sent")
}

func TestTrackEvent_aRecordThatNeverShowsIsRecordedAsSkipped(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, triggertest.DealWon)
	if result := heard(t, s, bridge.ObjectDeal, "4711", stageChanged()); !result.Missing {
		t.Errorf("result %+v", result)
	}
	wantTracked(t, s, "deal-won: skipped")
}

func TestTrackEvent_anAdvocateEventIsLoggedOnce(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, `
id: stage-changed
object: deal
event: {type: property_changed, property: dealstage}
when: deal.dealstage == "closedwon"
advocate_event:
  key: hubspot_deal_status_changed
  fields:
    stage: = deal.dealstage
`)
	deal := record(t, s, "deals", won(), buyer(t, s, ann))
	s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteEvents, DropAfter: true})
	heard(t, s, bridge.ObjectDeal, deal, stageChanged())
	wantTracked(t, s, "stage-changed: complete")
	logged := s.Tenant.Events()
	user, _ := s.Tenant.User(ann, ann)
	if len(logged) != 1 || logged[0].UserID != user.ID || logged[0].Fields["stage"] != "closedwon" {
		t.Errorf("logged %+v", logged)
	}
}

func replaced(text string, pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(text)
}

func TestTrackEvent_aDealWithoutACurrencyIsInThePortals(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, replaced(triggertest.DealWon, "deal.deal_currency_code", "deal.?deal_currency_code.orValue(portal.currency)"))
	values := won()
	delete(values, "deal_currency_code")
	values["amount"] = "12345678901234567.89"
	heard(t, s, bridge.ObjectDeal, record(t, s, "deals", values, buyer(t, s, ann)), stageChanged())
	sent := s.Tenant.Conversions()
	if len(sent) != 1 || sent[0].Params["CurrencyCode"] != "USD" || sent[0].Params["Amount"] != "12345678901234567.89" {
		t.Errorf("conversions: %+v", sent)
	}
}
