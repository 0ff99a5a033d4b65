package intake

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// FuzzHubSpotWebhook has HubSpot sign anything: a list is taken whatever its elements
// are, all that is kept names records as the database can hold them, and the same
// delivery again brings nothing new that has a time.
func FuzzHubSpotWebhook(f *testing.F) {
	for _, body := range []string{
		array(creation, newEmail, ownWrite, merge), hundred(), `[]`, `[null,7,"x",[],{}]`, `null`, `{}`, ``, `[`, `[{"portalId":4711001,"objectId":{}}]`,
		`[{"eventId":1,"portalId":"4711001","occurredAt":"1794999000123","subscriptionType":"object.creation","objectTypeId":"0-1","objectId":"501"}]`,
		`[{"eventId":1,"portalId":4711001,"occurredAt":1794999000,"subscriptionType":"deal.propertyChange","propertyName":"a\u0000b","objectId":9}]`,
		`[{"portalId":4711001,"occurredAt":-1,"subscriptionType":"contact.merge","newObjectId":700,"mergedObjectIds":[501,"502",null,{},501]}]`,
		`[{"portalId":4711001,"occurredAt":9e18,"subscriptionType":"contact.associationChange","associationType":"CONTACT_TO_DEAL","fromObjectId":1,"toObjectId":2}]`,
		`[{"portalId":4711001,"subscriptionType":"contact.deletion","objectId":99999999999999999999}]`, strings.Repeat("[", 20_000),
	} {
		f.Add(body)
	}
	watch := []trigger.Watch{{Object: bridge.ObjectDeal, Created: true}, {Object: bridge.ObjectDeal, Property: "dealstage"}}
	f.Fuzz(func(t *testing.T, body string) {
		in := newIntake(watch...)
		answer := in.deliver(signed(body, receipt)).Code
		if list := json.Valid([]byte(body)) && strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "["); len(body) <= maxBody && (answer == http.StatusOK) != list {
			t.Errorf("status %d; a list: %t", answer, list)
		}
		decimal := func(id string) bool {
			n, err := strconv.ParseInt(id, 10, 64)
			return err == nil && n > 0
		}
		for _, e := range in.inbox.events {
			if e.ConnectionID == "" || !decimal(e.ContactID) || e.Kind == "" || e.DedupeKey == "" || e.OccurredAt.Year() < 2000 ||
				e.OccurredAt.After(receipt.Add(maxFuture)) || e.MergedInto != "" && !decimal(e.MergedInto) {
				t.Errorf("kept %+v", e)
			}
		}
		for _, e := range in.inbox.objects {
			if !decimal(e.ObjectID) || e.DedupeKey == "" || strings.ContainsRune(e.Property, 0) || e.OccurredAt.Year() < 2000 {
				t.Errorf("kept %+v", e)
			}
		}
		kept := len(in.inbox.events) + len(in.inbox.objects)
		if in.deliver(signed(body, receipt)); len(in.inbox.events)+len(in.inbox.objects) != kept {
			t.Errorf("%d events, and %d when they came again", kept, len(in.inbox.events)+len(in.inbox.objects))
		}
	})
}

// FuzzSignature: nothing but a signature that one of our secrets makes for this very
// request is believed.
func FuzzSignature(f *testing.F) {
	now := receipt.UnixMilli()
	genuine := sign([]byte(testSecret), http.MethodPost, testPublic+Path, []byte("[]"), strconv.FormatInt(now, 10))
	f.Add(genuine, strconv.FormatInt(now, 10), "sync.example.test", Path, "[]")
	f.Add(genuine, strconv.FormatInt(now, 10), "SYNC.example.test:443", Path, "[]")
	f.Add("", "", "", "", "")
	f.Add("=", "-1", "[::1]", "/%zz", "\x00")
	f.Add(genuine, "99999999999999999999", "sync.example.test.", "/%2e%2e", "[]")
	f.Add(genuine, strconv.FormatInt(now/1000, 10), "x", "//", "[]")
	v := verifier{secrets: usable(testSecret, ""), publicURL: testPublic, now: func() time.Time { return receipt }}
	f.Fuzz(func(t *testing.T, signature, timestamp, host, uri, body string) {
		r := httptest.NewRequest(http.MethodPost, Path, http.NoBody)
		r.Host, r.RequestURI = host, uri
		r.Header.Set(signatureHeader, signature)
		r.Header.Set(timestampHeader, timestamp)
		believed := v.verify(r, []byte(body)) == nil
		made := slices.ContainsFunc(spellings(testPublic, host, uri), func(address string) bool {
			return strings.HasPrefix(strings.ToLower(address), "https://sync.example.test") &&
				signature == sign([]byte(testSecret), http.MethodPost, address, []byte(body), timestamp)
		})
		ms, err := strconv.ParseInt(timestamp, 10, 64)
		fresh := err == nil && !strings.ContainsAny(timestamp, "+-") && ms >= now-maxAge.Milliseconds() && ms <= now+maxFuture.Milliseconds()
		if believed != (made && fresh) {
			t.Errorf("believed %t; made with our secret %t, fresh %t", believed, made, fresh)
		}
		// And what HubSpot signs for the address as it arrives here is believed.
		r.Header.Set(timestampHeader, strconv.FormatInt(now, 10))
		r.Header.Set(signatureHeader, sign([]byte(testSecret), http.MethodPost, testPublic+uri, []byte(body), strconv.FormatInt(now, 10)))
		if err := v.verify(r, []byte(body)); err != nil {
			t.Errorf("%q is refused: %v", uri, err)
		}
	})
}

