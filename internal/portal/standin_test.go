package portal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
)

// inProcess calls a handler without a network, so that a bubble's clock can
// move on while HubSpot thinks.
type inProcess struct{ http.Handler }

func (h inProcess) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("connection reset")
		}
	}()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// withStandin runs f against a Portal over the real client and the stand-in.
func withStandin(t *testing.T, w *window, f func(t *testing.T, p *Portal, crm *hubspottest.Portal)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		host := hubspottest.NewHost()
		defer host.Close()
		for _, def := range bridge.OwnedProperties() {
			if err := host.DefaultPortal().DefineProperty("contacts", hubspottest.Property{Name: def.Name, Label: def.Label,
				GroupName: "contactinformation", Type: "string", FieldType: "text"}); err != nil {
				t.Fatal(err)
			}
		}
		token := func(context.Context) (string, error) { return hubspottest.DefaultToken, nil }
		base := &url.URL{Scheme: "https", Host: "hubspot.test"}
		client := hubspot.New(base, token, &http.Client{Transport: inProcess{host}})
		p := New(hubspottest.DefaultPortalID, client, w)
		f(t, p, host.DefaultPortal())
		p.Close()
		if calls := host.Counts().Total; w.tokens != calls {
			t.Errorf("%d tokens for %d calls", w.tokens, calls)
		}
	})
}

func seed(t *testing.T, crm *hubspottest.Portal, id string) {
	t.Helper()
	if _, err := crm.Seed("contacts", id, map[string]string{"email": id + "@example.test"}); err != nil {
		t.Fatal(err)
	}
}

func TestStandin_eachCreationGetsItsOwnAnswer(t *testing.T) {
	withStandin(t, &window{limit: 110}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
		seed(t, crm, "508000000999")
		write := func(key, email string) Write {
			return Write{Key: key, Properties: bridge.Properties{bridge.PropEmail: email}}
		}
		results, err := p.CreateContacts(t.Context(), bridge.LaneBulk, []Write{
			write("new", "ann@example.test"), write("taken", "508000000999@example.test"),
			write("malformed", "not an email"), write("double", "ANN@example.test"), write("other", "bob@example.test"),
		})
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[string]bridge.Kind{}
		for key, result := range results {
			kinds[key] = bridge.KindOf(result.Err)
		}
		want := map[string]bridge.Kind{"new": "", "other": "", "taken": bridge.Conflict, "double": bridge.Conflict, "malformed": bridge.Invalid}
		if diff := cmp.Diff(want, kinds); diff != "" {
			t.Errorf("kinds (-want +got):\n%s", diff)
		}
		if results["taken"].ContactID != "508000000999" || results["double"].ContactID != results["new"].ContactID {
			t.Errorf("conflicts do not name the holder: %+v", results)
		}
	})
}

func TestStandin_contactIsFoundByItsAdditionalEmail(t *testing.T) {
	withStandin(t, &window{limit: 110}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
		seed(t, crm, "1")
		if err := crm.Person(1).AddEmail("1", "second@example.test"); err != nil {
			t.Fatal(err)
		}
		found, err := p.FindContacts(t.Context(), bridge.LaneBulk, []string{"Second@example.test", "1@example.test", "nobody@example.test"})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for email, c := range found {
			got[email] = c.ID
		}
		if diff := cmp.Diff(map[string]string{"second@example.test": "1", "1@example.test": "1"}, got); diff != "" {
			t.Errorf("found (-want +got):\n%s", diff)
		}
	})
}

func TestStandin_mergedAndArchivedContactsAreNotFoundOthersAreServed(t *testing.T) {
	withStandin(t, &window{limit: 110}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
		for _, id := range []string{"1", "2", "3", "4"} {
			seed(t, crm, id)
		}
		if _, err := crm.Person(1).Merge("contacts", "1", "2"); err != nil {
			t.Fatal(err)
		}
		if err := crm.Person(1).Archive("contacts", "3"); err != nil {
			t.Fatal(err)
		}
		together([]string{"1", "2", "3", "4"}, func(id string) {
			want := bridge.NotFound
			if id == "4" {
				want = ""
			}
			if _, err := p.Contact(t.Context(), id); bridge.KindOf(err) != want || (err == nil) != (want == "") {
				t.Errorf("read %s: %v, want kind %q", id, err, want)
			}
			err := p.UpdateContact(t.Context(), id, bridge.Properties{bridge.PropReferralCode: "C"})
			if bridge.KindOf(err) != want || (err == nil) != (want == "") {
				t.Errorf("update %s: %v, want kind %q", id, err, want)
			}
		})
	})
}

