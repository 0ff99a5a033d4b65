package portal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
	spoil "advocatesync/internal/standin/fault"
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

// A record that travels alone has no other one to show that HubSpot is up.
func TestStandin_aRecordThatBreaksHubSpotIsRefusedAlone(t *testing.T) {
	const id, email = "508000000001", "508000000001@example.test"
	value := bridge.Properties{bridge.PropReferralCode: "CODE"}
	calls := map[string]func(context.Context, *Portal) (refused bool, err error){
		"create": func(ctx context.Context, p *Portal) (bool, error) {
			results, err := p.CreateContacts(ctx, bridge.LaneBulk, []Write{{Key: "a", Properties: bridge.Properties{bridge.PropEmail: "new-" + email}}})
			return bridge.KindOf(results["a"].Err) == bridge.Invalid, err
		},
		"update": func(ctx context.Context, p *Portal) (bool, error) {
			results, err := p.UpdateContacts(ctx, bridge.LaneBulk, []Write{{Key: "a", ContactID: id, Properties: value}})
			return bridge.KindOf(results["a"].Err) == bridge.Invalid, err
		},
		"read": func(ctx context.Context, p *Portal) (bool, error) {
			found, err := p.ReadContacts(ctx, bridge.LaneBulk, []string{id})
			return err == nil && len(found) == 0, err
		},
		"find": func(ctx context.Context, p *Portal) (bool, error) {
			found, err := p.FindContacts(ctx, bridge.LaneBulk, []string{email})
			return err == nil && len(found) == 0, err
		},
	}
	for name, try := range calls {
		for _, down := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, HubSpot down: %t", name, down), func(t *testing.T) {
				withStandin(t, &window{limit: 110}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
					seed(t, crm, id)
					poison := hubspottest.Fault{Contains: id, Status: 500, Times: -1}
					if down {
						poison.Contains = ""
					}
					crm.Host().Inject(poison)
					if refused, err := try(WithTries(t.Context(), suspectFrom-1), p); refused || bridge.KindOf(err) != bridge.Unavailable {
						t.Errorf("too early: refused %t, error %v", refused, err)
					}
					refused, err := try(WithTries(t.Context(), suspectFrom), p)
					if refused == down || (err == nil) == down {
						t.Errorf("refused %t, error %v", refused, err)
					}
				})
			})
		}
	}
}

func TestStandin_batchRefusedAsAWholeIsTakenApart(t *testing.T) {
	const route = "POST /crm/objects/" + hubspot.Version + "/contacts/batch/update"
	const halvings = 1 + 2*3 // the batch, and two calls for each of three halvings
	for status, calls := range map[int]int{
		http.StatusBadRequest: halvings, http.StatusConflict: halvings,
		http.StatusNotFound: halvings + 4, // each that is not found is confirmed
	} {
		t.Run(fmt.Sprint("status ", status), func(t *testing.T) {
			withStandin(t, &window{limit: 110}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
				var writes []Write
				for _, id := range ids(8) {
					seed(t, crm, id)
					writes = append(writes, Write{Key: id, ContactID: id, Properties: bridge.Properties{bridge.PropReferralCode: "C"}})
				}
				crm.Host().Inject(hubspottest.Fault{Route: route, Status: status, Times: -1, Contains: `"id":"` + writes[0].ContactID + `"`})
				results, err := p.UpdateContacts(t.Context(), bridge.LaneBulk, writes)
				if err != nil {
					t.Fatal(err)
				}
				for i, w := range writes {
					if refused := results[w.Key].Err != nil; refused != (i == 0) {
						t.Errorf("write %d: %v", i, results[w.Key].Err)
					}
				}
				if made := crm.Host().Counts().Calls[route]; made != calls {
					t.Errorf("%d calls, want %d", made, calls)
				}
			})
		})
	}
}

