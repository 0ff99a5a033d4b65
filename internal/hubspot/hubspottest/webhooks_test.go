package hubspottest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
)

// receiver checks signatures and collects what arrives.
type receiver struct {
	mu      sync.Mutex
	posts   [][]map[string]any
	refuse  int // answer 500 to so many posts first
	badSign int
	inside  int
	most    int           // posts at once
	arrived chan struct{} // told of every post, where gate is set
	gate    chan struct{} // holds posts back until closed
	url     string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	r.url = srv.URL + "/webhooks/hubspot"
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var events []map[string]any
	if err != nil || json.Unmarshal(body, &events) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	signed := req.Header.Get("X-HubSpot-Signature-v3") == hubspottest.SignV3(hubspottest.DefaultClientSecret,
		"POST", r.url, body, req.Header.Get("X-HubSpot-Request-Timestamp")) &&
		req.Header.Get("X-HubSpot-Signature") == hubspottest.SignV1(hubspottest.DefaultClientSecret, body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inside++
	r.most = max(r.most, r.inside)
	if r.gate != nil {
		r.mu.Unlock()
		r.arrived <- struct{}{}
		<-r.gate
		r.mu.Lock()
	}
	r.inside--
	switch {
	case !signed:
		r.badSign++
		w.WriteHeader(http.StatusUnauthorized)
	case r.refuse > 0:
		r.refuse--
		w.WriteHeader(http.StatusInternalServerError)
	default:
		r.posts = append(r.posts, events)
	}
}

func (r *receiver) events() []map[string]any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Concat(r.posts...)
}

func (r *receiver) refused() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.badSign
}

