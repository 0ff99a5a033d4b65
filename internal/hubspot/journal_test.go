package hubspot_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/outbound"
)

// journalAt is a client of a HubSpot whose journal has one file at an address, which
// handler serves.
func journalAt(t *testing.T, address func(server string) string, handler http.HandlerFunc) (*hubspot.Journal, hubspot.JournalFile) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("POST /oauth/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"access_token":"a","expires_in":1800}`)
	})
	mux.HandleFunc("GET /webhooks-journal/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"results":[{"currentOffset":"o1","url":%q}]}`, address(server.URL))
	})
	mux.HandleFunc("GET /file", handler)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	j := hubspot.NewJournal(base, hubspot.App{ClientID: "id", ClientSecret: "secret"}, server.Client(), outbound.Public(server.Client().Transport.(*http.Transport), "127.0.0.1"))
	files, err := j.Next(t.Context(), "", 100)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	return j, files[0]
}

// Events are handed on while the file is still arriving: it is never held whole.
func TestJournal_readsFilesAsTheyArrive(t *testing.T) {
	t.Parallel()
	taken := make(chan struct{})
	j, file := journalAt(t, func(server string) string { return server + "/file?signature=x" }, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"publishedAt":"2026-11-02T09:00:00Z","unknown":[{}],"journalEvents":[{"n":1},`)
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		select {
		case <-taken:
			fmt.Fprint(w, `null,{"n":2}],"offset":"o1"}`)
		case <-r.Context().Done():
		}
	})
	var got []string
	at, err := j.ReadFile(t.Context(), file, func(event json.RawMessage) error {
		if got = append(got, string(event)); len(got) == 1 {
			close(taken)
		}
		return nil
	})
	if err != nil || fmt.Sprint(got) != `[{"n":1} null {"n":2}]` || !at.Equal(time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("%v at %s, %v", got, at, err)
	}
}

// Whoever answers in HubSpot's place has us read nothing that only this machine reaches,
// neither at once nor by sending us on.
func TestJournal_fetchesNothingInside(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		host, on string // where the file is said to be; where that sends us on, if it is reached
		code     string
	}{
		"this machine's name":       {"localhost", "", outbound.CodePrivateAddress},
		"an address of IPv6":        {"[::1]", "", outbound.CodePrivateAddress},
		"IPv4 as IPv6":              {"[::ffff:127.0.0.1]", "", outbound.CodePrivateAddress},
		"a cloud's metadata":        {"169.254.169.254", "", outbound.CodePrivateAddress},
		"a private network":         {"192.168.0.10", "", outbound.CodePrivateAddress},
		"sent on to another host":   {"127.0.0.1", "localhost", "STORAGE"},
		"sent on to cloud metadata": {"127.0.0.1", "169.254.169.254", "STORAGE"},
		"sent on, IPv4 as IPv6":     {"127.0.0.1", "[::ffff:127.0.0.1]", "STORAGE"},
		"a host that is named":      {"127.0.0.1", "", ""}, // and has no such file
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := func(server, host string) string { return strings.Replace(server, "127.0.0.1", host, 1) + "/file" }
			var server string
			reached := 0
			j, file := journalAt(t, func(url string) string { server = url; return at(url, tt.host) }, func(w http.ResponseWriter, r *http.Request) {
				if reached++; tt.on != "" {
					http.Redirect(w, r, at(server, tt.on), http.StatusFound)
				}
			})
			_, err := j.ReadFile(t.Context(), file, func(json.RawMessage) error { return nil })
			refused, own := errors.AsType[*bridge.Error](err)
			if !own || refused.Code != tt.code || reached > 1 || (reached == 1) != (tt.host == "127.0.0.1") {
				t.Errorf("after %d requests: %v", reached, err)
			}
		})
	}
}

// journalSays is a HubSpot that hands out tokens, and answers everything else in one way.
func journalSays(t *testing.T, status int, body string) *hubspot.Journal {
	t.Helper()
	return journalOf(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
}

// journalOf is a HubSpot that hands out tokens, and leaves everything else to a handler.
func journalOf(t *testing.T, answer http.HandlerFunc) *hubspot.Journal {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("POST /oauth/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"access_token":"a","expires_in":1800}`)
	})
	mux.HandleFunc("/webhooks-journal/", answer)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return hubspot.NewJournal(base, hubspot.App{ClientID: "id", ClientSecret: "secret"}, server.Client(), outbound.Public(server.Client().Transport.(*http.Transport), "127.0.0.1"))
}

// Subscriptions are a list as any other: what leads in a circle, or never ends, is an
// error.
func TestSubscriptions_endsAListThatHasNoEnd(t *testing.T) {
	t.Parallel()
	for name, tt := range lists {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			_, err := journalOf(t, func(w http.ResponseWriter, r *http.Request) {
				calls++
				if next := tt.next(r.URL.Query().Get("after")); next != "" {
					fmt.Fprintf(w, `{"results":[],"paging":{"next":{"after":%q}}}`, next)
					return
				}
				fmt.Fprint(w, `{"results":[]}`)
			}).Subscriptions(t.Context())
			if calls != tt.pages || bridge.KindOf(err) != tt.want {
				t.Errorf("%d calls, error %v, want %d and %q", calls, err, tt.pages, tt.want)
			}
		})
	}
}