// tenants is an inbox of Advocate's events in memory.
type tenants struct{ kept []store.AdvocateEvent }

func (*tenants) ConnectionsByTenant(_ context.Context, tenant string) ([]bridge.Connection, error) {
	if tenant != "acme" {
		return nil, nil
	}
	return []bridge.Connection{{ID: "c1", Tenant: tenant, ContactIDField: "hubspot_contact_id"}}, nil
}

func (k *tenants) AppendAdvocateEvents(_ context.Context, events []store.AdvocateEvent) (int, error) {
	k.kept = append(k.kept, events...)
	return len(events), nil
}

// publishes is Advocate's host as far as its keys go.
type publishes []byte

func (p publishes) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(p)), Request: r}, nil
}

// advocateKeys is a key of Advocate's: what signs, and what Advocate publishes.
func advocateKeys(f *testing.F) (sign func(body []byte) string, published []byte) {
	f.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	published, err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig"}}})
	if err != nil {
		f.Fatal(err)
	}
	return func(body []byte) string {
		signature, err := signer.Sign(body)
		if err != nil {
			f.Fatal(err)
		}
		compact, err := signature.DetachedCompactSerialize()
		if err != nil {
			f.Fatal(err)
		}
		return compact
	}, published
}

func advocateAt(inbox AdvocateInbox, published []byte) *AdvocateHandler {
	return NewAdvocateHandler(AdvocateConfig{
		AdvocateURL: "https://advocate.invalid", HTTP: &http.Client{Transport: publishes(published)}, Inbox: inbox, Wake: func() {},
		Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return receipt },
	})
}

// FuzzAdvocateWebhook has Advocate sign anything: it is taken, or refused for what it
// is, and all that is kept can be stored. Most of a run's time is the RSA signature.
func FuzzAdvocateWebhook(f *testing.F) {
	sign, published := advocateKeys(f)
	for _, body := range []string{
		`{"id":"e","type":"user.created","tenantAlias":"acme","created":1794999000123,"data":{"id":"u","customFields":{"hubspot_contact_id":null}}}`,
		`{"id":"e","type":"export.completed","tenantAlias":"acme","created":"1794999000123","data":{"id":7}}`,
		`{"id":7,"type":"user.created","tenantAlias":"acme","created":1.794999000123e12,"data":[]}`,
		`{"id":"a\u0000b","type":"user.created","tenantAlias":"acme","created":1794999000123}`,
		`{"id":"e","type":"export.completed","tenantAlias":"acme","created":1794999000123,"data":{"id":"a\u0000b","customFields":"x"}}`,
		`{"id":"e","type":"user.created","tenantAlias":"ac\u0000me","created":1794999000123}`, `{"created":9e18}`, `null`, `[]`, ``, strings.Repeat("[", 20_000),
	} {
		f.Add(body)
	}
	inbox := &tenants{}
	h := advocateAt(inbox, published)
	f.Fuzz(func(t *testing.T, body string) {
		inbox.kept = nil
		r := httptest.NewRequest(http.MethodPost, AdvocatePath, strings.NewReader(body))
		r.Header.Set(jwsHeader, sign([]byte(body)))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest && len(body) <= maxBody {
			t.Errorf("status %d", w.Code)
		}
		for _, e := range inbox.kept {
			if e.EventID == "" || strings.ContainsRune(e.EventID+e.ExportID, 0) || (e.Kind == store.AdvocateExportCompleted) != (e.ExportID != "") {
				t.Errorf("kept %+v", e)
			}
		}
	})
}

// decoded is what a compact JWS says, in whichever of several ways it is written: white
// space does not count, and Base64 leaves some bits unused.
func decoded(jws string) (parts [3]string) {
	for i, part := range strings.SplitN(strings.Join(strings.Fields(jws), ""), ".", len(parts)) {
		raw, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			return [3]string{}
		}
		parts[i] = string(raw)
	}
	return parts
}