func TestStandin_batchRefusedAsAWholeIsTakenApart(t *testing.T) {
	const route = "POST /crm/objects/" + hubspot.Version + "/contacts/batch/update"
	for _, status := range []int{http.StatusBadRequest, http.StatusConflict, http.StatusNotFound} {
		t.Run(fmt.Sprint("status ", status), func(t *testing.T) {
			withStandin(t, &window{limit: 110}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
				var writes []Write
				for _, id := range ids(8) {
					seed(t, crm, id)
					writes = append(writes, Write{Key: id, ContactID: id, Properties: bridge.Properties{bridge.PropReferralCode: "C"}})
				}
				// The batch, its first half, quarter and record: the first is the bad one.
				crm.Host().FailNext(status, status, status, status)
				results, err := p.UpdateContacts(t.Context(), bridge.LaneBulk, writes)
				if err != nil {
					t.Fatal(err)
				}
				for i, w := range writes {
					if refused := results[w.Key].Err != nil; refused != (i == 0) {
						t.Errorf("write %d: %v", i, results[w.Key].Err)
					}
				}
				if calls := crm.Host().Counts().Calls[route]; calls != 7 {
					t.Errorf("%d calls, want the batch and two for each of three halvings", calls)
				}
			})
		})
	}
}

func TestStandin_creationWithoutAnAnswerIsNotRepeatedAndFoundLater(t *testing.T) {
	for name, fault := range map[string]hubspottest.Fault{
		"gateway timeout after the fact": {Status: http.StatusGatewayTimeout, After: true},
		"bad gateway after the fact":     {Status: http.StatusBadGateway, After: true},
		"connection cut after the fact":  {Drop: true, After: true},
	} {
		t.Run(name, func(t *testing.T) {
			withStandin(t, &window{limit: 110}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
				crm.Host().Inject(fault)
				writes := []Write{{Key: "k", Properties: bridge.Properties{bridge.PropEmail: "ann@example.test"}}}
				results, err := p.CreateContacts(t.Context(), bridge.LaneBulk, writes)
				if bridge.KindOf(err) != bridge.Unavailable || len(results) != 0 {
					t.Errorf("%v, %v; want unavailable and no result", results, err)
				}
				if calls := crm.Host().Counts().Total; calls != 1 {
					t.Errorf("%d calls, want one", calls)
				}
				found, err := p.FindContacts(t.Context(), bridge.LaneBulk, []string{"ann@example.test"})
				if err != nil || len(found) != 1 {
					t.Errorf("looking first: %v, %v; want the contact", found, err)
				}
			})
		})
	}
}

func TestStandin_pausedPortalMakesNoCallUntilHubSpotAllowsIt(t *testing.T) {
	w := &window{limit: 110}
	withStandin(t, w, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
		seed(t, crm, "1")
		crm.Host().Inject(hubspottest.Fault{Status: http.StatusTooManyRequests, RetryAfter: 7})
		if _, err := p.Contact(t.Context(), "1"); bridge.KindOf(err) != bridge.Throttled {
			t.Fatalf("%v, want throttled", err)
		}
		began := time.Now()
		if err := p.UpdateContact(t.Context(), "1", bridge.Properties{bridge.PropReferralCode: "C"}); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); waited != 7*time.Second {
			t.Errorf("next call after %v, want the seven seconds HubSpot asked for", waited)
		}
	})
}

func TestStandin_burstNeverOutrunsTheLimit(t *testing.T) {
	withStandin(t, &window{limit: 110}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
		all := ids(1500)
		for _, id := range all {
			seed(t, crm, id)
		}
		arrive(t, p, all, 15*time.Second)
		if refused := crm.Host().Counts().TooMany; refused != 0 {
			t.Errorf("%d calls refused with 429", refused)
		}
		if writes := crm.Writes(); writes.Writes != len(all) || writes.Repeats != 0 {
			t.Errorf("%+v, want every contact written once", writes)
		}
	})
}