// Only an empty list, or an answer without content, says that nothing is new.
func TestJournalNext_anAnswerWithoutAListIsNoEmptyList(t *testing.T) {
	t.Parallel()
	const gone = `{"status":"error","category":"OBJECT_NOT_FOUND","message":"resource not found"}`
	tests := map[string]struct {
		status int
		body   string
		offset string
		want   bridge.Kind
	}{
		"an empty list":                 {200, `{"results":[]}`, "o1", ""},
		"no content":                    {204, ``, "o1", ""},
		"no content at the beginning":   {204, ``, "", ""},
		"no list":                       {200, `{}`, "o1", bridge.Unavailable},
		"no list, but a status":         {200, `{"status":"COMPLETE"}`, "o1", bridge.Unavailable},
		"a list of null":                {200, `{"results":null}`, "o1", bridge.Unavailable},
		"a list that is none":           {200, `{"results":{}}`, "o1", bridge.Unavailable},
		"null":                          {200, `null`, "o1", bridge.Unavailable},
		"a bare list":                   {200, `[]`, "o1", bridge.Unavailable},
		"nothing":                       {200, ``, "o1", bridge.Unavailable},
		"a file without an offset":      {200, `{"results":[{"url":"https://x"}]}`, "o1", bridge.Unavailable},
		"the file that was read":        {200, `{"results":[{"currentOffset":"o1","url":"https://x"}]}`, "o1", bridge.Unavailable},
		"no such offset":                {404, gone, "o1", bridge.NotFound},
		"no such call":                  {404, gone, "", bridge.Misdirected},
		"somebody else's not found":     {404, `<html>`, "o1", bridge.Unavailable},
		"somebody else's, as JSON":      {404, `{"detail":"no"}`, "o1", bridge.Misdirected},
		"a version that is gone for it": {410, `{"status":"error","message":"gone"}`, "", bridge.Misdirected},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, err := journalSays(t, tt.status, tt.body).Next(t.Context(), tt.offset, 100)
			if bridge.KindOf(err) != tt.want || (err == nil) != (tt.want == "") || len(files) != 0 {
				t.Errorf("%v, %v; want %q", files, err, tt.want)
			}
		})
	}
}

// A file that lacks its list, or is more or less than one file, is none: an empty one
// would move the offset.
func TestReadFile_onlyAWholeFileIsOne(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		file   string
		events int
		want   bridge.Kind
	}{
		"an empty file":               {`{"journalEvents":[],"publishedAt":"2026-11-02T09:00:00Z"}`, 0, ""},
		"white space around it":       {" {\"journalEvents\":[{}]}\n\n", 1, ""},
		"fields that nobody knows":    {`{"x":{"journalEvents":[{}]},"journalEvents":[{}],"y":[1,[2]]}`, 1, ""},
		"no list":                     {`{"publishedAt":"2026-11-02T09:00:00Z"}`, 0, bridge.Invalid},
		"no fields":                   {`{}`, 0, bridge.Invalid},
		"null for the list":           {`{"journalEvents":null}`, 0, bridge.Invalid},
		"an object for the list":      {`{"journalEvents":{}}`, 0, bridge.Invalid},
		"text for the list":           {`{"journalEvents":"[]"}`, 0, bridge.Invalid},
		"a list of another name":      {`{"events":[{}]}`, 0, bridge.Invalid},
		"the list alone":              {`[{}]`, 0, bridge.Invalid},
		"an error of storage":         {`<Error><Code>NoSuchKey</Code></Error>`, 0, bridge.Invalid},
		"two files in one":            {`{"journalEvents":[{}]}{"journalEvents":[{}]}`, 1, bridge.Invalid},
		"something behind it":         {`{"journalEvents":[{}]}]`, 1, bridge.Invalid},
		"nothing":                     {``, 0, bridge.Unavailable},
		"half an event":               {`{"journalEvents":[{},{"a"`, 1, bridge.Unavailable},
		"the end of the list missing": {`{"journalEvents":[{},{}`, 2, bridge.Unavailable},
		"the last brace missing":      {`{"journalEvents":[{}]`, 1, bridge.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, file := journalAt(t, func(server string) string { return server + "/file" }, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, tt.file) })
			events := 0
			_, err := j.ReadFile(t.Context(), file, func(json.RawMessage) error { events++; return nil })
			if bridge.KindOf(err) != tt.want || (err == nil) != (tt.want == "") || events != tt.events {
				t.Errorf("%d events, %v; want %d, %q", events, err, tt.events, tt.want)
			}
		})
	}
}

// Where the API is reached over TLS its files are, too.
func TestJournal_fetchesNoFileInTheClear(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{
		"over http": "http://storage.invalid/file", "of another scheme": "ftp://storage.invalid/file", "without a host": "https:///file", "none": "", "no address": "https://%zz",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, file := journalAt(t, func(string) string { return address }, func(http.ResponseWriter, *http.Request) {})
			_, err := j.ReadFile(t.Context(), file, func(json.RawMessage) error { return nil })
			if bridge.KindOf(err) != bridge.Unavailable {
				t.Errorf("error %v", err)
			}
		})
	}
}
