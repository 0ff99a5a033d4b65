package portal

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
)

func created(t *testing.T, crm *hubspottest.Portal, objectType string, values map[string]string) string {
	t.Helper()
	id, err := crm.Person(1).Create(objectType, values)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func associated(t *testing.T, crm *hubspottest.Portal, from, fromID, contactID string) {
	t.Helper()
	if err := crm.Person(1).Associate(from, fromID, "contacts", contactID, false); err != nil {
		t.Fatal(err)
	}
}

func TestStandin_aBurstOfDealsIsReadInFewCalls(t *testing.T) {
	const deals = 1000
	withStandin(t, &window{limit: 110}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
		buyer := created(t, crm, "contacts", map[string]string{"email": "buyer@example.test"})
		ids := make([]string, deals)
		for i := range ids {
			ids[i] = created(t, crm, "deals", map[string]string{"dealname": fmt.Sprint(i), "amount": fmt.Sprint(i)})
			associated(t, crm, "deals", ids[i], buyer)
		}
		var all sync.WaitGroup
		for i, id := range ids {
			all.Go(func() {
				deal, err := p.Object(t.Context(), bridge.ObjectDeal, id, []string{"amount"})
				if err != nil || deal.Properties["amount"] != fmt.Sprint(i) {
					t.Errorf("deal %d: %v, %v", i, deal, err)
				}
				contacts, err := p.ContactsOf(t.Context(), bridge.ObjectDeal, id)
				if err != nil || !slices.Equal(contacts, []string{buyer}) {
					t.Errorf("deal %d: contacts %v, %v", i, contacts, err)
				}
			})
		}
		all.Wait()
		// A hundred a call, and the first caller of each kind alone.
		if calls := crm.Host().Counts().Total; calls > 2*(deals/100+1) {
			t.Errorf("%d calls for %d deals", calls, deals)
		}
	})
}

func TestStandin_callersGetThePropertiesTheyAskedFor(t *testing.T) {
	withStandin(t, &window{}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
		deal := created(t, crm, "deals", map[string]string{"dealname": "Big", "amount": "5", "dealtype": "newbusiness"})
		var all sync.WaitGroup
		for _, name := range []string{"dealname", "amount", "dealtype", "amount"} {
			all.Go(func() {
				got, err := p.Object(t.Context(), bridge.ObjectDeal, deal, []string{name})
				if err != nil || got.Properties[name] == "" || got.Type != bridge.ObjectDeal {
					t.Errorf("%s: %v, %v", name, got, err)
				}
				got.Properties[name] = "changed by one caller"
			})
		}
		all.Wait()
		if _, err := p.Object(t.Context(), bridge.ObjectDeal, "1", nil); bridge.KindOf(err) != bridge.NotFound {
			t.Errorf("%v, want not found", err)
		}
		if ids, err := p.ContactsOf(t.Context(), bridge.ObjectDeal, deal); err != nil || len(ids) != 0 {
			t.Errorf("contacts of a lonely deal: %v, %v", ids, err)
		}
	})
}

func TestStandin_moreContactsThanAnAnswerHolds(t *testing.T) {
	withStandin(t, &window{}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
		const people = 1001
		company := created(t, crm, "companies", map[string]string{"name": "Big Ltd"})
		want := make([]string, people)
		for i := range want {
			want[i] = created(t, crm, "contacts", map[string]string{"email": fmt.Sprintf("p%d@example.test", i)})
			associated(t, crm, "companies", company, want[i])
		}
		got, err := p.ContactsOf(t.Context(), bridge.ObjectCompany, company)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v: %s", err, diff)
		}
	})
}
