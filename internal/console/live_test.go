package console_test

import (
	"bufio"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"advocatesync/internal/bridge"
)

// event is one server-sent event.
type event struct{ name, data string }

// events reads a live stream, one event at a time; ok is false at its end.
func (b *browser) events(t *testing.T, path string) (next func() (e event, ok bool)) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.site.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d, %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(resp.Body)
	return func() (e event, ok bool) {
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "event":
				e.name = value
			case "data":
				e.data += value + "\n"
			case "":
				return e, true
			}
		}
		return e, false
	}
}

// The region comes at once, again when it changes, and the stream ends with the run.
func TestLive_followsARunToItsEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RoleOperator)
	page := b.post(t, s.path("/mass-syncs"), url.Values{"dry_run": {"1"}}).header.Get("Location")
	next := b.events(t, page+"/live")
	if e, ok := next(); !ok || e.name != "region" || !strings.Contains(e.data, "Reads and plans") || strings.Contains(e.data, "<html") {
		t.Fatalf("first comes %v", e)
	}
	s.Exec(t, "UPDATE sync_run SET state = 'cancelled', finished_at = now()")
	if e, ok := next(); !ok || e.name != "region" || !strings.Contains(e.data, "Stopped") {
		t.Fatalf("then comes %v", e)
	}
	if e, ok := next(); !ok || e.name != "end" {
		t.Fatalf("at last comes %v", e)
	}
	if e, ok := next(); ok {
		t.Fatalf("after the end comes %v", e)
	}
}

// Whoever's token is revoked sees no more, at once.
func TestLive_endsWithTheToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RoleOperator)
	page := b.post(t, s.path("/mass-syncs"), url.Values{"dry_run": {"1"}}).header.Get("Location")
	next := b.events(t, page+"/live")
	next()
	s.Exec(t, "UPDATE api_token SET revoked_at = now()")
	if e, ok := next(); ok {
		t.Errorf("after the token's end comes %v", e)
	}
}

// Whoever has asked for an erasure waits for its receipt on the page that follows it.
func TestLive_followsAnErasureToItsReceipt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.signedIn(t, bridge.RolePrivacy)
	b.submit(t, s.path("/contacts/987654321/erase"), nil).says(t, http.StatusOK, "Under way", "data-live")
	next := b.events(t, "/erasures/1/live")
	if e, ok := next(); !ok || e.name != "region" || !strings.Contains(e.data, "not yet") || strings.Contains(e.data, "receipt") {
		t.Fatalf("first comes %v", e)
	}
	s.Exec(t, "UPDATE erasure SET verified_at = now(), deleted_at = now(), checked_at = now(), forgotten_at = now(), hubspot_answer = 'not_found', advocate_answer = 'do_not_track'")
	if e, ok := next(); !ok || e.name != "region" || !strings.Contains(e.data, "Save the signed receipt") {
		t.Fatalf("then comes %v", e)
	}
	if e, ok := next(); !ok || e.name != "end" {
		t.Fatalf("at last comes %v", e)
	}
}