// FuzzAdvocateSignature: nothing but what Advocate's key signed, of this very body, is
// believed.
func FuzzAdvocateSignature(f *testing.F) {
	const body = `{"id":"e","type":"user.created","tenantAlias":"acme","created":1794999000123,"data":{}}`
	sign, published := advocateKeys(f)
	genuine := sign([]byte(body))
	signature := genuine[strings.LastIndex(genuine, ".")+1:]
	encoded := func(header string) string { return base64.RawURLEncoding.EncodeToString([]byte(header)) }
	for _, header := range []string{
		genuine, "", ".", "..", "a..b", genuine + "=", " " + genuine, strings.ReplaceAll(genuine, "..", "."+encoded(body)+"."),
		encoded(`{"alg":"none","kid":"k"}`) + "..", encoded(`{"alg":"HS256","kid":"k"}`) + ".." + signature, encoded(`{"alg":"RS256"}`) + ".." + signature,
		encoded(`{"alg":"RS256","kid":"other"}`) + ".." + signature, encoded(`{"alg":"RS256","kid":"k","b64":false,"crit":["b64"]}`) + ".." + signature,
		encoded(`{"alg":"RS256","kid":"k","jwk":{"kty":"RSA","n":"AQ","e":"AQAB"}}`) + ".." + signature,
	} {
		f.Add(header, body)
		f.Add(header, body+" ")
	}
	inbox := &tenants{}
	h := advocateAt(inbox, published)
	f.Fuzz(func(t *testing.T, header, sent string) {
		inbox.kept = nil
		r := httptest.NewRequest(http.MethodPost, AdvocatePath, strings.NewReader(sent))
		r.Header.Set(jwsHeader, header)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		alike := sent == body && decoded(header) == decoded(genuine)
		if believed := w.Code != http.StatusUnauthorized; believed && !alike || header == genuine && sent == body && !believed {
			t.Errorf("status %d for %q", w.Code, header)
		}
		if len(inbox.kept) > 0 && !alike {
			t.Errorf("kept %+v", inbox.kept)
		}
	})
}

// FuzzJournalRows has a file of the journal hold anything: all that is kept names
// records as the database can hold them, at a moment, and a row that is no event keeps
// none of the others from being taken.
func FuzzJournalRows(f *testing.F) {
	const row = `{"portalId":4711001,"occurredAt":"2026-11-18T10:10:00.123Z","action":"CREATE","objectTypeId":"0-1","objectId":501}`
	for _, seed := range []string{
		row, `{"portalId":"4711001","occurredAt":1794999000123,"action":"update","objectTypeId":"0-1","objectId":"501","propertyChanges":["email"]}`,
		`{"portalId":4711001,"occurredAt":"2026-11-18","action":"UPDATE","objectTypeId":"0-3","objectId":9,"propertyChanges":{"dealstage":{}}}`,
		`{"portalId":4711001,"occurredAt":9e18,"action":"GDPR_DELETE","objectTypeId":"0-1","objectId":1}`, `{"action":{}}`, `null`, `[]`, `7`, `"x"`, ``, `{`,
		`{"portalId":4711001,"occurredAt":"2026-11-18T10:10:00Z","action":"UPDATE","objectTypeId":"0-1","objectId":501,"propertyChanges":{"advocate_user_id":null,"a\u0000":1}}`,
		`{"portalId":4711001,"occurredAt":"0001-01-01T00:00:00Z","action":"DELETE","objectTypeId":"0-1","objectId":99999999999999999999}`,
	} {
		f.Add(seed)
	}
	inbox := &memoryInbox{}
	j := NewJournal(JournalConfig{
		Inbox: journalInbox{memoryInbox: inbox}, Triggers: watching{{Object: bridge.ObjectDeal, Property: "dealstage"}}, Wake: func() {}, WakeObjects: func() {},
		Metrics: prometheus.NewRegistry(), Now: func() time.Time { return receipt },
	})
	f.Fuzz(func(t *testing.T, raw string) {
		inbox.events, inbox.objects, inbox.keys = nil, nil, nil
		if err := j.Take(t.Context(), []json.RawMessage{json.RawMessage(raw), json.RawMessage(row)}); err != nil {
			t.Fatal(err)
		}
		other := false
		for _, e := range inbox.events {
			other = other || e.ContactID == "501"
			if n, err := strconv.ParseInt(e.ContactID, 10, 64); err != nil || n < 1 || e.Kind == "" || e.DedupeKey == "" || e.OccurredAt.Year() < 2000 || e.OccurredAt.After(receipt.Add(maxFuture)) {
				t.Errorf("kept %+v", e)
			}
		}
		if !other {
			t.Errorf("%q hides the row behind it", raw)
		}
		for _, e := range inbox.objects {
			if n, err := strconv.ParseInt(e.ObjectID, 10, 64); err != nil || n < 1 || strings.ContainsRune(e.Property, 0) || e.OccurredAt.Year() < 2000 {
				t.Errorf("kept %+v", e)
			}
		}
	})
}
