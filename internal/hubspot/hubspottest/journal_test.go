package hubspottest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/hubspot/hubspottest"
)

const (
	journalPath   = "/webhooks-journal/journal/2026-09"
	journalSubs   = "/webhooks-journal/subscriptions/2026-09"
	journalScopes = "developer.webhooks_journal.read developer.webhooks_journal.subscriptions.read developer.webhooks_journal.subscriptions.write"
	contactsSub   = `{"subscriptionType":"OBJECT","portalId":4711001,"objectTypeId":"0-1","actions":["CREATE","UPDATE","DELETE","MERGE","RESTORE"],"properties":["email"],"objectIds":[]}`
	erasureSub    = `{"subscriptionType":"GDPR_PRIVACY_DELETION","portalId":4711001,"objectTypeId":"0-1","actions":["GDPR_DELETE"]}`
)

// reader follows the journal of one stand-in.
type reader struct {
	t     *testing.T
	crm   *hubspottest.Server
	clock *clock
	token string
}

// newReader asks for the contacts' events and those of erasures.
func newReader(t *testing.T) reader {
	t.Helper()
	c := newClock()
	crm := hubspottest.New(t, hubspottest.WithClock(c.now))
	r := reader{t, crm, c, appToken(t, crm, journalScopes)}
	for _, sub := range []string{contactsSub, erasureSub} {
		if got := r.call("POST", journalSubs, sub); got.status != 200 {
			t.Fatal(got.text)
		}
	}
	return r
}

func appToken(t *testing.T, crm *hubspottest.Server, scopes string) string {
	t.Helper()
	status, got := token(t, crm, tokenPath, map[string]string{"grant_type": "client_credentials", "scope": scopes})
	if status != 200 || got["refresh_token"] != nil || got["hub_id"] != nil {
		t.Fatalf("%d %v", status, got)
	}
	return got["access_token"].(string)
}

func (r reader) call(method, path, body string) answer {
	r.t.Helper()
	return askAs(r.t, r.crm, r.token, method, path, body)
}

// file downloads what an answer of the journal names.
func (r reader) file(link map[string]any) (offset string, events []string) {
	r.t.Helper()
	got := r.download(link)
	if got.status != 200 || got.body["offset"] != link["currentOffset"] {
		r.t.Fatalf("%d %s", got.status, got.text)
	}
	for _, e := range got.body["journalEvents"].([]any) {
		event := e.(map[string]any)
		line := fmt.Sprintf("%v %.0f", event["action"], event["objectId"])
		if changes := event["propertyChanges"]; changes != nil {
			text, err := json.Marshal(changes)
			if err != nil {
				r.t.Fatal(err)
			}
			line += " " + string(text)
		}
		events = append(events, line)
	}
	return link["currentOffset"].(string), events
}

// download fetches without credentials.
func (r reader) download(link map[string]any) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, link["url"].(string), http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	out := answer{status: res.StatusCode}
	if err := json.NewDecoder(res.Body).Decode(&out.body); err != nil && res.StatusCode == http.StatusOK {
		r.t.Fatal(err)
	}
	return out
}

func TestJournal_tellsWhatWasSubscribedTo(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	if got := r.call("GET", journalPath+"/earliest", ""); got.status != 204 {
		t.Fatalf("an empty journal: %d %s", got.status, got.text)
	}
	person := r.crm.Person(9)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	id, err := person.Create("contacts", map[string]string{"email": "ada@example.test", "phone": "1"})
	must(err)
	must(person.Edit("contacts", id, map[string]string{"phone": "2"})) // nobody asked for phones
	must(person.Edit("contacts", id, map[string]string{"email": "lace@example.test", "phone": "3"}))
	must(person.Archive("contacts", id))
	must(person.Restore("contacts", id))
	other, err := person.Create("contacts", map[string]string{"firstname": "Bob"})
	must(err)
	merged, err := person.Merge("contacts", id, other)
	must(err)
	must(person.Erase(merged))
	if _, err := person.Create("companies", map[string]string{"name": "nobody asked"}); err != nil {
		t.Fatal(err)
	}
	got := r.call("GET", journalPath+"/earliest", "")
	if got.status != 200 {
		t.Fatal(got.text)
	}
	offset, events := r.file(got.body)
	want := []string{
		"CREATE " + id + ` {"email":"ada@example.test"}`, "UPDATE " + id + ` {"email":"lace@example.test"}`, "DELETE " + id, "RESTORE " + id,
		"CREATE " + other, "MERGE " + merged, "DELETE " + id, "DELETE " + other, "GDPR_DELETE " + merged, "DELETE " + merged,
	}
	slices.Sort(events[8:]) // both orders of an erasure are HubSpot's
	slices.Sort(want[8:])
	if diff := cmp.Diff(want, events); diff != "" {
		t.Error(diff)
	}
	if got := r.call("GET", journalPath+"/offset/"+offset+"/next", ""); got.status != 204 {
		t.Errorf("after the last file: %d %s", got.status, got.text)
	}
}

