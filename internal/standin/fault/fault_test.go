package fault_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"advocatesync/internal/standin/fault"
)

const vendorSays = `{"results":[{"id":"1","n":508000000000000001,"p":{"email":"a"}},{"id":"2","p":{"email":"b"}}],"paging":{"next":{"after":"3"}}}`

// serve starts a vendor whose answers the fault spoils.
func serve(t *testing.T, a fault.Answer) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.Serve(w, r, func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, vendorSays)
		})
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// said is an answer as it arrived.
type said struct {
	status int
	header http.Header
	body   string
	err    error // how it ended
}

func get(t *testing.T, url string) said {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return said{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return said{res.StatusCode, res.Header, string(body), err}
}

func TestAnswer_changesWhatIsSaid(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer      fault.Answer
		contentType string
		want        string
	}{
		"nothing":              {fault.Answer{}, "application/json", vendorSays},
		"a body of another":    {fault.Answer{Body: "oops", ContentType: "text/plain"}, "text/plain", "oops"},
		"spaces first":         {fault.Answer{Pad: 100_000}, "application/json", strings.Repeat(" ", 100_000) + vendorSays},
		"a slow answer":        {fault.Answer{Slow: 1}, "application/json", vendorSays},
		"a cut beyond the end": {fault.Answer{CutAfter: 10_000}, "application/json", vendorSays},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := get(t, serve(t, tt.answer))
			if got.err != nil || got.status != http.StatusAccepted || got.body != tt.want || got.header.Get("Content-Type") != tt.contentType {
				t.Errorf("%v %d %v %.200q", got.err, got.status, got.header, got.body)
			}
		})
	}
}

func TestAnswer_page(t *testing.T) {
	t.Parallel()
	got := get(t, serve(t, fault.Answer{Page: true, Location: "https://elsewhere.example/"}))
	if got.err != nil || !strings.HasPrefix(got.body, "<!DOCTYPE html>") || !strings.Contains(got.header.Get("Content-Type"), "html") ||
		got.header.Get("Location") != "https://elsewhere.example/" {
		t.Errorf("%+v", got)
	}
}

func TestAnswer_breaksOff(t *testing.T) {
	t.Parallel()
	if got := get(t, serve(t, fault.Answer{CutAfter: 12})); !errors.Is(got.err, io.ErrUnexpectedEOF) || got.body != vendorSays[:12] {
		t.Errorf("%+v", got)
	}
}

func TestAnswer_hangs(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer fault.Answer
		begins bool
	}{
		"before the status":   {fault.Answer{Hang: true}, false},
		"in the middle":       {fault.Answer{Hang: true, CutAfter: 12}, true},
		"after the last byte": {fault.Answer{Hang: true, CutAfter: 10_000, Pad: 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, serve(t, tt.answer), http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if !tt.begins {
				hangUp() // nothing else would end it
			}
			res, err := http.DefaultTransport.RoundTrip(req)
			if !tt.begins {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("an answer that must not begin: %v %v", res, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			if _, err := io.ReadFull(res.Body, make([]byte, 12)); err != nil {
				t.Fatal(err)
			}
			hangUp()
			if _, err := io.ReadAll(res.Body); !errors.Is(err, context.Canceled) {
				t.Errorf("the answer ended by itself: %v", err)
			}
		})
	}
}

func TestAnswer_alters(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit fault.Edit
		want string
	}{
		"a cursor that repeats":         {fault.Set("paging.next.after", "1"), `"paging":{"next":{"after":"1"}}`},
		"a value where there was none":  {fault.Set("paging.prev.before", 7), `"prev":{"before":7}`},
		"an odd type in every record":   {fault.Set("results.*.p.email", []int{1}), `"p":{"email":[1]}},{"id":"2","p":{"email":[1]}}`},
		"an odd type in one record":     {fault.Set("results.id=2.p", 5), `"p":{"email":"a"}},{"id":"2","p":5}`},
		"null for the first":            {fault.Set("results.0.p.email", nil), `"p":{"email":null}},{"id":"2","p":{"email":"b"}}`},
		"a field less":                  {fault.Remove("results.*.p.email"), `"p":{}},{"id":"2","p":{}}`},
		"a record less":                 {fault.Remove("results.id=1"), `"results":[{"id":"2","p":{"email":"b"}}]`},
		"a list that is an object":      {fault.Set("results", map[string]int{}), `"results":{}`},
		"numbers keep all their digits": {fault.Set("x", 1), `"n":508000000000000001`},
		"a path that leads nowhere":     {fault.Remove("results.id=9.p.q"), `"id":"2"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := get(t, serve(t, fault.Answer{Alter: []fault.Edit{tt.edit}}))
			if got.err != nil || !json.Valid([]byte(got.body)) || !strings.Contains(got.body, tt.want) {
				t.Errorf("%v %s", got.err, got.body)
			}
		})
	}
}

func TestAnswer_altersJSONOnly(t *testing.T) {
	t.Parallel()
	if got := get(t, serve(t, fault.Answer{Body: "<html>", Alter: []fault.Edit{fault.Set("a", 1)}})); got.err != nil || got.body != "<html>" {
		t.Errorf("%+v", got)
	}
}

func TestAnswer_readsFromJSON(t *testing.T) {
	t.Parallel()
	var got fault.Answer
	in := `{"slow":"1m","alter":[{"path":"a","value":null},{"path":"b"}]}`
	if err := json.Unmarshal([]byte(in), &got); err != nil {
		t.Fatal(err)
	}
	if got.Slow.String() != "1m0s" || string(got.Alter[0].Value) != "null" || got.Alter[1].Value != nil {
		t.Errorf("%+v", got)
	}
}
