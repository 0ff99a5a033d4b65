package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

const (
	testSecret = "a client secret"
	testPublic = "https://sync.example.test"
	ourPortal  = 4711001
)

// memoryInbox keeps events as the store does: each key once.
type memoryInbox struct {
	mu        sync.Mutex
	events    []store.Event
	keys      map[string]bool
	lookups   int
	objects   []store.ObjectEvent
	lookupErr error // instead of an answer
	appendErr error // instead of keeping
}

func (m *memoryInbox) ConnectionByPortal(_ context.Context, portalID int64) (bridge.Connection, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lookups++
	switch {
	case m.lookupErr != nil:
		return bridge.Connection{}, m.lookupErr
	case portalID != ourPortal:
		return bridge.Connection{}, &bridge.Error{Kind: bridge.NotFound, Op: "store.connection"}
	}
	return bridge.Connection{ID: "c1", PortalID: portalID}, nil
}

func (m *memoryInbox) AppendEvents(_ context.Context, events []store.Event) (int, error) {
	return keepNew(m, &m.events, events, func(e store.Event) string { return e.DedupeKey })
}

func (m *memoryInbox) AppendObjectEvents(_ context.Context, events []store.ObjectEvent) (int, error) {
	return keepNew(m, &m.objects, events, func(e store.ObjectEvent) string { return e.DedupeKey })
}

// keepNew keeps those events whose keys are new.
func keepNew[E any](m *memoryInbox, kept *[]E, events []E, key func(E) string) (fresh int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.appendErr != nil {
		return 0, m.appendErr
	}
	if m.keys == nil {
		m.keys = map[string]bool{}
	}
	for _, e := range events {
		if m.keys[key(e)] {
			continue
		}
		m.keys[key(e)] = true
		*kept = append(*kept, e)
		fresh++
	}
	return fresh, nil
}

// watching are triggers that watch these.
type watching []trigger.Watch

func (w watching) Watches(context.Context, string) ([]trigger.Watch, error) { return w, nil }

// intake is a handler with everything around it in view.
type intake struct {
	*Handler
	inbox    *memoryInbox
	registry *prometheus.Registry
	logged   *strings.Builder
	pokes    int
	objPokes int
	clock    time.Time
}

func newIntake(watches ...trigger.Watch) *intake {
	in := &intake{inbox: &memoryInbox{}, registry: prometheus.NewRegistry(), logged: &strings.Builder{}, clock: receipt}
	in.Handler = NewHandler(HandlerConfig{
		ClientSecret: testSecret, AppID: ourApp, PublicURL: testPublic,
		Inbox: in.inbox, Triggers: watching(watches), Wake: func() { in.pokes++ }, WakeObjects: func() { in.objPokes++ },
		Metrics: in.registry, Log: slog.New(slog.NewTextHandler(in.logged, nil)),
		Now: func() time.Time { return in.clock },
	})
	return in
}

// signed is a delivery as HubSpot would make it.
func signed(body string, at time.Time) *http.Request {
	r := httptest.NewRequest(http.MethodPost, Path, strings.NewReader(body))
	timestamp := fmt.Sprint(at.UnixMilli())
	r.Header.Set(timestampHeader, timestamp)
	r.Header.Set(signatureHeader, sign([]byte(testSecret), http.MethodPost, testPublic+Path, []byte(body), timestamp))
	return r
}

func (in *intake) deliver(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	in.ServeHTTP(w, r)
	return w
}

// counts returns the event counter by disposition.
func (in *intake) counts(t *testing.T) map[Disposition]int {
	t.Helper()
	return countEvents(t, in.registry)
}

