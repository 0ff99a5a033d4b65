package portal

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

func TestReadContacts_anyNumberInCallsOfAHundred(t *testing.T) {
	c := newCRM(ids(250)...)
	simulate(t, c, &window{limit: 110}, func(t *testing.T, p *Portal) {
		asked := append(ids(250), "unknown", ids(1)[0])
		found, err := p.ReadContacts(t.Context(), bridge.LaneBulk, asked)
		if err != nil {
			t.Fatal(err)
		}
		if _, shown := found["unknown"]; shown || len(found) != 250 {
			t.Errorf("%d found, unknown among them: %v", len(found), shown)
		}
		if len(c.made) != 3 {
			t.Errorf("%d calls for 251 contacts, want 3", len(c.made))
		}
	})
}

func TestReadContacts_refusedIDIsAnErrorBesideTheOthers(t *testing.T) {
	c := newCRM("1", "2", "3")
	c.fail = func(_ string, keys []string) error {
		for _, key := range keys {
			if key == "x" {
				return &bridge.Error{Kind: bridge.Invalid, Op: opRead, Status: 400}
			}
		}
		return nil
	}
	simulate(t, c, &window{limit: 110}, func(t *testing.T, p *Portal) {
		found, err := p.ReadContacts(t.Context(), bridge.LaneBulk, []string{"1", "2", "x", "3"})
		if bridge.KindOf(err) != bridge.Invalid || len(found) != 3 {
			t.Errorf("%d found, %v; want 3 and invalid", len(found), err)
		}
	})
}

