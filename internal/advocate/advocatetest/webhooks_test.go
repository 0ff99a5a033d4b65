package advocatetest_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
)

// endpoint takes webhooks.
type endpoint struct {
	url string

	mu      sync.Mutex
	answers []int // statuses for the deliveries to come; then 200

	arrived chan hook
	got     []hook // taken out of arrived
}

type hook struct {
	header http.Header
	body   []byte
}

func newEndpoint(t *testing.T, answers ...int) *endpoint {
	e := &endpoint{answers: answers, arrived: make(chan hook, 100)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.arrived <- hook{r.Header, body}
		if len(e.answers) > 0 {
			w.WriteHeader(e.answers[0])
			e.answers = e.answers[1:]
		}
	}))
	t.Cleanup(srv.Close)
	e.url = srv.URL + "/hooks?x=1"
	return e
}

// await returns the first n webhooks once they have come.
func (e *endpoint) await(t *testing.T, n int) []hook {
	t.Helper()
	late := time.After(5 * time.Minute) // bounds a hang; the machine may be busy
	for len(e.got) < n {
		select {
		case h := <-e.arrived:
			e.got = append(e.got, h)
		case <-late:
			t.Fatalf("%d webhooks, want %d", len(e.got), n)
		}
	}
	return e.got
}

func (h hook) envelope(t *testing.T) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := json.Unmarshal(h.body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// verify checks the signature as a receiver would, and returns the key's id.
func (c caller) verify(h hook) string {
	c.t.Helper()
	parts := strings.Split(h.header.Get("X-Hook-JWS-RFC-7797"), ".")
	if len(parts) != 3 || parts[1] != "" {
		c.t.Fatalf("not a detached JWS: %q", parts)
	}
	var header struct{ Alg, Typ, Kid string }
	decodePart(c.t, parts[0], &header)
	var jwks struct {
		Keys []struct{ Kid, Kty, N, E string }
	}
	if err := json.Unmarshal(c.raw(http.MethodGet, c.base+"/.well-known/jwks.json", nil, false).body, &jwks); err != nil {
		c.t.Fatal(err)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		c.t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + base64.RawURLEncoding.EncodeToString(h.body)))
	for _, key := range jwks.Keys {
		if key.Kid != header.Kid {
			continue
		}
		n, errN := base64.RawURLEncoding.DecodeString(key.N)
		e, errE := base64.RawURLEncoding.DecodeString(key.E)
		if errN != nil || errE != nil {
			c.t.Fatal(errN, errE)
		}
		public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature); err != nil {
			c.t.Errorf("signature: %v", err)
		}
		return header.Kid
	}
	c.t.Fatalf("no published key %q", header.Kid)
	return ""
}

func decodePart(t *testing.T, part string, v any) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err == nil {
		err = json.Unmarshal(raw, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWebhooks_areSignedByKeysThatRotate(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	e := newEndpoint(t)
	sub := c.do(http.MethodPost, "/subscription", map[string]any{"endpointUrl": e.url, "name": "ours"})
	want := map[string]any{"endpointUrl": e.url, "name": "ours", "source": "MANUAL", "webhookTypes": []any{"*"}}
	if diff := cmp.Diff(want, sub.decode(t)); sub.status != http.StatusCreated || diff != "" {
		t.Fatalf("%d %s", sub.status, diff)
	}
	c.put(ada, map[string]any{"email": ada})
	c.put(ada, map[string]any{"firstName": "Ada"}) // no webhook: an update
	first := e.await(t, 1)[0]
	if err := s.RotateKeys(); err != nil {
		t.Fatal(err)
	}
	kid := c.verify(first)
	mac := hmac.New(sha1.New, []byte(advocatetest.DefaultKey))
	mac.Write(first.body)
	if got := first.header.Get("X-Hook-Signature"); got != base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		t.Errorf("older signature %q", got)
	}
	got := first.envelope(t)
	if got["type"] != "user.created" || got["tenantAlias"] != advocatetest.DefaultAlias || got["live"] != true || at(got, "data", "email") != ada {
		t.Errorf("envelope %v", got)
	}
	if at(got, "data", "id") != s.Tenant("").StoredID(ada) {
		t.Errorf("the id is not the stored one: %v", at(got, "data", "id"))
	}
	c.export(nil)
	all := e.await(t, 3)
	if c.verify(all[2]) == kid {
		t.Error("the key did not change")
	}
	kinds := []string{}
	for _, h := range all {
		kind, _ := h.envelope(t)["type"].(string)
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	if diff := cmp.Diff([]string{"export.completed", "export.created", "user.created"}, kinds); diff != "" {
		t.Error(diff)
	}
}

func TestWebhooks_areRetriedUntil200(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t, advocatetest.WithKnobs(func(k *advocatetest.Knobs) {
		k.WebhookRetry, k.WebhookJitter, k.WebhookTwice = advocatetest.Span(time.Millisecond), advocatetest.Span(time.Millisecond), true
	}))
	e := newEndpoint(t, 202, 500)
	c := call(t, s)
	c.do(http.MethodPost, "/subscription", map[string]any{"endpointUrl": e.url, "name": "ours"})
	c.put(ada, nil)
	got := e.await(t, 4) // two failures, the delivery, its duplicate
	for _, h := range got[1:] {
		if diff := cmp.Diff(got[0].envelope(t)["id"], h.envelope(t)["id"]); diff != "" {
			t.Error(diff)
		}
	}
}

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	e := newEndpoint(t)
	for range 2 {
		c.do(http.MethodPost, "/subscription", map[string]any{"endpointUrl": e.url, "name": "ours"})
	}
	c.graphql(`mutation($url: String!) { upsertWebhookSubscription(webhookSubscriptionInput: {endpointUrl: $url, name: "ours", webhookTypes: ["~*", "export.created"]}) { webhookTypes } }`,
		map[string]any{"url": e.url})
	var subs []map[string]any
	if err := json.Unmarshal(c.do(http.MethodGet, "/subscription", nil).body, &subs); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{"endpointUrl": e.url, "name": "ours", "source": "MANUAL", "webhookTypes": []any{"export.created"}}}
	if diff := cmp.Diff(want, subs); diff != "" {
		t.Fatal(diff)
	}
	c.put(ada, nil)
	if r := c.do(http.MethodPost, "/subscription/"+url.PathEscape(e.url)+"/test", nil); r.status != http.StatusNoContent {
		t.Errorf("test: %d", r.status)
	}
	if got := e.await(t, 1)[0].envelope(t)["type"]; got != "test" {
		t.Errorf("a type nobody asked for: %v", got)
	}
	if r := c.do(http.MethodDelete, "/subscription/"+url.PathEscape(e.url), nil); r.status != http.StatusNoContent {
		t.Errorf("delete: %d", r.status)
	}
	if r := c.do(http.MethodDelete, "/subscription/"+url.PathEscape(e.url), nil); r.status != http.StatusNotFound {
		t.Errorf("second delete: %d", r.status)
	}
}
