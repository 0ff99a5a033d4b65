package operator_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
	"advocatesync/internal/wiring/wiringtest"
)

// The examples of docs/triggers.md.
const (
	leadForm        = "lead-form"
	dealWon         = "deal-won"
	companyCustomer = "company-customer"

	demoForm = "2f6c2b1e-7a54-4a55-9d7e-6f0d0a3f5c11"
)

func example(t *testing.T, name string) []byte {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "..", "docs", "triggers", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// apply makes an example count.
func apply(t *testing.T, s *wiringtest.System, name string) operator.AppliedTrigger {
	t.Helper()
	if name == leadForm {
		if _, err := s.Portal.DefineForm(hubspottest.Form{ID: demoForm, Name: "Demo", Fields: []string{"email", "company"}}); err != nil {
			t.Fatal(err)
		}
	}
	applied, err := s.Operator.ApplyTrigger(t.Context(), s.Connection, example(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return applied
}

// create makes a record that belongs to contacts.
func create(t *testing.T, s *wiringtest.System, objectType string, props map[string]string, contacts ...string) string {
	t.Helper()
	id, err := s.Portal.Person(1).Create(objectType, props)
	if err != nil {
		t.Fatal(err)
	}
	for _, contact := range contacts {
		if err := s.Portal.Person(1).Associate(objectType, id, "contacts", contact, false); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

func try(t *testing.T, s *wiringtest.System, id, objectID string) operator.TriggerTrial {
	t.Helper()
	trial, err := s.Operator.TestTrigger(t.Context(), s.Connection, id, objectID)
	if err != nil {
		t.Fatal(err)
	}
	return trial
}

// annHashed is the SHA-1 of Ann's email.
const annHashed = "56801532b33e4e481264756f809d32dc27843b18"

func TestTriggers_theDocumentedExamplesAskForWhatTheySay(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	contact := mapped(t, s, ann)
	s.EditContact(t, contact, map[string]string{"company": "Shop Ltd"})
	deal := create(t, s, "deals", map[string]string{"dealname": "Big one", "dealstage": "closedwon", "amount": "1200.50", "deal_currency_code": "USD"}, contact)
	company := create(t, s, "companies", map[string]string{"name": "Shop", "lifecyclestage": "customer", "annualrevenue": "50000"}, contact)
	user, _ := s.Tenant.User(ann, ann)
	tests := map[string]struct {
		object string
		want   func(operator.TriggerTrial) operator.Request
	}{
		leadForm: {contact, func(trial operator.TriggerTrial) operator.Request {
			return operator.Request{Method: "POST", Path: "/Advertisers/" + advocatetest.DefaultAccountSID + "/Conversions", Form: map[string]string{
				"CampaignId": "47255", "EventTypeCode": "qualified_lead", "OrderId": trial.Decision.OrderID,
				"EventDate": trial.Request.Form["EventDate"], "CustomerId": annHashed, "CustomerEmail": annHashed,
				"CustomerStatus": "Lead", "Text1": "Shop Ltd",
			}}
		}},
		dealWon: {deal, func(trial operator.TriggerTrial) operator.Request {
			return operator.Request{Method: "POST", Path: "/Advertisers/" + advocatetest.DefaultAccountSID + "/Conversions", Form: map[string]string{
				"CampaignId": "47255", "ActionTrackerId": "30101", "OrderId": trial.Decision.OrderID,
				"EventDate": trial.Request.Form["EventDate"], "CustomerId": annHashed, "CustomerEmail": annHashed,
				"Amount": "1200.5", "CurrencyCode": "USD", "Note": "Big one",
			}}
		}},
		companyCustomer: {company, func(trial operator.TriggerTrial) operator.Request {
			return operator.Request{
				Method: "POST", Path: "/api/v1/" + advocatetest.DefaultAlias + "/open/account/" + user.AccountID + "/user/" + user.ID + "/events",
				Body: map[string]any{
					"accountId": user.AccountID, "userId": user.ID, "idempotencyKey": trial.Decision.OrderID,
					"events": []any{map[string]any{
						"key": "hubspot_company_customer", "dateTriggered": trial.Decision.Event.TriggeredAt.UnixMilli(),
						"fields": map[string]any{"company": map[string]any{"stage": "customer", "revenue": json.Number("50000")}},
					}},
				},
			}
		}},
	}
	for name, tt := range tests {
		applied := apply(t, s, name)
		trial := try(t, s, applied.ID, tt.object)
		if trial.Decision.Verdict != trigger.Send || trial.CustomerID != contact || trial.Request == nil {
			t.Errorf("%s: %+v", name, trial)
			continue
		}
		if diff := cmp.Diff(tt.want(trial), *trial.Request); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got := len(s.Tenant.Conversions()) + len(s.Tenant.Events()); got != 0 {
		t.Errorf("a trial has sent %d requests", got)
	}
}

func TestTestTrigger_saysWhyNothingWouldBeSent(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, dealWon)
	apply(t, s, leadForm)
	contact := mapped(t, s, ann)
	stranger := s.CreateContact(t, map[string]string{"email": "bob@shop.example"})
	colleague := s.CreateContact(t, map[string]string{"email": "bob@acme.example"})
	won := map[string]string{"dealstage": "closedwon", "amount": "100"}
	tests := map[string]struct {
		trigger, object string
		verdict         trigger.Verdict
		why             string
	}{
		"another stage":     {"deal-won", create(t, s, "deals", map[string]string{"dealstage": "contractsent"}, contact), trigger.Skip, `deal.dealstage == "closedwon"`},
		"nobody":            {"deal-won", create(t, s, "deals", won), trigger.NoCustomer, "none of its contacts is mapped"},
		"nobody mapped":     {"deal-won", create(t, s, "deals", won, stranger), trigger.NoCustomer, "none of its contacts is mapped"},
		"one of several is": {"deal-won", create(t, s, "deals", won, stranger, contact), trigger.Send, "when holds"},
		"one of us":         {"demo-request", colleague, trigger.Skip, "acme.example"},
	}
	for name, tt := range tests {
		trial := try(t, s, tt.trigger, tt.object)
		if trial.Decision.Verdict != tt.verdict || !strings.Contains(trial.Decision.Why, tt.why) {
			t.Errorf("%s: %+v", name, trial.Decision)
		}
		if (trial.Request != nil) != (tt.verdict == trigger.Send) {
			t.Errorf("%s: the request is %+v", name, trial.Request)
		}
	}
}

func TestTestTrigger_knowsWhatWasSent(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, dealWon)
	contact := mapped(t, s, ann)
	deal := create(t, s, "deals", map[string]string{"dealstage": "closedwon", "amount": "100"}, contact)
	order := try(t, s, "deal-won", deal).Decision.OrderID
	id, _, err := s.Store.Track(t.Context(), store.Tracking{
		TrackedEvent: store.TrackedEvent{
			ConnectionID: s.Connection.ID, TriggerID: "deal-won", TriggerVersion: 1, ObjectType: bridge.ObjectDeal, ObjectID: deal,
			OccurredAt: time.Now(), OrderID: order, ContactID: contact, State: store.TrackedPending,
		},
		Request: []byte("{}"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Store.EndTracked(t.Context(), id, store.TrackedEnd{State: store.TrackedComplete}); err != nil {
		t.Fatal(err)
	}
	if got := try(t, s, "deal-won", deal); got.Decision.Verdict != trigger.Skip || got.Tracked != store.TrackedComplete || got.Request != nil {
		t.Errorf("a deal that counts: %+v", got)
	}
	if err := s.Portal.Person(1).Edit("deals", deal, map[string]string{"dealstage": "closedlost"}); err != nil {
		t.Fatal(err)
	}
	got := try(t, s, "deal-won", deal)
	want := &operator.Request{Method: "DELETE", Path: "/Advertisers/" + advocatetest.DefaultAccountSID + "/Actions", Form: map[string]string{
		"ActionTrackerId": "30101", "OrderId": order, "DispositionCode": "ITEM_RETURNED", "Amount": "0",
	}}
	if diff := cmp.Diff(want, got.Request); got.Decision.Verdict != trigger.Reverse || diff != "" {
		t.Errorf("a deal that was lost after all: %+v %s", got.Decision, diff)
	}
}

func TestTestTrigger_takesTheContactsLatestSubmission(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, leadForm)
	contact := mapped(t, s, ann)
	if got := try(t, s, "demo-request", contact); len(got.Assumed) != 1 || !strings.Contains(got.Assumed[0], "none of its latest submissions") {
		t.Errorf("before it, the trial assumes %q", got.Assumed)
	}
	for _, email := range []string{"Ann@shop.example", "eve@shop.example"} {
		if err := s.Portal.SubmitForm(demoForm, map[string]string{"email": email, "company": "Shop"}, "https://acme.example/demo"); err != nil {
			t.Fatal(err)
		}
	}
	if got := try(t, s, "demo-request", contact); len(got.Assumed) != 0 {
		t.Errorf("after it, the trial assumes %q", got.Assumed)
	}
}

func TestTestTrigger_creditsByTheParticipantsEmail(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, dealWon)
	contact := mapped(t, s, ann)
	s.EditContact(t, contact, map[string]string{"email": "ann@elsewhere.example"})
	trial := try(t, s, "deal-won", create(t, s, "deals", map[string]string{"dealstage": "closedwon", "amount": "100"}, contact))
	if trial.Request == nil || trial.Request.Form["CustomerEmail"] != annHashed {
		t.Errorf("%+v", trial)
	}
}

func refusedWith(t *testing.T, err error, kind bridge.Kind, code string) {
	t.Helper()
	if refusal, ok := errors.AsType[*operator.Refusal](err); !ok || refusal.Kind != kind || refusal.Code != code {
		t.Errorf("got %v, want the refusal %s", err, code)
	}
}

func TestTestTrigger_refusals(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, dealWon)
	for _, tt := range []struct {
		trigger, object string
		kind            bridge.Kind
		code            string
	}{
		{"nobody", "1", bridge.NotFound, "unknown_trigger"},
		{"deal-won", "999", bridge.NotFound, "unknown_object"},
		{"deal-won", "ann@shop.example", bridge.Invalid, "object_id"},
	} {
		_, err := s.Operator.TestTrigger(t.Context(), s.Connection, tt.trigger, tt.object)
		refusedWith(t, err, tt.kind, tt.code)
	}
}

func TestApplyTrigger_tellsAllMistakesThoseOfThePortalIncluded(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	withoutImpact := store.Credentials{HubSpotToken: hubspottest.DefaultToken, AdvocateKey: advocatetest.DefaultKey}
	if _, err := s.Operator.Connect(t.Context(), operator.ConnectInput{Tenant: advocatetest.DefaultAlias, Program: wiringtest.Program, Credentials: withoutImpact}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Operator.ApplyTrigger(t.Context(), s.Connection, []byte(`id: leads
object: contact
event:
  type: form_submitted
  forms: [nowhere]
when: contact.emial != ""
conversion:
  campaign_id: 1
  event_type_code: lead
`))
	refusedWith(t, err, bridge.Invalid, "trigger_mistakes")
	mistakes, _ := errors.AsType[trigger.MistakesError](err)
	var got []string
	for _, m := range mistakes {
		got = append(got, m.String())
	}
	want := []string{
		`line 5, column 10: event.forms: the portal has no form "nowhere"`,
		`line 6, column 15: when: the portal has no property "emial" here (did you mean "email"?)`,
		`line 8, column 3: conversion: the connection has no impact.com account: run "starter connect" once more with --impact-account-sid and --impact-auth-token`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if all, err := s.Operator.Triggers(t.Context(), s.Connection.ID); err != nil || len(all) != 0 {
		t.Errorf("a refused trigger is kept: %v, %v", all, err)
	}
}

// What a person asks of HubSpot comes out of the limit that the workers share: while
// HubSpot asks for silence, nobody calls.
func TestTriggers_readThePortalWithinItsBudget(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	deal := create(t, s, "deals", map[string]string{"dealname": "Big", "dealstage": "closedwon", "amount": "10"})
	apply(t, s, dealWon)
	if err := store.NewBudget(s.Store, store.BudgetOptions{}).Pause(t.Context(), s.Connection.PortalID, time.Hour); err != nil {
		t.Fatal(err)
	}
	s.HubSpot.ResetCounts()
	if _, err := s.Operator.ApplyTrigger(t.Context(), s.Connection, example(t, companyCustomer)); bridge.KindOf(err) != bridge.Throttled {
		t.Errorf("a trigger is applied: %v", err)
	}
	if _, err := s.Operator.TestTrigger(t.Context(), s.Connection, dealWon, deal); bridge.KindOf(err) != bridge.Throttled {
		t.Errorf("a trigger is tried: %v", err)
	}
	if n := s.HubSpot.Counts().Total; n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestTriggers_areSwitchedOffAndKeepTheirVersions(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	if applied := apply(t, s, dealWon); !applied.Changed || !applied.Enabled || applied.Version != 1 {
		t.Errorf("%+v", applied)
	}
	if applied := apply(t, s, dealWon); applied.Changed || applied.Version != 1 {
		t.Errorf("the same again: %+v", applied)
	}
	if off, err := s.Operator.EnableTrigger(t.Context(), s.Connection.ID, "deal-won", false); err != nil || off.Enabled {
		t.Errorf("%+v, %v", off, err)
	}
	edited := strings.Replace(string(example(t, dealWon)), ">= 100.0", ">= 200.0", 1)
	applied, err := s.Operator.ApplyTrigger(t.Context(), s.Connection, []byte(edited))
	if err != nil || !applied.Changed || applied.Enabled || applied.Version != 2 {
		t.Errorf("%+v, %v", applied, err)
	}
	status, versions, err := s.Operator.Trigger(t.Context(), s.Connection.ID, "deal-won")
	if err != nil || status.Source != edited || len(versions) != 2 {
		t.Errorf("%+v, %d versions, %v", status, len(versions), err)
	}
	_, err = s.Operator.EnableTrigger(t.Context(), s.Connection.ID, "nobody", true)
	refusedWith(t, err, bridge.NotFound, "unknown_trigger")
	_, _, err = s.Operator.Trigger(t.Context(), s.Connection.ID, "nobody")
	refusedWith(t, err, bridge.NotFound, "unknown_trigger")
}

func TestTriggers_oneThatNoLongerCompilesDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	apply(t, s, dealWon)
	if _, _, err := s.Store.ApplyTrigger(t.Context(), store.Trigger{ConnectionID: s.Connection.ID, ID: "older", Source: "id: older", Schema: []byte("{}")}, nil); err != nil {
		t.Fatal(err)
	}
	all, err := s.Operator.Triggers(t.Context(), s.Connection.ID)
	if err != nil || len(all) != 2 || all[0].Problem != "" || !strings.Contains(all[1].Problem, "say what it watches") {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestWebhooks_areThoseOfContactsAndOfEnabledTriggers(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	contacts := []operator.Subscription{
		{Type: "contact.creation"}, {Type: "contact.deletion"}, {Type: "contact.merge"}, {Type: "contact.privacyDeletion"},
		{Type: "contact.propertyChange", Property: "advocate_account_id"}, {Type: "contact.propertyChange", Property: "advocate_referral_cookie"},
		{Type: "contact.propertyChange", Property: "advocate_referred_by_code"}, {Type: "contact.propertyChange", Property: "advocate_user_id"},
		{Type: "contact.propertyChange", Property: "email"}, {Type: "contact.restore"},
	}
	deals := []operator.Subscription{
		{Type: "deal.associationChange"}, {Type: "deal.propertyChange", Property: "amount"}, {Type: "deal.propertyChange", Property: "dealstage"},
	}
	webhooks := func() []operator.Subscription {
		t.Helper()
		got, err := s.Operator.Webhooks(t.Context())
		if err != nil || got.TargetURL != wiringtest.PublicURL+"/webhooks/hubspot" {
			t.Fatalf("%+v, %v", got, err)
		}
		return got.Subscriptions
	}
	if diff := cmp.Diff(contacts, webhooks()); diff != "" {
		t.Error(diff)
	}
	apply(t, s, dealWon)
	if diff := cmp.Diff(append(contacts, deals...), webhooks()); diff != "" {
		t.Error(diff)
	}
	if _, err := s.Operator.EnableTrigger(t.Context(), s.Connection.ID, "deal-won", false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(contacts, webhooks()); diff != "" {
		t.Error(diff)
	}
}