func TestFindContacts_areAskedForByNormalisedEmailOnce(t *testing.T) {
	tests := map[string]struct {
		asked []string
		want  []string // in one call
		found []string
	}{
		"in another case, with spaces":          {[]string{" ANN@Example.Test "}, []string{"ann@example.test"}, []string{"ann@example.test"}},
		"the same email twice":                  {[]string{"ann@example.test", "Ann@example.test"}, []string{"ann@example.test"}, []string{"ann@example.test"}},
		"an email of nobody is absent":          {[]string{"dan@example.test", "cat@example.test"}, []string{"dan@example.test", "cat@example.test"}, []string{"cat@example.test"}},
		"no email asks nothing":                 {[]string{"", "  "}, nil, nil},
		"an email HubSpot refuses is not found": {[]string{"refused"}, []string{"refused"}, nil},
		"and leaves the others to be found":     {[]string{"cat@example.test", "refused"}, []string{"cat@example.test", "refused"}, []string{"cat@example.test"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCRM()
			c.contacts["ann@example.test"] = hubspot.Contact{ID: "1"}
			c.contacts["cat@example.test"] = hubspot.Contact{ID: "3"}
			c.fail = func(_ string, keys []string) error {
				if slices.Contains(keys, "refused") {
					return &bridge.Error{Kind: bridge.Invalid, Op: opFind, Status: 400}
				}
				return nil
			}
			simulate(t, c, &window{limit: 110}, func(t *testing.T, p *Portal) {
				found, err := p.FindContacts(t.Context(), bridge.LaneBulk, tt.asked)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.found, slices.Sorted(maps.Keys(found))); diff != "" {
					t.Errorf("found (-want +got):\n%s", diff)
				}
				var asked []string
				if len(c.made) > 0 {
					asked = c.made[0].keys
				}
				if diff := cmp.Diff(tt.want, asked); diff != "" {
					t.Errorf("asked (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func writesOf(n int) []Write {
	out := make([]Write, n)
	for i := range out {
		email := fmt.Sprintf("%d@example.test", i)
		out[i] = Write{Key: key(i), ContactID: fmt.Sprint(i), Properties: bridge.Properties{bridge.PropEmail: email}}
	}
	return out
}

func TestCreateContacts_twoWithOneEmailNeverShareACall(t *testing.T) {
	c := newCRM()
	simulate(t, c, &window{limit: 110}, func(t *testing.T, p *Portal) {
		writes := writesOf(3)
		writes[2].Properties = bridge.Properties{bridge.PropEmail: " 0@EXAMPLE.test"}
		results, err := p.CreateContacts(t.Context(), bridge.LaneBulk, writes)
		if err != nil || len(results) != 3 {
			t.Fatalf("%v, %v", results, err)
		}
		want := []made{{opCreate, []string{"k0", "k1"}}, {opCreate, []string{"k2"}}}
		if diff := cmp.Diff(want, c.made, cmp.AllowUnexported(made{})); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

func TestUpdateContacts_writesOfOneContactKeepTheirOrder(t *testing.T) {
	c := newCRM("1", "2")
	simulate(t, c, &window{limit: 110}, func(t *testing.T, p *Portal) {
		write := func(key, id, code string) Write {
			return Write{Key: key, ContactID: id, Properties: bridge.Properties{bridge.PropReferralCode: code}}
		}
		results, err := p.UpdateContacts(t.Context(), bridge.LaneBulk,
			[]Write{write("a", "1", "first"), write("b", "2", "other"), write("c", "1", "last")})
		want := map[string]Result{"a": {ContactID: "1"}, "b": {ContactID: "2"}, "c": {ContactID: "1"}}
		if diff := cmp.Diff(want, results); diff != "" || err != nil {
			t.Errorf("%v; results (-want +got):\n%s", err, diff)
		}
		if got := c.contacts["1"].Properties[bridge.PropReferralCode]; got != "last" {
			t.Errorf("contact 1 ended with %q, want the last write", got)
		}
	})
}

func TestUpdateContacts_resultsKnownBeforeAFailureAreKept(t *testing.T) {
	c := newCRM()
	for _, w := range writesOf(250) {
		c.contacts[w.ContactID] = hubspot.Contact{ID: w.ContactID, Properties: map[string]string{}}
	}
	c.fail = func(string, []string) error {
		if len(c.made) == 2 {
			return &bridge.Error{Kind: bridge.Throttled, Op: opUpdate, Status: 429, RetryAfter: time.Second}
		}
		return nil
	}
	simulate(t, c, &window{limit: 110}, func(t *testing.T, p *Portal) {
		results, err := p.UpdateContacts(t.Context(), bridge.LaneBulk, writesOf(250))
		if bridge.KindOf(err) != bridge.Throttled || len(results) != 100 || len(c.made) != 2 {
			t.Errorf("%d results after %d calls, %v; want the first hundred and the 429", len(results), len(c.made), err)
		}
	})
}

func TestWrites_keysMustTellThemApart(t *testing.T) {
	tests := map[string][]Write{
		"no key":       {{ContactID: "1"}},
		"the same key": {{Key: "a", ContactID: "1"}, {Key: "a", ContactID: "2"}},
	}
	for name, writes := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCRM("1", "2")
			simulate(t, c, &window{}, func(t *testing.T, p *Portal) {
				if _, err := p.UpdateContacts(t.Context(), bridge.LaneBulk, writes); bridge.KindOf(err) != bridge.Invalid {
					t.Errorf("%v, want invalid", err)
				}
				if len(c.made) != 0 {
					t.Errorf("%d calls made", len(c.made))
				}
			})
		})
	}
}

func TestUpdateContacts_missingPropertyIsNotSplitWhereAllNameIt(t *testing.T) {
	tests := map[string]struct {
		odd   bridge.Properties // of the last of four writes
		calls int
	}{
		"all name the same properties": {bridge.Properties{bridge.PropEmail: "x"}, 1},
		// four, two, two, and the one that could do without the property
		"one names others": {bridge.Properties{bridge.PropFirstName: "x"}, 5},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := newCRM("0", "1", "2", "3")
			writes := writesOf(4)
			writes[3].Properties = tt.odd
			c.fail = func(_ string, keys []string) error {
				if tt.calls > 1 && slices.Equal(keys, []string{"3"}) {
					return nil
				}
				return &bridge.Error{Kind: bridge.Invalid, Op: opUpdate, Status: 400, Code: codeNoProperty}
			}
			simulate(t, c, &window{limit: 110}, func(t *testing.T, p *Portal) {
				results, err := p.UpdateContacts(t.Context(), bridge.LaneBulk, writes)
				if err != nil || len(results) != 4 || bridge.KindOf(results["k0"].Err) != bridge.Invalid {
					t.Errorf("%v, %v; want a refusal for each", results, err)
				}
				if len(c.made) != tt.calls {
					t.Errorf("%d calls, want %d", len(c.made), tt.calls)
				}
				if written := results["k3"].Err == nil; written != (tt.calls > 1) {
					t.Errorf("the last write: %v", results["k3"].Err)
				}
			})
		})
	}
}

// A participant is deleted only if nobody holds its email, so what HubSpot cannot show
// is not nobody.
func TestHolder_aContactThatHubSpotCannotShowIsNotNobody(t *testing.T) {
	const ann, ben, nobody = "ann@example.test", "ben@example.test", "nobody@example.test"
	unreadable := &bridge.Error{Op: opFind, Status: 200}
	failures := map[string]func(c *crm){
		"HubSpot fails on it": func(c *crm) {
			c.fail = func(_ string, keys []string) error {
				if slices.Contains(keys, ann) {
					return serverError()
				}
				return nil
			}
		},
		"HubSpot shows it unreadably": func(c *crm) { c.contacts[ann] = hubspot.Contact{ID: "1", Err: unreadable} },
	}
	for name, spoil := range failures {
		t.Run(name, func(t *testing.T) {
			c := newCRM()
			c.contacts[ann], c.contacts[ben] = hubspot.Contact{ID: "1"}, hubspot.Contact{ID: "2"}
			spoil(c)
			simulate(t, c, &window{limit: 110}, func(t *testing.T, p *Portal) {
				for range convictFrom {
					var asked sync.WaitGroup
					for _, email := range []string{ann, ben, nobody} {
						asked.Go(func() {
							if _, err := p.Holder(t.Context(), email); email == ann && (err == nil || bridge.KindOf(err) == bridge.NotFound) {
								t.Errorf("%v", err)
							}
						})
					}
					asked.Wait()
				}
				if holder, err := p.Holder(t.Context(), ben); err != nil || holder.ID != "2" {
					t.Errorf("the other one is held by %q, %v", holder.ID, err)
				}
				if _, err := p.Holder(t.Context(), nobody); bridge.KindOf(err) != bridge.NotFound {
					t.Errorf("an email of nobody: %v", err)
				}
			})
		})
	}
}