func (r *receiver) types() []string {
	var out []string
	for _, e := range r.events() {
		name := e["subscriptionType"].(string)
		if p, ok := e["propertyName"]; ok {
			name += " " + p.(string)
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

func drain(t *testing.T, crm *hubspottest.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // bounds a hang; the machine may be busy
	defer cancel()
	if err := crm.Host().Webhooks().Drained(ctx); err != nil {
		t.Fatalf("webhooks still wait: %v, %+v", err, crm.Host().Webhooks().Stats())
	}
}

func newWithReceiver(t *testing.T, opts ...hubspottest.Option) (*hubspottest.Server, *receiver) {
	t.Helper()
	to := newReceiver(t)
	crm := hubspottest.New(t, append(opts, hubspottest.WithWebhooks(to.url))...)
	crm.Host().Webhooks().Tune(func(k *hubspottest.WebhookKnobs) {
		k.RetryWithin = hubspottest.Duration(10 * time.Millisecond)
	})
	return crm, to
}

func TestWebhooks_creationTellsInitialValuesAtTheSameTime(t *testing.T) {
	t.Parallel()
	c := newClock()
	crm, to := newWithReceiver(t, hubspottest.WithClock(c.now))
	id, err := crm.Person(9).Create("contacts", map[string]string{"email": "Ada@example.test", "phone": "1"})
	if err != nil {
		t.Fatal(err)
	}
	drain(t, crm)
	got := to.events()
	if len(got) != 2 {
		t.Fatalf("got %v", got)
	}
	at := float64(c.now().UnixMilli())
	slices.SortFunc(got, func(a, b map[string]any) int { return cmpText(a["subscriptionType"], b["subscriptionType"]) })
	for _, e := range got {
		delete(e, "eventId")
		delete(e, "subscriptionId")
	}
	want := []map[string]any{
		{"portalId": 4711001.0, "appId": 3300221.0, "occurredAt": at, "subscriptionType": "contact.creation", "attemptNumber": 0.0,
			"objectId": number(t, id), "changeFlag": "CREATED", "changeSource": "CRM_UI", "sourceId": "userId:9"},
		{"portalId": 4711001.0, "appId": 3300221.0, "occurredAt": at, "subscriptionType": "contact.propertyChange", "attemptNumber": 0.0,
			"objectId": number(t, id), "propertyName": "email", "propertyValue": "ada@example.test", "changeSource": "CRM_UI", "sourceId": "userId:9"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func cmpText(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }

func number(t *testing.T, id string) float64 {
	t.Helper()
	var n float64
	if err := json.Unmarshal([]byte(id), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWebhooks_apiWritesCarryTheAppID(t *testing.T) {
	t.Parallel()
	crm, to := newWithReceiver(t)
	crm.Put("101", map[string]string{"email": "a@example.test"})
	write := func(email string) {
		if _, err := crm.Client().BatchUpdateContacts(t.Context(), []hubspot.ContactInput{
			{ID: "101", Properties: map[string]string{"email": email, "phone": "2"}}}); err != nil {
			t.Fatal(err)
		}
	}
	write("b@example.test")
	write("b@example.test") // changes nothing: no event
	drain(t, crm)
	got := to.events()
	if len(got) != 1 || got[0]["changeSource"] != "INTEGRATION" || got[0]["sourceId"] != "3300221" {
		t.Errorf("got %v", got)
	}
}

func TestWebhooks_eachThingPeopleDo(t *testing.T) {
	t.Parallel()
	do := func(act func(u hubspottest.Person) error) func(*testing.T, *hubspottest.Server) {
		return func(t *testing.T, crm *hubspottest.Server) {
			if err := act(crm.Person(9)); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := map[string]struct {
		act  func(*testing.T, *hubspottest.Server)
		want []string
	}{
		"an unsubscribed property is silent": {do(func(u hubspottest.Person) error {
			return u.Edit("contacts", "101", map[string]string{"phone": "5"})
		}), nil},
		"an edited email": {do(func(u hubspottest.Person) error {
			return u.Edit("contacts", "101", map[string]string{"email": "new@example.test"})
		}), []string{"contact.propertyChange email"}},
		"a cleared email": {do(func(u hubspottest.Person) error {
			return u.Edit("contacts", "101", map[string]string{"email": ""})
		}), []string{"contact.propertyChange email"}},
		"archive": {do(func(u hubspottest.Person) error { return u.Archive("contacts", "101") }), []string{"contact.deletion"}},
		"archive and restore": {do(func(u hubspottest.Person) error {
			if err := u.Archive("contacts", "101"); err != nil {
				return err
			}
			return u.Restore("contacts", "101")
		}), []string{"contact.deletion", "contact.restore"}},
		"privacy deletion comes with a deletion": {do(func(u hubspottest.Person) error { return u.Erase("101") }),
			[]string{"contact.deletion", "contact.privacyDeletion"}},
		"privacy deletion of an archived contact": {do(func(u hubspottest.Person) error {
			if err := u.Archive("contacts", "101"); err != nil {
				return err
			}
			return u.Erase("101")
		}), []string{"contact.deletion", "contact.privacyDeletion"}},
		"merge also deletes both old ids": {do(func(u hubspottest.Person) error {
			_, err := u.Merge("contacts", "101", "102")
			return err
		}), []string{"contact.deletion", "contact.deletion", "contact.merge"}},
		"a form": {func(t *testing.T, crm *hubspottest.Server) {
			id, err := crm.DefineForm(hubspottest.Form{Name: "Sign up", Fields: []string{"email"}})
			if err == nil {
				err = crm.SubmitForm(id, map[string]string{"email": "lead@example.test"}, "")
			}
			if err != nil {
				t.Fatal(err)
			}
		}, []string{"contact.creation", "contact.propertyChange email"}},
		"a deal changes its stage": {func(t *testing.T, crm *hubspottest.Server) {
			u := crm.Person(9)
			id, err := u.Create("deals", map[string]string{"dealname": "Big", "dealstage": "qualifiedtobuy"})
			if err == nil {
				err = u.Edit("deals", id, map[string]string{"dealstage": "closedwon", "amount": "9"})
			}
			if err != nil {
				t.Fatal(err)
			}
		}, []string{"deal.creation", "deal.propertyChange dealstage", "deal.propertyChange dealstage"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crm, to := newWithReceiver(t)
			crm.Put("101", map[string]string{"email": "a@example.test"})
			crm.Put("102", map[string]string{"email": "b@example.test"})
			tt.act(t, crm)
			drain(t, crm)
			if diff := cmp.Diff(tt.want, to.types()); diff != "" {
				t.Error(diff)
			}
			for _, e := range to.events() {
				if strings.HasSuffix(e["subscriptionType"].(string), "Deletion") && strings.Contains(toJSON(t, e), "@") {
					t.Errorf("an email in %v", e)
				}
			}
		})
	}
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWebhooks_batchesOfAHundredTenAtOnce(t *testing.T) {
	t.Parallel()
	crm, to := newWithReceiver(t)
	to.gate, to.arrived = make(chan struct{}), make(chan struct{}, 1000)
	hooks := crm.Host().Webhooks()
	hooks.Hold()
	for i := range 1500 {
		email := "c" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + "@example.test"
		if _, err := crm.Person(9).Create("contacts", map[string]string{"email": email}); err != nil {
			t.Fatal(err)
		}
	}
	hooks.Release()
	for range 10 {
		<-to.arrived
	}
	close(to.gate)
	drain(t, crm)
	if got := len(to.events()); got != 3000 {
		t.Errorf("%d events arrived, want 3000", got)
	}
	to.mu.Lock()
	defer to.mu.Unlock()
	for _, p := range to.posts {
		if len(p) > 100 {
			t.Errorf("a post of %d events", len(p))
		}
	}
	if to.most != 10 {
		t.Errorf("%d posts at once, want 10", to.most)
	}
}

func TestWebhooks_retriesWithANewAttemptNumber(t *testing.T) {
	t.Parallel()
	crm, to := newWithReceiver(t)
	to.refuse = 3
	crm.Put("101", nil)
	if err := crm.Person(9).Archive("contacts", "101"); err != nil {
		t.Fatal(err)
	}
	drain(t, crm)
	got := to.events()
	if len(got) != 1 || got[0]["attemptNumber"] != 3.0 {
		t.Errorf("got %v", got)
	}
	if s := crm.Host().Webhooks().Stats(); s.Requests != 4 || s.Failed != 3 || s.Delivered != 1 || s.Lost != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestWebhooks_giveUpAfterTenRetries(t *testing.T) {
	t.Parallel()
	crm, to := newWithReceiver(t)
	to.refuse = 1000
	crm.Put("101", nil)
	if err := crm.Person(9).Archive("contacts", "101"); err != nil {
		t.Fatal(err)
	}
	drain(t, crm)
	if s := crm.Host().Webhooks().Stats(); s.Requests != 11 || s.Lost != 1 || s.Delivered != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestWebhooks_misbehave(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		knobs func(*hubspottest.WebhookKnobs)
		check func(*testing.T, *receiver, hubspottest.WebhookStats)
	}{
		"every event twice": {func(k *hubspottest.WebhookKnobs) { k.Duplicate = 1 },
			func(t *testing.T, r *receiver, s hubspottest.WebhookStats) {
				if len(r.events()) != 40 || s.Duplicated != 20 {
					t.Errorf("%d events, %+v", len(r.events()), s)
				}
			}},
		"all dropped": {func(k *hubspottest.WebhookKnobs) { k.Drop = 1 },
			func(t *testing.T, r *receiver, s hubspottest.WebhookStats) {
				if len(r.events()) != 0 || s.Dropped != 20 {
					t.Errorf("%d events, %+v", len(r.events()), s)
				}
			}},
		"always a wrong signature": {func(k *hubspottest.WebhookKnobs) { k.BadSign = 1 },
			func(t *testing.T, r *receiver, s hubspottest.WebhookStats) {
				if len(r.events()) != 0 || r.refused() == 0 || s.Lost != 20 {
					t.Errorf("%d events, %d bad, %+v", len(r.events()), r.refused(), s)
				}
			}},
		"delayed and in any order, but all there": {func(k *hubspottest.WebhookKnobs) {
			k.Reorder, k.Delay = true, hubspottest.Duration(5*time.Millisecond)
		}, func(t *testing.T, r *receiver, _ hubspottest.WebhookStats) {
			ids := make(map[any]bool)
			for _, e := range r.events() {
				ids[e["objectId"]] = true
			}
			if len(ids) != 20 {
				t.Errorf("%d contacts told about, want 20", len(ids))
			}
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crm, to := newWithReceiver(t)
			crm.Host().Webhooks().Tune(tt.knobs)
			for range 20 {
				id, err := crm.Seed("contacts", "", nil)
				if err == nil {
					err = crm.Person(9).Archive("contacts", id)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			drain(t, crm)
			tt.check(t, to, crm.Host().Webhooks().Stats())
		})
	}
}

func TestWebhooks_heldEventsGoWhereTheTestWants(t *testing.T) {
	t.Parallel()
	crm, to := newWithReceiver(t)
	hooks := crm.Host().Webhooks()
	hooks.Hold()
	crm.Put("101", nil)
	if err := crm.Person(9).Archive("contacts", "101"); err != nil {
		t.Fatal(err)
	}
	if err := crm.Person(9).Restore("contacts", "101"); err != nil {
		t.Fatal(err)
	}
	events := hooks.Take()
	slices.Reverse(events)
	for _, e := range events {
		if status, err := hooks.Send(t.Context(), e); err != nil || status != 200 {
			t.Fatal(status, err)
		}
	}
	got := to.events()
	if len(got) != 2 || got[0]["subscriptionType"] != "contact.restore" || got[1]["subscriptionType"] != "contact.deletion" {
		t.Errorf("got %v", got)
	}
}

// Both values are printed in HubSpot's own guide and SDK tests.
func TestSign_matchesHubSpot(t *testing.T) {
	t.Parallel()
	const body = `[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]`
	if got := hubspottest.SignV1("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", []byte(body)); got != "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de" {
		t.Errorf("v1 %s", got)
	}
	if got := hubspottest.SignV3("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", "POST", "https://www.example.com/webhook_uri",
		[]byte("{'example_field':'example_value'}"), "1693657560000"); got != "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=" {
		t.Errorf("v3 %s", got)
	}
}
