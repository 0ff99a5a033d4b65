package hubspottest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/standin/fault"
)

const adminContacts = "/_admin/portals/default/objects/contacts"

func TestAdmin_actsAsAPerson(t *testing.T) {
	t.Parallel()
	crm, to := newWithReceiver(t)
	must := func(method, path, body string) answer {
		t.Helper()
		got := ask(t, crm, method, path, body)
		if got.status/100 != 2 {
			t.Fatalf("%s %s: %d %s", method, path, got.status, got.text)
		}
		return got
	}
	a := must("POST", adminContacts, `{"user":5,"properties":{"email":"a@example.test"}}`).body["id"].(string)
	b := must("POST", adminContacts, `{"properties":{"email":"b@example.test"}}`).body["id"].(string)
	must("PATCH", adminContacts+"/"+a, `{"user":5,"properties":{"email":"new@example.test"}}`)
	must("POST", adminContacts+"/"+a+"/emails", `{"email":"second@example.test"}`)
	must("DELETE", adminContacts+"/"+a, "")
	must("POST", adminContacts+"/"+a+"/restore", "")
	survivor := must("POST", adminContacts+"/merge", `{"primary":"`+a+`","other":"`+b+`"}`).body["id"].(string)
	record := must("GET", adminContacts+"/"+survivor, "")
	if !strings.Contains(record.text, `"hs_additional_emails":"second@example.test;b@example.test"`) {
		t.Errorf("survivor %s", record.text)
	}
	must("POST", adminContacts+"/"+survivor+"/gdpr-delete", "")
	deal := must("POST", "/_admin/portals/4711001/objects/deals", `{"properties":{"dealname":"Big"}}`).body["id"].(string)
	must("POST", adminContacts+"/seed", `{"records":[{"id":"7","properties":{"email":"seed@example.test"}},{"id":"8"}]}`)
	must("POST", "/_admin/portals/default/objects/deals/"+deal+"/associations", `{"to":{"object_type":"contacts","id":"7"}}`)
	drain(t, crm)
	want := []string{"contact.creation", "contact.creation", "contact.deletion", "contact.deletion", "contact.deletion", "contact.deletion",
		"contact.merge", "contact.privacyDeletion", "contact.propertyChange email", "contact.propertyChange email",
		"contact.propertyChange email", "contact.restore", "deal.creation"}
	if diff := cmp.Diff(want, to.types()); diff != "" {
		t.Error(diff)
	}
	if !slices.ContainsFunc(to.events(), func(e map[string]any) bool { return e["sourceId"] == "userId:5" }) {
		t.Errorf("no event names user 5: %v", to.events())
	}
	if n := crm.Host().Counts().Total; n != 0 {
		t.Errorf("people's actions counted as %d calls", n)
	}
}

