package intake

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/store/storetest"
)

// hooked is an AdvocateHandler on a real store, between a stand-in that sends
// webhooks and the test that looks at them on their way.
type hooked struct {
	*AdvocateHandler
	vendor       *advocatetest.Server
	store        *store.Store
	connectionID string
	registry     *prometheus.Registry
	logged       *bytes.Buffer
	pokes        int
	clock        time.Time

	endpoint string
	arrived  chan delivery
}

// delivery is a webhook as the vendor sent it.
type delivery struct {
	jws  string
	body []byte
}

func (d delivery) request() *http.Request {
	r := httptest.NewRequest(http.MethodPost, AdvocatePath, bytes.NewReader(d.body))
	r.Header.Set(jwsHeader, d.jws)
	return r
}

func newHooked(t *testing.T) *hooked {
	t.Helper()
	h := &hooked{
		vendor: advocatetest.New(t), store: storetest.New(t), registry: prometheus.NewRegistry(),
		logged: &bytes.Buffer{}, clock: time.Now(), arrived: make(chan delivery, 100),
	}
	c, err := h.store.SaveConnection(t.Context(),
		bridge.Connection{PortalID: ourPortal, Tenant: advocatetest.DefaultAlias, Program: "47255"}, store.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	h.connectionID = c.ID
	h.AdvocateHandler = NewAdvocateHandler(AdvocateConfig{
		AdvocateURL: h.vendor.URL, HTTP: http.DefaultClient, Inbox: h.store, Wake: func() { h.pokes++ },
		Metrics: h.registry, Log: slog.New(slog.NewTextHandler(h.logged, nil)), Now: func() time.Time { return h.clock },
	})
	wire := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.arrived <- delivery{r.Header.Get(jwsHeader), body}
	}))
	t.Cleanup(wire.Close)
	h.endpoint = wire.URL
	h.call(t, http.MethodPost, "/subscription", fmt.Sprintf(`{"endpointUrl": %q, "name": "test"}`, wire.URL))
	return h
}

// call sends a request to the vendor's API.
func (h *hooked) call(t *testing.T, method, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, h.vendor.URL+"/api/v1/"+advocatetest.DefaultAlias+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("", advocatetest.DefaultKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		answer, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s: status %d: %s", path, resp.StatusCode, answer)
	}
}

// sent returns the next webhook of a type that the vendor sends.
func (h *hooked) sent(t *testing.T, kind string) delivery {
	t.Helper()
	late := time.After(5 * time.Minute) // bounds a hang; the machine may be busy
	for {
		select {
		case d := <-h.arrived:
			if strings.Contains(string(d.body), `"type":"`+kind+`"`) {
				return d
			}
		case <-late:
			t.Fatalf("no webhook %s", kind)
		}
	}
}

// joined returns the webhook of somebody who has joined.
func (h *hooked) joined(t *testing.T, email string) delivery {
	t.Helper()
	if _, err := h.vendor.Tenant("").Join(email, "Ada", "Byron"); err != nil {
		t.Fatal(err)
	}
	return h.sent(t, "user.created")
}

func (h *hooked) take(r *http.Request) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func (h *hooked) awaiting(t *testing.T) []string {
	t.Helper()
	ids, err := h.store.AwaitingReport(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func (h *hooked) counts(t *testing.T) map[Disposition]int {
	t.Helper()
	return countEvents(t, h.registry)
}

func countEvents(t *testing.T, registry *prometheus.Registry) map[Disposition]int {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[Disposition]int{}
	for _, family := range families {
		if family.GetName() != "advocatesync_webhook_events_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			if n := int(metric.GetCounter().GetValue()); n > 0 {
				counts[Disposition(label(metric, "disposition"))] = n
			}
		}
	}
	return counts
}

func label(m *dto.Metric, name string) string {
	for _, pair := range m.GetLabel() {
		if pair.GetName() == name {
			return pair.GetValue()
		}
	}
	return ""
}