const (
	creation = `{"eventId":1,"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.creation","objectId":501}`
	newEmail = `{"eventId":2,"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.propertyChange",
		"objectId":501,"propertyName":"email","propertyValue":"ada@example.test"}`
	ownWrite = `{"eventId":3,"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.propertyChange",
		"objectId":501,"propertyName":"advocate_user_id","changeSource":"INTEGRATION","sourceId":"3300221"}`
	merge = `{"eventId":7,"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"contact.merge",
		"objectId":700,"primaryObjectId":501,"mergedObjectIds":[502],"newObjectId":700}`
	mergeElsewhere = `{"eventId":8,"portalId":999,"subscriptionType":"contact.merge","primaryObjectId":501,"mergedObjectIds":[502]}`

	phone     = `{"eventId":4,"portalId":4711001,"subscriptionType":"contact.propertyChange","objectId":501,"propertyName":"phone"}`
	ticket    = `{"eventId":9,"portalId":4711001,"subscriptionType":"ticket.creation","objectId":9}`
	deal      = `{"eventId":5,"portalId":4711001,"subscriptionType":"deal.creation","objectId":9}`
	elsewhere = `{"eventId":6,"portalId":999,"subscriptionType":"contact.creation","objectId":501}`
)

func array(elements ...string) string { return "[" + strings.Join(elements, ",") + "]" }

func TestHandler_keepsWhatMatters(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body  string
		kept  int
		poked bool
		want  map[Disposition]int
	}{
		"a creation and a change": {array(creation, newEmail), 2, true, map[Disposition]int{Accepted: 2}},
		"our own write is kept beside the others": {
			array(creation, ownWrite), 2, true, map[Disposition]int{Accepted: 1, Echo: 1},
		},
		"an unknown type is accepted and counted":   {array(ticket), 0, false, map[Disposition]int{UnknownType: 1}},
		"a deal that no trigger watches is counted": {array(deal), 0, false, map[Disposition]int{Ignored: 1}},
		"an unknown portal is accepted and counted": {array(elsewhere), 0, false, map[Disposition]int{UnknownPortal: 1}},
		"another property is accepted and counted":  {array(phone), 0, false, map[Disposition]int{Ignored: 1}},
		"one bad element does not lose the others": {
			array(creation, `"?"`, newEmail, `{}`), 2, true, map[Disposition]int{Accepted: 2, Malformed: 2},
		},
		"the same event twice in one request":      {array(creation, creation), 1, true, map[Disposition]int{Accepted: 1, Duplicate: 1}},
		"a merge counts for each contact it names": {array(merge), 3, true, map[Disposition]int{Accepted: 3}},
		"a merge told twice":                       {array(merge, merge), 3, true, map[Disposition]int{Accepted: 3, Duplicate: 3}},
		"a merge of an unknown portal":             {array(mergeElsewhere), 0, false, map[Disposition]int{UnknownPortal: 2}},
		"an empty array":                           {array(), 0, false, map[Disposition]int{}},
		"everything at once": {
			array(creation, newEmail, ownWrite, phone, ticket, elsewhere), 3, true,
			map[Disposition]int{Accepted: 2, Echo: 1, Ignored: 1, UnknownType: 1, UnknownPortal: 1},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newIntake()
			if w := in.deliver(signed(tt.body, receipt)); w.Code != http.StatusOK {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			if got := len(in.inbox.events); got != tt.kept {
				t.Errorf("%d events kept, want %d", got, tt.kept)
			}
			if (in.pokes > 0) != tt.poked {
				t.Errorf("relay poked %d times", in.pokes)
			}
			if diff := cmp.Diff(tt.want, in.counts(t)); diff != "" {
				t.Errorf("counters (-want +got)\n%s", diff)
			}
		})
	}
}

func TestHandler_keepsNoValues(t *testing.T) {
	t.Parallel()
	in := newIntake()
	in.deliver(signed(array(newEmail), receipt))
	want := []store.Event{{
		ConnectionID: "c1", ContactID: "501", Kind: store.EventUpdated, Property: "email",
		OccurredAt: time.UnixMilli(1794999000123).UTC(),
	}}
	for i := range in.inbox.events {
		in.inbox.events[i].DedupeKey = ""
	}
	if diff := cmp.Diff(want, in.inbox.events); diff != "" {
		t.Errorf("inbox (-want +got)\n%s", diff)
	}
}