func TestAdmin_passesRefusalsOn(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("101", map[string]string{"email": "a@example.test"})
	tests := map[string]struct {
		method, path, body string
		status             int
	}{
		"email in use":     {"POST", adminContacts, `{"properties":{"email":"a@example.test"}}`, 409},
		"unknown record":   {"DELETE", adminContacts + "/999", "", 404},
		"unknown portal":   {"GET", "/_admin/portals/1", "", 400},
		"unknown type":     {"GET", "/_admin/portals/default/objects/unicorns", "", 400},
		"malformed body":   {"POST", "/_admin/faults", `{`, 400},
		"wrong knob":       {"PATCH", "/_admin/portals/default/knobs", `{"read_lag":"soon"}`, 400},
		"bad subscription": {"PUT", "/_admin/webhooks/subscriptions", `[{"eventType":"contact.dance"}]`, 400},
	}
	for name, tt := range tests {
		if got := ask(t, crm, tt.method, tt.path, tt.body); got.status != tt.status {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
}

func TestAdmin_knobsFaultsAndCounters(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	got := ask(t, crm, "PATCH", "/_admin/portals/default/knobs", `{"read_lag":"250ms","limits":{"per_ten_seconds":3}}`)
	if got.status != 200 || got.body["read_lag"] != "250ms" || got.body["keep_values"] != true {
		t.Fatalf("knobs: %d %s", got.status, got.text)
	}
	limits := got.body["limits"].(map[string]any)
	if limits["per_ten_seconds"] != 3.0 || limits["search_per_second"] != 5.0 {
		t.Errorf("limits %v", limits)
	}
	ask(t, crm, "POST", "/_admin/faults", `{"route":"GET /account-info/2026-09/details","status":503,"times":2}`)
	for i, want := range []int{503, 503, 200, 429} {
		if got := ask(t, crm, "GET", details, ""); got.status != want {
			t.Errorf("call %d: %d, want %d", i+1, got.status, want)
		}
	}
	var counts hubspottest.Counts
	if err := json.Unmarshal([]byte(ask(t, crm, "GET", "/_admin/counters", "").text), &counts); err != nil {
		t.Fatal(err)
	}
	want := hubspottest.Counts{Calls: map[string]int{"GET " + details: 4}, Statuses: map[int]int{200: 1, 429: 1, 503: 2}, Total: 4, TooMany: 1}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
	ask(t, crm, "DELETE", "/_admin/counters", "")
	if n := crm.Host().Counts(); n.Total != 0 || n.TooMany != 0 {
		t.Errorf("after a reset: %+v", n)
	}
}

func TestAdmin_webhooks(t *testing.T) {
	t.Parallel()
	to := newReceiver(t)
	crm := hubspottest.New(t)
	ask(t, crm, "PATCH", "/_admin/webhooks", `{"target":"`+to.url+`","knobs":{"duplicate":1}}`)
	ask(t, crm, "POST", "/_admin/webhooks/hold", "")
	ask(t, crm, "PUT", "/_admin/webhooks/subscriptions", `[{"eventType":"contact.creation"}]`)
	ask(t, crm, "POST", adminContacts, `{"properties":{"email":"a@example.test"}}`)
	got := ask(t, crm, "GET", "/_admin/webhooks", "")
	if stats := got.body["stats"].(map[string]any); stats["waiting"] != 2.0 || got.body["held"] != true {
		t.Errorf("held: %s", got.text)
	}
	ask(t, crm, "POST", "/_admin/webhooks/release", "")
	drain(t, crm)
	if n := len(to.events()); n != 2 {
		t.Errorf("%d events", n)
	}
}

func TestAdmin_secondPortal(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	ask(t, crm, "POST", "/_admin/portals", `{"id":22,"token":"second"}`)
	if got := askAs(t, crm, "second", "GET", details, ""); got.status != 200 || got.body["portalId"] != 22.0 {
		t.Errorf("got %d %s", got.status, got.text)
	}
	crm.Put("101", map[string]string{"email": "a@example.test"})
	if got := askAs(t, crm, "second", "GET", contactsAPI+"/101", ""); got.status != 404 {
		t.Errorf("a record of another portal: %d", got.status)
	}
	code := ask(t, crm, "POST", "/_admin/portals/22/authorize", `{"redirect_uri":"`+redirect+`"}`).body["code"].(string)
	if _, got := token(t, crm, tokenPath, map[string]string{"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}); got["hub_id"] != 22.0 {
		t.Errorf("token for %v", got["hub_id"])
	}
}

func TestFaults_slowBodyArrivesWhole(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Inject(hubspottest.Fault{Answer: fault.Answer{Slow: 1}})
	if got := ask(t, crm, "GET", details, ""); got.status != 200 || got.body["portalId"] == nil {
		t.Errorf("got %d %s", got.status, got.text)
	}
}

func TestFaults_lastUntilCleared(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Inject(hubspottest.Fault{Route: "POST " + contactsAPI + "/batch/read", Status: 500, Times: -1})
	for range 5 {
		if got := ask(t, crm, "POST", contactsAPI+"/batch/read", `{"inputs":[{"id":"1"}]}`); got.status != 500 {
			t.Errorf("struck: %d", got.status)
		}
	}
	if got := ask(t, crm, "GET", details, ""); got.status != 200 {
		t.Errorf("another route: %d", got.status)
	}
	crm.Host().ClearFaults()
	if got := ask(t, crm, "POST", contactsAPI+"/batch/read", `{"inputs":[{"id":"1"}]}`); got.status != 207 {
		t.Errorf("cleared: %d", got.status)
	}
}

func TestSubscriptions_throughTheManagementAPI(t *testing.T) {
	t.Parallel()
	crm, to := newWithReceiver(t)
	if err := crm.Host().Webhooks().Subscribe(); err != nil {
		t.Fatal(err)
	}
	root := fmt.Sprintf("/app-webhooks/2026-09/%d", hubspottest.DefaultAppID)
	key := "?hapikey=" + hubspottest.DefaultClientSecret
	if got := ask(t, crm, "GET", root+"/subscriptions", ""); got.status != http.StatusUnauthorized {
		t.Errorf("without a developer key: %d", got.status)
	}
	got := ask(t, crm, "POST", root+"/subscriptions"+key, `{"eventType":"contact.propertyChange","propertyName":"phone"}`)
	if got.status != 201 || got.body["active"] != false {
		t.Fatalf("created paused: %d %s", got.status, got.text)
	}
	id := got.body["id"].(string)
	if got := ask(t, crm, "PATCH", "/webhooks/v3/3300221/subscriptions/"+id+key, `{"active":true}`); got.status != 200 {
		t.Fatalf("activate: %d %s", got.status, got.text)
	}
	for body, why := range map[string]string{
		`{"eventType":"contact.propertyChange"}`:                                               "names no property",
		`{"eventType":"contact.propertyChange","propertyName":"num_unique_conversion_events"}`: "cannot be subscribed",
		`{"eventType":"deal.privacyDeletion"}`:                                                 "contacts only",
		`{"eventType":"object.creation"}`:                                                      "names no object type",
	} {
		if got := ask(t, crm, "POST", root+"/subscriptions"+key, body); got.status != 400 {
			t.Errorf("%s: %d %s", why, got.status, got.text)
		}
	}
	crm.Put("101", nil)
	if err := crm.Person(9).Edit("contacts", "101", map[string]string{"phone": "1", "email": "a@example.test"}); err != nil {
		t.Fatal(err)
	}
	drain(t, crm)
	if diff := cmp.Diff([]string{"contact.propertyChange phone"}, to.types()); diff != "" {
		t.Error(diff)
	}
}
