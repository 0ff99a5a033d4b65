package hubspot_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

// FuzzTokens has the token endpoint say anything: a pair is whole and lives for a while,
// or the error has a kind. Only HubSpot's own refusal, in OAuth's words, ends a consent.
func FuzzTokens(f *testing.F) {
	for _, body := range []string{
		`{"access_token":"a","refresh_token":"r","expires_in":1800}`, `{"access_token":"a","refresh_token":"r","expires_in":"1e999"}`,
		`{"access_token":"a","expires_in":-1}`, `{"access_token":"a\u0000","refresh_token":"r"}`, `{"access_token":["a"],"refresh_token":{}}`,
		`{"error":"invalid_grant","error_description":"ann@shop.example"}`, `{"error":"invalid_client"}`, `{"error":{"code":"invalid_grant"}}`,
		`{"status":"BAD_REFRESH_TOKEN","message":"m"}`, `<html>`, `null`, `[]`, ``,
	} {
		for _, status := range []int{200, 400, 401, 500} {
			f.Add(status, body)
		}
	}
	answer := &says{}
	app := hubspot.NewOAuth(&url.URL{Scheme: "http", Host: "hubspot.invalid"}, hubspot.App{ClientID: "c"}, &http.Client{Transport: answer})
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			t.Skip("net/http sends no such status")
		}
		*answer = says{status, body}
		refreshed, errRefresh := app.Refresh(t.Context(), "before")
		exchanged, errExchange := app.Exchange(t.Context(), "code", "verifier")
		wantKinds(t, errRefresh, errExchange)
		for tokens, err := range map[bridge.Tokens]error{refreshed: errRefresh, exchanged: errExchange} {
			if err == nil && (tokens.Access == "" || strings.ContainsRune(tokens.Access+tokens.Refresh, 0) || tokens.ExpiresIn <= 0 || tokens.ExpiresIn > 24*time.Hour) {
				t.Errorf("tokens %+v", tokens)
			}
		}
		if errRefresh == nil && refreshed.Refresh == "" {
			t.Error("a pair without a refresh token: the consent is lost")
		}
		said := json.Valid([]byte(strings.TrimPrefix(body, "\ufeff"))) && strings.Contains(body, "rant")
		if hubspot.GrantEnded(errRefresh) && (status/100 != 4 || !said) {
			t.Errorf("a consent ends for %d %q", status, body)
		}
	})
}

// storage hands out one file of the journal, and says anything else as it is told.
type storage struct {
	next says // instead of the list of files, if it has a status
	file string
}

func (s *storage) RoundTrip(r *http.Request) (*http.Response, error) {
	said := says{http.StatusOK, s.file}
	switch {
	case strings.HasPrefix(r.URL.Path, "/oauth/"):
		said.body = `{"access_token":"a","expires_in":1800}`
	case strings.HasPrefix(r.URL.Path, "/webhooks-journal/") && s.next.status != 0:
		said = s.next
	case strings.HasPrefix(r.URL.Path, "/webhooks-journal/"):
		said.body = `{"results":[{"currentOffset":"o1","url":"http://storage.invalid/file"}]}`
	}
	return &http.Response{StatusCode: said.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(said.body)), Request: r}, nil
}

// FuzzJournalFile has storage hand out anything: it is one whole file, or an error. What
// counts as read moves the offset for good.
func FuzzJournalFile(f *testing.F) {
	for _, file := range []string{
		`{"offset":"o1","journalEvents":[{"n":1},null,[],"x",7],"publishedAt":"2026-11-02T09:00:00Z"}`, `{"journalEvents":[]}`, `{"journalEvents":null}`,
		`{}`, `[]`, `null`, ``, `{"journalEvents":[{}]}{"journalEvents":[{}]}`, `{"journalEvents":[{"a"`, `{"journalEvents":[1],"journalEvents":[2]}`,
		`{"publishedAt":{},"journalEvents":[` + strings.Repeat("[", 2000), "\ufeff{\"journalEvents\":[]}", "<Error><Code>NoSuchKey</Code></Error>", `{"x":1e999,"journalEvents":[{"\ud800":1}]}`,
	} {
		f.Add(file)
	}
	from := &storage{}
	j := hubspot.NewJournal(&url.URL{Scheme: "http", Host: "hubspot.invalid"}, hubspot.App{ClientID: "c"}, &http.Client{Transport: from}, from)
	files, err := j.Next(f.Context(), "", 1)
	if err != nil || len(files) != 1 {
		f.Fatalf("%v, %v", files, err)
	}
	f.Fuzz(func(t *testing.T, file string) {
		from.file = file
		taken := 0
		_, err := j.ReadFile(t.Context(), files[0], func(event json.RawMessage) error {
			if taken++; !json.Valid(event) {
				t.Errorf("took %q", event)
			}
			return nil
		})
		var whole struct {
			Events []json.RawMessage `json:"journalEvents"`
		}
		switch kind := bridge.KindOf(err); {
		case err == nil && json.Unmarshal([]byte(file), &whole) != nil:
			t.Errorf("%q counts as read", file)
		case err == nil && taken < len(whole.Events):
			t.Errorf("%d events of %q count as read, %d are in it", taken, file, len(whole.Events))
		case err != nil && kind != bridge.Invalid && kind != bridge.Unavailable:
			t.Errorf("error %v", err)
		}
	})
}

// FuzzJournalNext has the journal name anything as its files: each leads on, or the
// answer is an error.
func FuzzJournalNext(f *testing.F) {
	for _, body := range []string{
		`{"results":[{"currentOffset":"o2","url":"https://x.invalid/f"}]}`, `{"results":[{"currentOffset":"o1"}]}`, `{"results":[{}]}`, `{"results":[null]}`,
		`{"results":null}`, `{}`, `[]`, `null`, ``, `{"results":[{"currentOffset":7,"url":{}}]}`, `{"results":[{"currentOffset":"a\u0000"}]}`,
	} {
		for _, status := range []int{200, 204, 404, 500} {
			f.Add(status, body)
		}
	}
	from := &storage{}
	j := hubspot.NewJournal(&url.URL{Scheme: "http", Host: "hubspot.invalid"}, hubspot.App{ClientID: "c"}, &http.Client{Transport: from}, from)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			t.Skip("net/http sends no such status")
		}
		from.next = says{status, body}
		files, err := j.Next(t.Context(), "o1", 100)
		wantKinds(t, err)
		for _, file := range files {
			if file.Offset == "" || file.Offset == "o1" || strings.ContainsRune(file.Offset, 0) {
				t.Errorf("the offset moves to %q", file.Offset)
			}
		}
		if list := status == http.StatusNoContent || strings.Contains(body, "["); err == nil && !list {
			t.Errorf("%d %q says that nothing is new", status, body)
		}
	})
}