func TestHandler_countsARepeatedRequestOnce(t *testing.T) {
	t.Parallel()
	in := newIntake()
	for range 3 {
		if w := in.deliver(signed(array(creation, ownWrite), receipt)); w.Code != http.StatusOK {
			t.Fatalf("status %d", w.Code)
		}
	}
	if got := len(in.inbox.events); got != 2 {
		t.Errorf("%d events kept, want 2", got)
	}
	if diff := cmp.Diff(map[Disposition]int{Accepted: 1, Echo: 1, Duplicate: 4}, in.counts(t)); diff != "" {
		t.Errorf("counters (-want +got)\n%s", diff)
	}
	if in.pokes != 1 {
		t.Errorf("relay poked %d times, want 1", in.pokes)
	}
}

func TestHandler_refuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		request func() *http.Request
		status  int
	}{
		"another method": {func() *http.Request {
			return httptest.NewRequest(http.MethodGet, Path, http.NoBody)
		}, 405},
		"a body past the limit": {func() *http.Request {
			return signed(array(creation, `"`+strings.Repeat("x", maxBody)+`"`), receipt)
		}, 413},
		"no signature": {func() *http.Request {
			return httptest.NewRequest(http.MethodPost, Path, strings.NewReader(array(creation)))
		}, 401},
		"a signature of another body": {func() *http.Request {
			r := signed(array(creation), receipt)
			r.Body = http.NoBody
			return r
		}, 401},
		"a stale request": {func() *http.Request {
			return signed(array(creation), receipt.Add(-maxAge-time.Millisecond))
		}, 401},
		"a request from the future": {func() *http.Request {
			return signed(array(creation), receipt.Add(maxFuture+time.Millisecond))
		}, 401},
		"a body that breaks off": {func() *http.Request {
			r := signed(array(creation), receipt)
			r.Body = brokenBody{}
			return r
		}, 400},
		"a signed body that is no array": {func() *http.Request { return signed(creation, receipt) }, 400},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newIntake()
			w := in.deliver(tt.request())
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			var problem struct {
				Status int
				Detail string
			}
			if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || problem.Status != tt.status || problem.Detail == "" {
				t.Errorf("problem document %q: %v", w.Body, err)
			}
			if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("content type %q", got)
			}
			if len(in.inbox.events) != 0 || in.pokes != 0 || in.inbox.lookups != 0 {
				t.Errorf("%d events kept, %d pokes, %d lookups, want none", len(in.inbox.events), in.pokes, in.inbox.lookups)
			}
			if got := testutil.ToFloat64(in.metrics.requests.WithLabelValues(fmt.Sprint(tt.status))); got != 1 {
				t.Errorf("request counter %v, want 1", got)
			}
		})
	}
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("connection reset") }
func (brokenBody) Close() error             { return nil }

func TestHandler_acceptsABodyOfExactlyTheLimit(t *testing.T) {
	t.Parallel()
	body := array(creation, `"`+strings.Repeat("x", maxBody-len(creation)-5)+`"`)
	if len(body) != maxBody {
		t.Fatalf("the body has %d bytes", len(body))
	}
	if w := newIntake().deliver(signed(body, receipt)); w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
}

