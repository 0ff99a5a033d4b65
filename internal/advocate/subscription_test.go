package advocate_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"advocatesync/internal/advocate"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
)

type subscription struct {
	EndpointURL  string   `json:"endpointUrl"`
	WebhookTypes []string `json:"webhookTypes"`
}

// subscriptions reads what the stand-in's tenant has.
func subscriptions(t *testing.T, s *advocatetest.Server) (all []subscription) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v1/"+advocatetest.DefaultAlias+"/subscription", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("", advocatetest.DefaultKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSubscribe_asksForWhatIsWantedOnceAndCanBeEnded(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := client(t, s)
	const endpoint = "https://sync.example.test/webhooks/advocate?a=b/c"
	for range 2 {
		if err := c.Subscribe(t.Context(), endpoint, "ours"); err != nil {
			t.Fatal(err)
		}
	}
	got := subscriptions(t, s)
	if len(got) != 1 || got[0].EndpointURL != endpoint {
		t.Fatalf("subscriptions: %+v", got)
	}
	if want := advocate.WebhookTypes(); !slices.Equal(slices.Sorted(slices.Values(got[0].WebhookTypes)), slices.Sorted(slices.Values(want))) {
		t.Errorf("it sends %v, want %v", got[0].WebhookTypes, want)
	}
	if err := c.Unsubscribe(t.Context(), endpoint); err != nil {
		t.Fatal(err)
	}
	if err := c.Unsubscribe(t.Context(), endpoint); bridge.KindOf(err) != bridge.NotFound {
		t.Errorf("ending what is not there: %v", err)
	}
	if got := subscriptions(t, s); len(got) != 0 {
		t.Errorf("left: %+v", got)
	}
}