func TestAdvocate_aNewParticipantIsAwaitedOnceHoweverOftenWeAreTold(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	hook := h.joined(t, "ada@example.org")
	for range 3 {
		if status := h.take(hook.request()); status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
	}
	if diff := cmp.Diff(map[Disposition]int{Accepted: 1, Duplicate: 2}, h.counts(t)); diff != "" || h.pokes != 1 {
		t.Errorf("%d pokes; counters (-want +got)\n%s", h.pokes, diff)
	}
	if got := h.awaiting(t); !slices.Equal(got, []string{h.connectionID}) {
		t.Errorf("awaiting a report: %v", got)
	}
	// A report that begins now asks for the participant.
	if _, err := h.store.BeginReport(t.Context(), h.connectionID, time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := h.awaiting(t); len(got) != 0 {
		t.Errorf("still awaiting a report: %v", got)
	}
}

func TestAdvocate_anAwaitedReportWaitsForOneThatIsUnderWay(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	run, err := h.store.BeginReport(t.Context(), h.connectionID, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	h.take(h.joined(t, "ada@example.org").request())
	if got := h.awaiting(t); len(got) != 0 {
		t.Fatalf("awaiting a report while one is under way: %v", got)
	}
	if err := h.store.AbortRun(t.Context(), run.ID, "test"); err != nil {
		t.Fatal(err)
	}
	if got := h.awaiting(t); len(got) != 1 {
		t.Errorf("the report that was under way did not ask for the participant, but none is awaited: %v", got)
	}
	spaced, err := h.store.AwaitingReport(t.Context(), time.Hour)
	if err != nil || len(spaced) != 0 {
		t.Errorf("awaiting a report right after another: %v %v", spaced, err)
	}
}

func TestAdvocate_tellsWhatToForget(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	hooks := map[string]delivery{}
	h.call(t, http.MethodPut, "/open/account/ours@example.org/user/ours@example.org", `{"id":"ours@example.org","accountId":"ours@example.org","email":"ours@example.org","customFields":{"hubspot_contact_id":"501"}}`)
	hooks["our own participant"] = h.sent(t, "user.created")
	h.call(t, http.MethodPost, "/export", `{"name":"n","type":"USER","requester":"r","format":"CSV","params":{}}`)
	hooks["somebody else's export"] = h.sent(t, "export.completed")
	for name, hook := range hooks {
		if status := h.take(hook.request()); status != http.StatusOK {
			t.Errorf("%s: status %d", name, status)
		}
	}
	old := h.joined(t, "ada@example.org")
	h.clock = h.clock.Add(eventLife + time.Minute)
	if status := h.take(old.request()); status != http.StatusOK {
		t.Errorf("an old webhook: status %d", status)
	}
	if diff := cmp.Diff(map[Disposition]int{Echo: 1, Accepted: 1, Stale: 1}, h.counts(t)); diff != "" {
		t.Errorf("counters (-want +got)\n%s", diff)
	}
	if got := h.awaiting(t); len(got) != 0 {
		t.Errorf("awaiting a report: %v", got)
	}
	ready, err := h.store.ReadyExports(t.Context(), time.Minute)
	if err != nil || len(ready) != 0 {
		t.Errorf("exports that nobody asked for: %v %v", ready, err)
	}
}

func TestAdvocate_takesAnyTenantsWordAndForgetsThoseItDoesNotKnow(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	hook := h.joined(t, "ada@example.org")
	if err := h.reconnect(t, "another"); err != nil {
		t.Fatal(err)
	}
	if status := h.take(hook.request()); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	if diff := cmp.Diff(map[Disposition]int{UnknownTenant: 1}, h.counts(t)); diff != "" {
		t.Errorf("counters (-want +got)\n%s", diff)
	}
}

// reconnect joins the portal to another tenant.
func (h *hooked) reconnect(t *testing.T, tenant string) error {
	t.Helper()
	ours, err := h.store.ConnectionByPortal(t.Context(), ourPortal)
	if err != nil {
		return err
	}
	if _, err := h.store.Disconnect(t.Context(), ours.ID); err != nil {
		return err
	}
	_, err = h.store.SaveConnection(t.Context(), bridge.Connection{PortalID: ourPortal, Tenant: tenant, Program: "p"}, store.Credentials{})
	return err
}

func TestAdvocate_followsKeysThatRotate(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	late := h.joined(t, "first@example.org") // it arrives after two rotations
	for i := range 3 {
		hook := h.joined(t, fmt.Sprintf("person%d@example.org", i))
		if status := h.take(hook.request()); status != http.StatusOK {
			t.Errorf("after %d rotations: status %d", i, status)
		}
		if err := h.vendor.RotateKeys(); err != nil {
			t.Fatal(err)
		}
	}
	if status := h.take(late.request()); status != http.StatusOK {
		t.Errorf("a key that was seen published today is not trusted any more: status %d", status)
	}
	h.clock = h.clock.Add(keyLife)
	if status := h.take(late.request()); status != http.StatusUnauthorized {
		t.Errorf("a key that was withdrawn a day ago is trusted: status %d", status)
	}
}

// forged signs a body with a key that Advocate does not have.
func forged(t *testing.T, algorithm jose.SignatureAlgorithm, key any, kid string, body []byte) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", kid)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.DetachedCompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func TestAdvocate_refusesWhatAdvocateDidNotSign(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	good := h.joined(t, "ada@example.org")
	head, _, _ := strings.Cut(good.jws, "..")
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	header := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	tests := map[string]struct {
		jws    string
		body   []byte
		status int
	}{
		"no signature":                  {"", good.body, 401},
		"no JWS":                        {"nonsense", good.body, 401},
		"another body":                  {good.jws, bytes.Replace(good.body, []byte("user.created"), []byte("user.createdX"), 1), 401},
		"no algorithm":                  {header(`{"alg":"none","kid":"standin/1="}`) + "..", good.body, 401},
		"a stranger's key":              {forged(t, jose.RS256, stranger, "standin/1=", good.body), good.body, 401},
		"a key nobody publishes":        {forged(t, jose.RS256, stranger, "other", good.body), good.body, 401},
		"a secret for a key":            {forged(t, jose.HS256, []byte("0123456789abcdef0123456789abcdef"), "standin/1=", good.body), good.body, 401},
		"another algorithm":             {forged(t, jose.PS256, stranger, "standin/1=", good.body), good.body, 401},
		"a signature cut short":         {head + "..", good.body, 401},
		"the payload left in its place": {head + ".e30." + strings.Split(good.jws, ".")[2], good.body, 401},
		"a body that is too large":      {good.jws, bytes.Repeat([]byte("x"), maxBody+1), 413},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if status := h.take(delivery{tt.jws, tt.body}.request()); status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
		})
	}
	if got := h.counts(t); len(got) != 0 || h.pokes != 0 {
		t.Errorf("counted %v", got)
	}
	if status := h.take(good.request()); status != http.StatusOK {
		t.Errorf("the good one: status %d", status)
	}
}