func TestHandler_asksForARepetitionWhileTheStoreFails(t *testing.T) {
	t.Parallel()
	outage := &bridge.Error{Kind: bridge.Unavailable, Op: "store.append_events"}
	tests := map[string]struct {
		fail func(*memoryInbox, error)
	}{
		"on append": {func(m *memoryInbox, err error) { m.appendErr = err }},
		"on lookup": {func(m *memoryInbox, err error) { m.lookupErr = err }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newIntake()
			tt.fail(in.inbox, outage)
			body := array(creation, ticket)
			if w := in.deliver(signed(body, receipt)); w.Code != http.StatusServiceUnavailable {
				t.Errorf("status %d during the outage, want 503", w.Code)
			}
			if got := in.counts(t); len(got) != 0 || in.pokes != 0 {
				t.Errorf("counted %v and poked %d times during the outage", got, in.pokes)
			}
			tt.fail(in.inbox, nil)
			if w := in.deliver(signed(body, receipt)); w.Code != http.StatusOK {
				t.Errorf("status %d after the outage, want 200", w.Code)
			}
			if diff := cmp.Diff(map[Disposition]int{Accepted: 1, UnknownType: 1}, in.counts(t)); diff != "" {
				t.Errorf("counters (-want +got)\n%s", diff)
			}
		})
	}
}

func TestHandler_neverEchoesOrLogsTheBody(t *testing.T) {
	t.Parallel()
	in := newIntake()
	in.inbox.appendErr = errors.New("store.append_events: unavailable")
	var answers strings.Builder
	for _, r := range []*http.Request{
		signed(array(newEmail), receipt), signed(newEmail, receipt), signed(array(newEmail), receipt.Add(-time.Hour)),
	} {
		answers.WriteString(in.deliver(r).Body.String())
	}
	if all := answers.String() + in.logged.String(); strings.Contains(all, "ada") || strings.Contains(all, testSecret) {
		t.Errorf("personal data or the secret came out:\n%s", all)
	}
	if strings.Count(in.logged.String(), "webhook refused") != 3 {
		t.Errorf("log:\n%s", in.logged)
	}
}

func TestHandler_looksPortalsUpOnceInAWhile(t *testing.T) {
	t.Parallel()
	in := newIntake()
	send := func() { in.deliver(signed(array(creation, newEmail, ownWrite), in.clock)) }
	send()
	send()
	if in.inbox.lookups != 1 {
		t.Errorf("%d lookups for six events, want 1", in.inbox.lookups)
	}
	in.clock = in.clock.Add(knownFor)
	send()
	if in.inbox.lookups != 2 {
		t.Errorf("%d lookups after a while, want 2", in.inbox.lookups)
	}
}

func TestHandler_noticesAPortalThatWasJustConnected(t *testing.T) {
	t.Parallel()
	in := newIntake()
	notYet := &bridge.Error{Kind: bridge.NotFound, Op: "store.connection"}
	in.inbox.lookupErr = notYet
	in.deliver(signed(array(creation), in.clock))
	in.inbox.lookupErr = nil
	in.clock = in.clock.Add(knownFor)
	in.deliver(signed(array(newEmail), in.clock))
	if diff := cmp.Diff(map[Disposition]int{UnknownPortal: 1, Accepted: 1}, in.counts(t)); diff != "" {
		t.Errorf("counters (-want +got)\n%s", diff)
	}
}

func TestHandler_looksAgainAfterAFailedAppend(t *testing.T) {
	t.Parallel()
	in := newIntake()
	in.deliver(signed(array(creation), in.clock))
	// The connection is deleted: the inbox refuses its events.
	in.inbox.appendErr = &bridge.Error{Kind: bridge.NotFound, Op: "store.append_events"}
	if w := in.deliver(signed(array(newEmail), in.clock)); w.Code != http.StatusServiceUnavailable {
		t.Fatalf("status %d, want 503", w.Code)
	}
	in.inbox.lookupErr = &bridge.Error{Kind: bridge.NotFound, Op: "store.connection"}
	if w := in.deliver(signed(array(newEmail), in.clock)); w.Code != http.StatusOK {
		t.Errorf("status %d for a portal that is gone, want 200", w.Code)
	}
	if diff := cmp.Diff(map[Disposition]int{Accepted: 1, UnknownPortal: 1}, in.counts(t)); diff != "" {
		t.Errorf("counters (-want +got)\n%s", diff)
	}
}
