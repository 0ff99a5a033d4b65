package hubspot_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

// canned is a client of a server that gives every call the same answer.
func canned(t *testing.T, status int, body string) *hubspot.Client {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		if _, err := w.Write([]byte(body)); err != nil && status != http.StatusNotModified {
			t.Error(err)
		}
	}))
	t.Cleanup(srv.Close)
	base, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return hubspot.New(base, func(context.Context) (string, error) { return "t", nil }, srv.Client())
}

// Answers that differ from what the stand-in gives, but that HubSpot may give:
// endpoints and versions do not agree about echoing trace ids.
func TestBatchUpdateContacts_findsOutcomesWithoutTraceIDs(t *testing.T) {
	t.Parallel()
	in := []hubspot.ContactInput{{TraceID: "a", ID: "11"}, {TraceID: "b", ID: "12"}}
	const good = `{"id":"11","properties":{},"createdAt":"2026-11-02T09:00:00Z","updatedAt":"2026-11-02T09:00:00.120Z"}`
	tests := map[string]struct {
		body string
		b    bridge.Kind // of the second input; the first is fine
		ok   bool        // the second is fine too
	}{
		"both found by id":         {`{"results":[{"id":"12","properties":{}},` + good + `]}`, "", true},
		"an error that names ids":  {`{"results":[` + good + `],"errors":[{"category":"OBJECT_NOT_FOUND","context":{"ids":["12"]}}]}`, bridge.NotFound, false},
		"an error that names id":   {`{"results":[` + good + `],"errors":[{"category":"CONFLICT","context":{"id":["12"]}}]}`, bridge.Conflict, false},
		"an error about the limit": {`{"results":[` + good + `],"errors":[{"category":"RATE_LIMITS","context":{"objectWriteTraceId":["b"]}}]}`, bridge.Throttled, false},
		"nothing about the second": {`{"results":[` + good + `]}`, bridge.Unknown, false},
		"an error about nobody":    {`{"results":[` + good + `],"errors":[{"category":"INTERNAL_ERROR"}]}`, bridge.Unknown, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := canned(t, http.StatusMultiStatus, tt.body).BatchUpdateContacts(t.Context(), in)
			if err != nil || len(got) != 2 || got[0].Err != nil || got[0].Contact.ID != "11" || got[0].TraceID != "a" {
				t.Fatalf("got %v, %v", got, err)
			}
			if (got[1].Err == nil) != tt.ok || (got[1].Contact != nil) != tt.ok || bridge.KindOf(got[1].Err) != tt.b {
				t.Errorf("second input: %+v", got[1])
			}
			var e *bridge.Error
			if tt.b == bridge.Throttled && (!errors.As(got[1].Err, &e) || e.RetryAfter == 0) {
				t.Errorf("no delay in %v", got[1].Err)
			}
		})
	}
}

func TestBatchCreateContacts_findsOutcomesByEmail(t *testing.T) {
	t.Parallel()
	got, err := canned(t, http.StatusCreated, `{"results":[{"id":"12","properties":{"email":"b@x.test"}},{"id":"11","properties":{"email":"a@x.test"}}]}`).
		BatchCreateContacts(t.Context(), []hubspot.ContactInput{
			{Properties: map[string]string{"email": "A@x.test"}}, {Properties: map[string]string{"email": "b@x.test"}}})
	if err != nil || got[0].Contact.ID != "11" || got[1].Contact.ID != "12" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestBatchRead_anUnclearAnswerIsNotMissing(t *testing.T) {
	t.Parallel()
	c := canned(t, http.StatusMultiStatus, `{"results":[],"errors":[{"category":"INTERNAL_ERROR","context":{"ids":["11"]}}]}`)
	if _, missing, err := c.BatchReadContacts(t.Context(), []string{"11"}, nil); err == nil {
		t.Errorf("missing %v without an error", missing)
	}
	if found, err := c.ReadProperties(t.Context(), []string{"code"}); err == nil {
		t.Errorf("found %v without an error", found)
	}
}