// Signed with a key that the test hands over: the stand-in never sends these.
func TestAdvocate_refusesASignedBodyThatIsNoWebhook(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	h.keys.remember([]jose.JSONWebKey{{Key: key.Public(), KeyID: "k"}})
	tests := map[string]struct {
		body string
		want int
	}{
		"no JSON":           {`ada@example.org`, 400},
		"an array":          {`[]`, 400},
		"no id":             {`{"type":"user.created","tenantAlias":"x","created":1794999000123}`, 400},
		"an object for id":  {`{"id":{},"type":"user.created","tenantAlias":"x","created":1794999000123}`, 400},
		"a NUL in a tenant": {`{"id":"1","type":"user.created","tenantAlias":"a\u0000b","created":1794999000123}`, 400},
		"no time":           {`{"id":"1","type":"user.created","tenantAlias":"x"}`, 400},
		"seconds":           {`{"id":"1","type":"user.created","tenantAlias":"x","created":1794999000}`, 400},
		"text for a time":   {`{"id":"1","type":"user.created","tenantAlias":"x","created":"1794999000123"}`, 200},
		"a number for id":   {`{"id":1,"type":"user.created","tenantAlias":"x","created":1794999000123}`, 200},
		"a list for data":   {`{"id":"1","type":"user.created","tenantAlias":"x","created":1794999000123,"data":[]}`, 200},
		"text for fields":   {`{"id":"1","type":"user.created","tenantAlias":"x","created":1794999000123,"data":{"customFields":"x"}}`, 200},
		"an unknown type":   {`{"id":"1","type":"theme.publish.finished","tenantAlias":"x","created":1794999000123}`, 200},
		"an export unnamed": {`{"id":"1","type":"export.completed","tenantAlias":"x","created":1794999000123,"data":{"id":null}}`, 200},
		"a NUL in its name": {`{"id":"1","type":"export.completed","tenantAlias":"x","created":1794999000123,"data":{"id":"a\u0000b"}}`, 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := delivery{forged(t, jose.RS256, key, "k", []byte(tt.body)), []byte(tt.body)}
			if status := h.take(d.request()); status != tt.want {
				t.Errorf("status %d, want %d", status, tt.want)
			}
		})
	}
	if strings.Contains(h.logged.String(), "ada@") {
		t.Errorf("the log quotes the body:\n%s", h.logged)
	}
}

func TestAdvocate_asksForARepetitionWhileItsKeysCannotBeHad(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	hook := h.joined(t, "ada@example.org")
	working := h.keys.url
	h.keys.url = "http://127.0.0.1:1/none"
	if status := h.take(hook.request()); status != http.StatusServiceUnavailable {
		t.Errorf("status %d during the outage, want 503", status)
	}
	h.keys.url = working
	if status := h.take(hook.request()); status != http.StatusOK {
		t.Errorf("status %d after the outage", status)
	}
}