// What the client adds to a call costs tokens like any other request (withStandin
// compares the two), and counts for whoever made the call.
func TestStandin_everyRequestCostsAToken(t *testing.T) {
	const (
		objects = "/crm/objects/" + hubspot.Version + "/contacts"
		words   = `{"reason":"blocked"}`
	)
	firewall := spoil.Answer{Body: words, ContentType: "application/json"}
	read := func(ctx context.Context, p *Portal) error {
		_, err := p.ReadContacts(ctx, bridge.LaneBulk, []string{"1", "2"})
		return err
	}
	tests := map[string]struct {
		fault hubspottest.Fault
		call  func(context.Context, *Portal) error
		want  bridge.Kind
		calls int
	}{
		"a firewall that refuses a batch for one record": {
			hubspottest.Fault{Route: "POST " + objects + "/batch/read", Status: 406, Contains: `"id":"1"`, Answer: firewall}, read, bridge.Unavailable, 2,
		},
		"a firewall that refuses every batch": {
			hubspottest.Fault{Route: "POST " + objects + "/batch/read", Status: 451, Answer: firewall}, read, bridge.Misdirected, 2,
		},
		"a version that HubSpot has ended": {hubspottest.Fault{Route: "POST " + objects + "/batch/read", Status: 404}, read, bridge.Misdirected, 2},
		"a firewall that refuses one contact": {
			hubspottest.Fault{Status: 418, Contains: "/contacts/1?", Answer: firewall},
			func(ctx context.Context, p *Portal) error {
				_, err := p.Survivor(ctx, bridge.LaneBulk, "1")
				return err
			}, bridge.Unavailable, 2,
		},
		"a property that a firewall dislikes": {
			hubspottest.Fault{Route: "POST /crm/properties/" + hubspot.Version + "/contacts/batch/read", Status: 406, Contains: "odd", Answer: firewall},
			func(ctx context.Context, p *Portal) error {
				_, err := p.ActiveProperties(ctx, []string{"odd"})
				return err
			}, bridge.Unavailable, 2,
		},
		"a redirect within HubSpot, again and again": {
			hubspottest.Fault{Route: "POST " + objects + "/batch/read", Status: 307, Answer: spoil.Answer{Location: objects + "/batch/read"}}, read, bridge.Misdirected, 4,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			withStandin(t, &window{limit: 110}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
				seed(t, crm, "1")
				seed(t, crm, "2")
				tt.fault.Times = -1
				crm.Host().Inject(tt.fault)
				var counted Tally
				if err := tt.call(WithTally(t.Context(), &counted), p); bridge.KindOf(err) != tt.want {
					t.Errorf("got %v, want %s", err, tt.want)
				}
				if made := crm.Host().Counts().Total; made != tt.calls || counted.Calls() != tt.calls {
					t.Errorf("%d calls, %d of them counted, want %d", made, counted.Calls(), tt.calls)
				}
			})
		})
	}
}

