package hubspot_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
)

// record makes a record as a person does.
func record(t *testing.T, crm *hubspottest.Server, objectType string, values map[string]string) string {
	t.Helper()
	id, err := crm.Person(1).Create(objectType, values)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func associate(t *testing.T, crm *hubspottest.Server, fromType, from, toType, to string, primary bool) {
	t.Helper()
	if err := crm.Person(1).Associate(fromType, from, toType, to, primary); err != nil {
		t.Fatal(err)
	}
}

func TestBatchReadObjects_readsWhatIsAskedOfAnyType(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	deal := record(t, crm, "deals", map[string]string{"dealname": "Big", "dealstage": "closedwon", "amount": "99.5"})
	company := record(t, crm, "companies", map[string]string{"name": "Example Ltd", "industry": "TOYS"})
	for _, tt := range []struct {
		of    bridge.ObjectType
		id    string
		props []string
		want  map[string]string
	}{
		{bridge.ObjectDeal, deal, []string{"amount", "closedate"}, map[string]string{"amount": "99.5"}},
		{bridge.ObjectCompany, company, []string{"industry"}, map[string]string{"industry": "TOYS"}},
	} {
		found, missing, err := crm.Client().BatchReadObjects(t.Context(), tt.of, []string{tt.id, "1", tt.id}, tt.props)
		if err != nil {
			t.Fatal(err)
		}
		got := found[tt.id].Properties
		for _, always := range []string{"createdate", "hs_object_id", "hs_lastmodifieddate"} {
			delete(got, always)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.of, diff)
		}
		if !slices.Equal(missing, []string{"1"}) || found[tt.id].CreatedAt.IsZero() {
			t.Errorf("%s: missing %v, created %s", tt.of, missing, found[tt.id].CreatedAt)
		}
	}
}

func TestBatchReadLinks_namesEachRecordOnceAndPages(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	company, lonely := record(t, crm, "companies", map[string]string{"name": "Big Ltd"}), record(t, crm, "companies", map[string]string{"name": "No Ltd"})
	const people = 501
	var want []string
	for i := range people {
		id := record(t, crm, "contacts", map[string]string{"email": fmt.Sprintf("p%d@example.test", i)})
		associate(t, crm, "contacts", id, "companies", company, true) // under two labels
		want = append(want, id)
	}
	ask := func(after string) map[string]hubspot.Associations {
		links, err := crm.Client().BatchReadAssociations(t.Context(), bridge.ObjectContact, bridge.ObjectCompany, []hubspot.AssociationInput{{ID: want[0]}, {ID: "1"}})
		if err != nil || !slices.Equal(links[want[0]].IDs, []string{company}) {
			t.Fatalf("got %v, %v", links, err)
		}
		links, err = crm.Client().BatchReadAssociations(t.Context(), bridge.ObjectCompany, bridge.ObjectContact,
			[]hubspot.AssociationInput{{ID: company, After: after}, {ID: lonely}})
		if err != nil {
			t.Fatal(err)
		}
		if _, shown := links[lonely]; shown {
			t.Error("a record without associations is shown")
		}
		return links
	}
	first := ask("")[company]
	second := ask(first.After)[company]
	if diff := cmp.Diff(want, append(first.IDs, second.IDs...)); diff != "" || first.After == "" || second.After != "" {
		t.Errorf("pages %q, %q: %s", first.After, second.After, diff)
	}
}

func TestBatchReadLinks_takesIDsAsTextOrNumbers(t *testing.T) {
	t.Parallel()
	for _, id := range []string{`"501"`, `501`} {
		client := canned(t, 200, `{"results":[{"from":{"id":"9"},"to":[{"toObjectId":`+id+`}]}]}`)
		links, err := client.BatchReadAssociations(t.Context(), bridge.ObjectDeal, bridge.ObjectContact, []hubspot.AssociationInput{{ID: "9"}})
		if err != nil || !slices.Equal(links["9"].IDs, []string{"501"}) {
			t.Errorf("%s: got %v, %v", id, links, err)
		}
	}
}

func TestBatchReadLinks_failsAsAWholeWhereItIsNotKnownWhetherThereAreAny(t *testing.T) {
	t.Parallel()
	client := canned(t, 207, `{"results":[],"errors":[{"category":"RATE_LIMITS","context":{"fromObjectId":["9"]}}]}`)
	_, err := client.BatchReadAssociations(t.Context(), bridge.ObjectDeal, bridge.ObjectContact, []hubspot.AssociationInput{{ID: "9"}})
	if bridge.KindOf(err) != bridge.Throttled {
		t.Errorf("got %v, want throttled", err)
	}
}

func TestObjectProperties_listsThoseOfHubSpotToo(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	got, err := crm.Client().ObjectProperties(t.Context(), bridge.ObjectDeal)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(got, func(p hubspot.Property) bool { return p.Name == "amount" })
	if at < 0 || got[at].Type != "number" {
		t.Errorf("no number called amount: %+v", got)
	}
}

func TestSubmissions_pagesNewestFirst(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	form, err := crm.DefineForm(hubspottest.Form{Name: "Sign up", Fields: []string{"email", "firstname"}})
	if err != nil {
		t.Fatal(err)
	}
	const people = 51
	for i := range people {
		if err := crm.SubmitForm(form, map[string]string{"email": fmt.Sprintf("p%d@example.test", i)}, ""); err != nil {
			t.Fatal(err)
		}
	}
	var emails []string
	after := ""
	for pages := 0; pages == 0 || after != ""; pages++ {
		submissions, next, err := crm.Client().Submissions(t.Context(), form, after)
		if err != nil || pages > 1 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, one := range submissions {
			if one.ConversionID == "" || one.SubmittedAt.IsZero() {
				t.Errorf("got %+v", one)
			}
			emails = append(emails, one.Values["email"])
		}
		after = next
	}
	if len(emails) != people || emails[0] != "p50@example.test" || emails[50] != "p0@example.test" {
		t.Errorf("got %v", emails)
	}
	if _, _, err := crm.Client().Submissions(t.Context(), "no-such-form", ""); bridge.KindOf(err) != bridge.NotFound {
		t.Errorf("got %v, want not found", err)
	}
	forms, next, err := crm.Client().Forms(t.Context(), "")
	if diff := cmp.Diff([]hubspot.Form{{ID: form, Name: "Sign up"}}, forms); diff != "" || next != "" || err != nil {
		t.Errorf("forms: %s %q %v", diff, next, err)
	}
}

// Forms that HubSpot has captured from other sites, flows and comments are forms like
// those that it has made: named in the list, and read.
func TestForms_ofEveryTypeAreListedAndRead(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	c := crm.Client()
	listed := func() (names []string) {
		forms, _, err := c.Forms(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range forms {
			names = append(names, form.Name)
		}
		return names
	}
	for _, kind := range hubspottest.FormTypes {
		id, err := crm.DefineForm(hubspottest.Form{Name: kind, Type: kind, Fields: []string{"email", "0-2/domain"}})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(listed(), kind) {
			t.Errorf("a form of type %s is not listed", kind)
		}
		if err := crm.SubmitForm(id, map[string]string{"email": kind + "@shop.example"}, ""); err != nil {
			t.Fatal(err)
		}
		entries, _, err := c.Submissions(t.Context(), id, "")
		if err != nil || len(entries) != 1 || entries[0].Email != kind+"@shop.example" || entries[0].Fault != "" {
			t.Errorf("a form of type %s: %+v, %v", kind, entries, err)
		}
	}
}