// A fact that is heard both ways counts once by its time, whatever a machine does
// between two readings of the clock.
func TestJournal_tellsTheTimesThatWebhooksTell(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	r.clock.tick(time.Millisecond)
	r.crm.Host().Webhooks().Hold()
	person := r.crm.Person(9)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	id, err := person.Create("contacts", map[string]string{"email": "ada@example.test"})
	must(err)
	must(person.Edit("contacts", id, map[string]string{"email": "lace@example.test"}))
	must(person.Archive("contacts", id))
	must(person.Restore("contacts", id))
	other, err := person.Create("contacts", map[string]string{"email": "bob@example.test"})
	must(err)
	merged, err := person.Merge("contacts", id, other)
	must(err)
	must(person.Erase(merged))

	type fact struct{ id, ms int64 }
	told := map[fact]bool{}
	for _, e := range r.crm.Host().Webhooks().Take() {
		told[fact{e.ObjectID, e.OccurredAt}] = true
	}
	r.clock.tick(0)
	file := r.download(r.call("GET", journalPath+"/earliest", "").body)
	rows := file.body["journalEvents"].([]any)
	if len(rows) != 10 {
		t.Errorf("%d rows, want 10", len(rows))
	}
	for _, row := range rows {
		row := row.(map[string]any)
		at, err := time.Parse(time.RFC3339, row["occurredAt"].(string))
		must(err)
		if !told[fact{int64(row["objectId"].(float64)), at.UnixMilli()}] {
			t.Errorf("no webhook tells what the journal tells: %v", row)
		}
	}
}