// Where there is no token to confirm a refusal, nobody knows what it means: no record
// and no connection is blamed, and nobody is missing.
func TestStandin_aRefusalThatCannotBeConfirmedProvesNothing(t *testing.T) {
	const route = "POST /crm/objects/" + hubspot.Version + "/contacts/batch/read"
	refusals := map[string]hubspottest.Fault{
		"not found":         {Route: route, Status: 404},
		"a firewall's word": {Route: route, Status: 406, Answer: spoil.Answer{Body: `{"reason":"blocked"}`, ContentType: "application/json"}},
	}
	for name, refusal := range refusals {
		for why, tt := range map[string]struct {
			second hubspottest.Fault
			spent  bool
			want   bridge.Kind
		}{
			"the budget is spent":         {spent: true, want: bridge.Throttled},
			"HubSpot throttles":           {second: hubspottest.Fault{Status: 429}, want: bridge.Throttled},
			"HubSpot fails meanwhile":     {second: hubspottest.Fault{Status: 500}, want: bridge.Unavailable},
			"a gateway fails meanwhile":   {second: hubspottest.Fault{Status: 504}, want: bridge.Unavailable},
			"the connection breaks there": {second: hubspottest.Fault{Drop: true}, want: bridge.Unavailable},
		} {
			t.Run(name+", and "+why, func(t *testing.T) {
				w := &window{limit: 110}
				withStandin(t, w, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
					seed(t, crm, "1")
					refusal.Times = 1
					crm.Host().Inject(refusal)
					tt.second.Route, tt.second.Times = route, -1
					if tt.spent {
						w.spendAfter = 1
					} else {
						crm.Host().Inject(tt.second)
					}
					found, err := p.ReadContacts(t.Context(), bridge.LaneBulk, []string{"1"})
					if bridge.KindOf(err) != tt.want || len(found) != 0 {
						t.Errorf("%v, %v; want %s", found, err, tt.want)
					}
					if paused := len(w.pauses) > 0; paused != (tt.second.Status == 429) {
						t.Errorf("the portal was paused: %t", paused)
					}
				})
			})
		}
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

// A batch that HubSpot took without saying so is suspected of holding a bad record, and
// sent again in parts.
func TestStandin_updateWithoutAnAnswerIsNotWrittenTwiceWhereTheBatchIsTakenApart(t *testing.T) {
	const route, read = "POST /crm/objects/2026-09/contacts/batch/update", "POST /crm/objects/2026-09/contacts/batch/read"
	for name, tt := range map[string]struct {
		faults     []hubspottest.Fault
		poison     string
		unreadable string
	}{
		"the whole batch arrived":          {faults: []hubspottest.Fault{{Status: http.StatusGatewayTimeout, After: true}}},
		"the whole batch and a half of it": {faults: []hubspottest.Fault{{Status: http.StatusInternalServerError}, {Status: http.StatusGatewayTimeout, After: true}}},
		"a record is bad, and half of the others arrived": {
			faults: []hubspottest.Fault{{Status: http.StatusInternalServerError}, {Status: http.StatusBadGateway, After: true}}, poison: "508000000007"},
		"nothing arrived, and a record cannot be read": {faults: []hubspottest.Fault{{Status: http.StatusInternalServerError}}, unreadable: "508000000007"},
		"a single record arrived": {faults: append(slices.Repeat([]hubspottest.Fault{{Status: http.StatusInternalServerError}}, 3),
			hubspottest.Fault{Status: http.StatusGatewayTimeout, After: true})},
	} {
		t.Run(name, func(t *testing.T) {
			withStandin(t, &window{limit: 110}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
				var writes []Write
				for _, id := range ids(8) {
					seed(t, crm, id)
					writes = append(writes, Write{Key: id, ContactID: id, Properties: bridge.Properties{bridge.PropReferralCode: "C" + id}})
				}
				for _, fault := range tt.faults {
					fault.Route = route
					crm.Host().Inject(fault)
				}
				if tt.poison != "" {
					crm.Host().Inject(hubspottest.Fault{Route: route, Status: http.StatusInternalServerError, Times: -1, Contains: `"C` + tt.poison + `"`})
				}
				if tt.unreadable != "" {
					crm.Host().Inject(hubspottest.Fault{Route: read, Status: http.StatusInternalServerError, Times: -1, Contains: `"` + tt.unreadable + `"`})
				}
				results, err := p.UpdateContacts(WithTries(t.Context(), suspectFrom), bridge.LaneBulk, writes)
				if err != nil || len(results) != len(writes) {
					t.Fatalf("%d results, %v; want one for each write", len(results), err)
				}
				for key, result := range results {
					if refused := bridge.KindOf(result.Err) == bridge.Invalid; refused != (key == tt.poison) {
						t.Errorf("contact %s: %v", key, result.Err)
					}
				}
				if got := crm.Writes(); got.Repeats != 0 {
					t.Errorf("%d of %d writes repeated what the contact had", got.Repeats, got.Writes)
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