// Anybody may ask for keys and hang up; whoever waits beside them gets the keys
// all the same, and from the same fetch.
// Whoever could send us to another host for the keys could sign for Advocate.
func TestAdvocate_fetchesKeysFromItsOwnHostAlone(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, target := range map[string]string{"another host": "https://other.example/keys", "another port": "https://advocate.invalid:8443/keys", "another scheme": "http://advocate.invalid/keys"} {
			asked := 0
			ring := newKeyRing("https://advocate.invalid/keys", &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				asked++
				return &http.Response{StatusCode: status, Header: http.Header{"Location": {target}}, Body: http.NoBody, Request: r}, nil
			})}, time.Now)
			if _, err := ring.key(t.Context(), "k"); err == nil || asked != 1 {
				t.Errorf("%d to %s: %d calls, %v", status, name, asked, err)
			}
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAdvocate_getsItsKeysHoweverManyCallersHangUp(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	hook := h.joined(t, "ada@example.org")
	asked, release := make(chan struct{}), make(chan struct{})
	fetches := 0
	h.keys.http = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if fetches++; fetches == 1 {
			close(asked)
		}
		<-release
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		return http.DefaultTransport.RoundTrip(r)
	})}
	gone, hangUp := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := h.keys.key(gone, "made-up")
		failed <- err
	}()
	<-asked
	hangUp()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("whoever hung up was told %v", err)
	}
	close(release)
	if status := h.take(hook.request()); status != http.StatusOK || fetches != 1 {
		t.Errorf("status %d after %d fetches, want 200 after one", status, fetches)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAdvocate_fetchesKeysSeldomHoweverManyUnknownOnesAreNamed(t *testing.T) {
	t.Parallel()
	fetched := 0
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched++ // the ring fetches one at a time
		fmt.Fprint(w, `{"keys":[{"kty":"new","kid":"x"}]}`)
	}))
	t.Cleanup(keys.Close)
	clock := time.Now()
	ring := newKeyRing(keys.URL, http.DefaultClient, func() time.Time { return clock })
	var flight sync.WaitGroup
	for i := range 50 {
		flight.Go(func() {
			if _, err := ring.key(context.Background(), fmt.Sprint(i)); !errors.Is(err, errUnknownKey) {
				t.Errorf("key %d: %v", i, err)
			}
		})
	}
	flight.Wait()
	if fetched > fetchBurst {
		t.Errorf("fetched %d times at once, want at most %d", fetched, fetchBurst)
	}
	for i := range 50 {
		_, _ = ring.key(t.Context(), fmt.Sprint("later", i))
	}
	if fetched != fetchBurst {
		t.Errorf("fetched %d times, want %d", fetched, fetchBurst)
	}
	clock = clock.Add(fetchEvery)
	_, _ = ring.key(t.Context(), "x")
	if fetched != fetchBurst+1 {
		t.Errorf("fetched %d times after a while, want %d", fetched, fetchBurst+1)
	}
}

func TestRefusals_areLoggedInSamplesAndOurOwnFailuresApart(t *testing.T) {
	t.Parallel()
	in := newIntake()
	for range 1000 {
		in.deliver(httptest.NewRequest(http.MethodPost, Path, strings.NewReader("x")))
	}
	if got := strings.Count(in.logged.String(), "webhook refused"); got != logBurst {
		t.Errorf("%d lines for a thousand refusals, want %d", got, logBurst)
	}
	in.clock = in.clock.Add(logEvery)
	in.deliver(httptest.NewRequest(http.MethodPost, Path, strings.NewReader("x")))
	if !strings.Contains(in.logged.String(), fmt.Sprintf("not_logged=%d", 1000-logBurst)) {
		t.Errorf("the log does not tell how many it left out:\n%s", in.logged)
	}
	in.logged.Reset()
	in.inbox.appendErr = errors.New("store.append_events: unavailable")
	for range 1000 {
		in.deliver(signed(array(creation), in.clock))
	}
	if got := strings.Count(in.logged.String(), "status=503"); got != logBurst {
		t.Errorf("%d lines for a thousand failures of our own, want %d", got, logBurst)
	}
	in.clock = in.clock.Add(logEvery)
	in.deliver(signed(array(creation), in.clock))
	if !strings.Contains(in.logged.String(), fmt.Sprintf("not_logged=%d", 1000-logBurst)) {
		t.Errorf("the log does not tell how many of our own it left out:\n%s", in.logged)
	}
}