func TestJournal_filesAreBounded(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	r.crm.Host().Journal().Tune(func(k *hubspottest.JournalKnobs) { k.MaxEvents, k.ChangesAsList = 2, true })
	for i := range 5 {
		if _, err := r.crm.Person(9).Create("contacts", map[string]string{"email": fmt.Sprintf("p%d@example.test", i)}); err != nil {
			t.Fatal(err)
		}
	}
	var sizes []int
	offset := ""
	for path := journalPath + "/earliest"; ; path = journalPath + "/offset/" + offset + "/next" {
		got := r.call("GET", path, "")
		if got.status == 204 {
			break
		}
		var events []string
		offset, events = r.file(got.body)
		sizes = append(sizes, len(events))
		if !strings.Contains(events[0], `[{"name":"email"`) {
			t.Errorf("%v", events)
		}
	}
	if diff := cmp.Diff([]int{2, 2, 1}, sizes); diff != "" {
		t.Error(diff)
	}
	all := r.call("GET", journalPath+"/batch/earliest/100", "")
	first := all.body["results"].([]any)[0].(map[string]any)["currentOffset"].(string)
	for path, want := range map[string]int{
		"/batch/earliest/2": 2, "/batch/latest/1": 1, "/batch/" + first + "/next/100": 2, "/batch/" + first + "/next/1": 1,
	} {
		if got := r.call("GET", journalPath+path, ""); got.status != 200 || len(got.body["results"].([]any)) != want {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
	}
	for path, want := range map[string]int{"/batch/earliest/101": 400, "/batch/" + offset + "/next/5": 204, "/batch/unknown/next/5": 404, "/offset/unknown/next": 404} {
		if got := r.call("GET", journalPath+path, ""); got.status != want {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
	}
	if got := r.call("POST", journalPath+"/batch/read", `{"inputs":["`+first+`","unknown"]}`); got.status != 207 || got.body["numErrors"] != 1.0 {
		t.Errorf("%d %s", got.status, got.text)
	}
}

func TestJournal_fiveMegabytesAFile(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	all := strings.Replace(contactsSub, `["email"]`, `[]`, 1)
	if got := r.call("POST", journalSubs, all); got.status != 200 {
		t.Fatal(got.text)
	}
	for range 100 {
		if _, err := r.crm.Person(9).Create("contacts", map[string]string{"firstname": strings.Repeat("n", 65_000)}); err != nil {
			t.Fatal(err)
		}
	}
	got := r.call("GET", journalPath+"/batch/earliest/100", "")
	if got.status != 200 || len(got.body["results"].([]any)) != 2 {
		t.Errorf("%d %s", got.status, got.text)
	}
}

func TestJournal_addressesExpireAndTakeNoCredentials(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	if _, err := r.crm.Person(9).Create("contacts", map[string]string{"email": "ada@example.test"}); err != nil {
		t.Fatal(err)
	}
	link := r.call("GET", journalPath+"/latest", "").body
	path := strings.TrimPrefix(link["url"].(string), r.crm.URL)
	if got := r.call("GET", path, ""); got.status != 400 {
		t.Errorf("with a bearer token: %d", got.status)
	}
	forged := map[string]any{"url": link["url"].(string) + "x"}
	if got := r.download(forged); got.status != 403 {
		t.Errorf("a forged address: %d", got.status)
	}
	r.clock.pass(5 * time.Minute)
	if got := r.download(link); got.status != 403 {
		t.Errorf("an old address: %d", got.status)
	}
	if _, events := r.file(r.call("GET", journalPath+"/latest", "").body); len(events) != 1 {
		t.Errorf("a fresh address: %v", events)
	}
}

func TestJournal_forgetsAfterThreeDays(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		knob, want int
	}{"refused": {404, 404}, "refused as gone": {410, 410}, "passed over in silence": {200, 200}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newReader(t)
			r.crm.Host().Journal().Tune(func(k *hubspottest.JournalKnobs) { k.AgedOutStatus = tt.knob })
			create := func(email string) {
				t.Helper()
				if _, err := r.crm.Person(9).Create("contacts", map[string]string{"email": email}); err != nil {
					t.Fatal(err)
				}
			}
			create("ada@example.test")
			offset, _ := r.file(r.call("GET", journalPath+"/earliest", "").body)
			r.clock.pass(72 * time.Hour)
			r.token = appToken(t, r.crm, journalScopes)
			create("bob@example.test")
			if got := r.call("GET", journalPath+"/offset/"+offset+"/next", ""); got.status != tt.want {
				t.Errorf("%d %s", got.status, got.text)
			}
			if _, events := r.file(r.call("GET", journalPath+"/earliest", "").body); len(events) != 1 || !strings.Contains(events[0], "bob") {
				t.Errorf("%v", events)
			}
		})
	}
}

func TestJournal_publishesLate(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	r.crm.Host().Journal().Tune(func(k *hubspottest.JournalKnobs) { k.PublishAfter = hubspottest.Duration(time.Minute) })
	if _, err := r.crm.Person(9).Create("contacts", map[string]string{"email": "ada@example.test"}); err != nil {
		t.Fatal(err)
	}
	if got := r.call("GET", journalPath+"/latest", ""); got.status != 204 {
		t.Errorf("at once: %d", got.status)
	}
	r.clock.pass(time.Minute)
	if got := r.call("GET", journalPath+"/latest", ""); got.status != 200 {
		t.Errorf("a minute later: %d", got.status)
	}
}

func TestJournal_wantsItsOwnTokenAndScopes(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	if got := ask(t, r.crm, "GET", journalPath+"/latest", ""); got.status != 401 {
		t.Errorf("a portal's token: %d %s", got.status, got.text)
	}
	if got := r.call("GET", details, ""); got.status != 401 {
		t.Errorf("the app's token at a portal: %d %s", got.status, got.text)
	}
	narrow := appToken(t, r.crm, "developer.webhooks_journal.read")
	if got := askAs(t, r.crm, narrow, "GET", journalSubs, ""); got.status != 403 || got.body["category"] != "MISSING_SCOPES" {
		t.Errorf("a token without the scope: %d %s", got.status, got.text)
	}
	r.crm.Host().Journal().Tune(func(k *hubspottest.JournalKnobs) { k.Scopes = []string{} })
	if status, got := token(t, r.crm, tokenPath, map[string]string{"grant_type": "client_credentials", "scope": journalScopes}); status != 400 || got["error"] != "invalid_scope" {
		t.Errorf("an app without the scopes: %d %v", status, got)
	}
	r.clock.pass(30 * time.Minute)
	if got := r.call("GET", journalPath+"/latest", ""); got.status != 401 || got.body["category"] != "EXPIRED_AUTHENTICATION" {
		t.Errorf("an old token: %d %s", got.status, got.text)
	}
}

func TestJournal_oneHundredCallsASecond(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	r.clock.pass(time.Second) // the subscribing counts too
	for i := range 100 {
		if got := r.call("GET", journalPath+"/latest", ""); got.status != 204 {
			t.Fatalf("call %d: %d %s", i+1, got.status, got.text)
		}
	}
	if got := r.call("GET", journalPath+"/latest", ""); got.status != 429 || got.body["policyName"] != "SECONDLY" {
		t.Errorf("call 101: %d %s", got.status, got.text)
	}
}

func TestJournal_subscriptionsArePerPortal(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	r.crm.Host().AddPortal(hubspottest.PortalConfig{ID: 2, Token: "two"})
	second, _ := r.crm.Host().Portal(2)
	create := func() {
		t.Helper()
		if _, err := second.Person(9).Create("contacts", map[string]string{"email": "bob@example.test"}); err != nil {
			t.Fatal(err)
		}
	}
	create()
	if got := r.call("GET", journalPath+"/latest", ""); got.status != 204 {
		t.Errorf("a portal that nobody subscribed to: %d", got.status)
	}
	for _, bad := range []string{
		strings.Replace(contactsSub, "4711001", "99", 1), strings.Replace(contactsSub, "OBJECT", "ODD", 1),
		strings.Replace(contactsSub, `"CREATE"`, `"GDPR_DELETE"`, 1), strings.Replace(contactsSub, "0-1", "contacts", 1),
		`{"subscriptionType":"OBJECT","portalId":2,"objectTypeId":"0-1","actions":[]}`,
	} {
		if got := r.call("POST", journalSubs, bad); got.status != 400 {
			t.Errorf("%s: %d", bad, got.status)
		}
	}
	two := strings.Replace(contactsSub, "4711001", "2", 1)
	made, again := r.call("POST", journalSubs, two), r.call("POST", journalSubs, two)
	if made.status != 200 || made.body["id"] != again.body["id"] {
		t.Errorf("%s %s", made.text, again.text)
	}
	if got := r.call("GET", journalSubs, ""); len(got.body["results"].([]any)) != 3 {
		t.Errorf("%s", got.text)
	}
	if _, err := second.Person(9).Create("contacts", map[string]string{"email": "cleo@example.test"}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		journalPath + "/latest": 200,
		"/webhooks-journal/journal-local/2026-09/latest?installPortalId=2":       200,
		"/webhooks-journal/journal-local/2026-09/latest?installPortalId=4711001": 204,
		"/webhooks-journal/journal-local/2026-09/latest":                         400,
		"/webhooks-journal/journal/2026-03/latest":                               200,
	} {
		if got := r.call("GET", path, ""); got.status != want {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
	}
	if got := r.call("DELETE", journalSubs+"/portals/2", ""); got.status != 204 || len(r.crm.Host().Journal().Subscriptions()) != 2 {
		t.Errorf("%d %s", got.status, got.text)
	}
	id := fmt.Sprintf("%s/%.0f", journalSubs, r.call("GET", journalSubs, "").body["results"].([]any)[0].(map[string]any)["id"])
	for _, step := range []struct {
		method string
		want   int
	}{{"GET", 200}, {"DELETE", 204}, {"GET", 404}, {"DELETE", 404}} {
		if got := r.call(step.method, id, ""); got.status != step.want {
			t.Errorf("%s: %d %s", step.method, got.status, got.text)
		}
	}
}

func TestJournal_isTunedFromOutside(t *testing.T) {
	t.Parallel()
	r := newReader(t)
	if got := ask(t, r.crm, "PATCH", "/_admin/journal", `{"retention":"1h","scopes":[]}`); got.status != 204 {
		t.Fatal(got.text)
	}
	got := ask(t, r.crm, "GET", "/_admin/journal", "")
	knobs := got.body["knobs"].(map[string]any)
	if knobs["retention"] != "1h0m0s" || knobs["per_second"] != 100.0 || len(got.body["subscriptions"].([]any)) != 2 {
		t.Errorf("%s", got.text)
	}
}
