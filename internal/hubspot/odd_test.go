package hubspot_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/standin/fault"
)

const (
	routeRead    = "POST /crm/objects/2026-09/contacts/batch/read"
	routeList    = "GET /crm/objects/2026-09/contacts"
	routeDeals   = "POST /crm/objects/2026-09/deals/batch/read"
	routeFirms   = "POST /crm/objects/2026-09/companies/batch/read"
	routeCreate  = "POST /crm/objects/2026-09/contacts/batch/create"
	routeUpdate  = "POST /crm/objects/2026-09/contacts/batch/update"
	routeLinks   = "POST /crm/associations/2026-09/deals/contacts/batch/read"
	routeForms   = "GET /marketing/v3/forms"
	routeEntries = "GET /form-integrations/v1/submissions/forms/{form}"
	routeDefs    = "GET /crm/properties/2026-09/contacts"
)

// One record of an answer has a field of an odd type: the others are read, and of
// that one nothing is concluded that it does not say.
func TestBatchRead_oneOddRecordSpoilsNoOther(t *testing.T) {
	t.Parallel()
	type want struct {
		unreadable bool // the second record
		nameless   bool // all records that the answer does not name
	}
	tests := map[string]struct {
		edit fault.Edit
		want want
	}{
		"a number for a value":       {fault.Set("results.1.properties.tag", 42), want{}},
		"a boolean for a value":      {fault.Set("results.1.properties.tag", true), want{}},
		"null for a value":           {fault.Set("results.1.properties.tag", nil), want{}},
		"a number for a time":        {fault.Set("results.1.createdAt", 1794729600000), want{}},
		"an object for a time":       {fault.Set("results.1.createdAt", map[string]any{}), want{}},
		"text for a flag":            {fault.Set("results.1.archived", "no"), want{}},
		"null for a flag":            {fault.Set("results.1.archived", nil), want{}},
		"a number for the id":        {fault.Edit{Path: "results.1.id", Value: []byte("102")}, want{}},
		"a list for a value":         {fault.Set("results.1.properties.tag", []int{1}), want{unreadable: true}},
		"an object for a value":      {fault.Set("results.1.properties.tag", map[string]any{"value": "x"}), want{unreadable: true}},
		"null for the properties":    {fault.Set("results.1.properties", nil), want{unreadable: true}},
		"a list for the properties":  {fault.Set("results.1.properties", []int{}), want{unreadable: true}},
		"text for the properties":    {fault.Set("results.1.properties", "none"), want{unreadable: true}},
		"no properties":              {fault.Remove("results.1.properties"), want{unreadable: true}},
		"an object for the id":       {fault.Set("results.1.id", map[string]any{}), want{unreadable: true, nameless: true}},
		"null for the id":            {fault.Set("results.1.id", nil), want{unreadable: true, nameless: true}},
		"a NUL in the id":            {fault.Set("results.1.id", "1\x0002"), want{unreadable: true, nameless: true}},
		"null for the record":        {fault.Set("results.1", nil), want{unreadable: true, nameless: true}},
		"text for the record":        {fault.Set("results.1", "102"), want{unreadable: true, nameless: true}},
		"a record within a list":     {fault.Set("results.1", []any{map[string]any{"id": "102"}}), want{unreadable: true, nameless: true}},
		"an error that is no object": {fault.Set("errors", []any{}), want{}},
	}
	kinds := map[string]struct {
		of    bridge.ObjectType
		route string
	}{"contacts": {bridge.ObjectContact, routeRead}, "deals": {bridge.ObjectDeal, routeDeals}, "companies": {bridge.ObjectCompany, routeFirms}}
	for plural, kind := range kinds {
		for name, tt := range tests {
			t.Run(plural+": "+name, func(t *testing.T) {
				t.Parallel()
				crm := hubspottest.New(t)
				for id := 101; id <= 103; id++ {
					if _, err := crm.Seed(plural, fmt.Sprint(id), map[string]string{}); err != nil {
						t.Fatal(err)
					}
				}
				crm.Host().Inject(hubspottest.Fault{Route: kind.route, Answer: fault.Answer{Alter: []fault.Edit{tt.edit}}})
				found, missing, err := crm.Client().BatchReadObjects(t.Context(), kind.of, []string{"101", "102", "103", "104"}, []string{"hs_object_id"})
				if err != nil {
					t.Fatal(err)
				}
				if found["101"].Err != nil || found["103"].Err != nil || found["101"].ID != "101" || found["103"].ID != "103" {
					t.Errorf("the others: %+v, %+v", found["101"], found["103"])
				}
				if got := bridge.Unreadable(found["102"].Err); got != tt.want.unreadable || (found["102"].Err != nil) != got {
					t.Errorf("the odd one: %+v", found["102"])
				}
				if got := slices.Contains(missing, "104"); got == tt.want.nameless || tt.want.nameless && !bridge.Unreadable(found["104"].Err) {
					t.Errorf("whoever is not named: missing %v, found %v", missing, found["104"])
				}
			})
		}
	}
}

func TestListContacts_oneOddContactSpoilsNoOther(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]fault.Edit{
		"a list for a value":      fault.Set("results.1.properties.email", []int{1}),
		"null for the properties": fault.Set("results.1.properties", nil),
		"null for the id":         fault.Set("results.1.id", nil),
		"null for the record":     fault.Set("results.1", nil),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crm := hubspottest.New(t)
			for _, id := range []string{"101", "102", "103"} {
				crm.Put(id, map[string]string{"email": "p" + id + "@example.test"})
			}
			crm.Host().Inject(hubspottest.Fault{Route: routeList, Answer: fault.Answer{Alter: []fault.Edit{edit}}})
			page, err := crm.Client().ListContacts(t.Context(), false, "", hubspot.MaxBatch, []string{"email"})
			if err != nil || len(page.Contacts) != 3 || page.Contacts[0].Err != nil || page.Contacts[2].Err != nil || !bridge.Unreadable(page.Contacts[1].Err) {
				t.Errorf("got %+v, %v", page, err)
			}
		})
	}
}

func TestBatchReadAssociations_oneOddRecordSpoilsNoOther(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit fault.Edit
		read bool
	}{
		"text for the id of what is associated":    {fault.Set("results.1.to.0.toObjectId", "501"), true},
		"null for the id of what is associated":    {fault.Set("results.1.to.0.toObjectId", nil), false},
		"an object for what is associated":         {fault.Set("results.1.to.0.toObjectId", map[string]any{}), false},
		"null for the list of what is associated":  {fault.Set("results.1.to", nil), false},
		"text for the list of what is associated":  {fault.Set("results.1.to", "501"), false},
		"a list for the record's own id":           {fault.Set("results.1.from.id", []int{1}), false},
		"null for the record":                      {fault.Set("results.1", nil), false},
		"a list for the cursor":                    {fault.Set("results.1.paging.next.after", []int{1}), false},
		"text for what says that there is more":    {fault.Set("results.1.paging", "more"), false},
		"null for what says that there is more":    {fault.Set("results.1.paging", nil), true},
		"more, without saying where it can be had": {fault.Set("results.1.paging.next.link", "?after=9"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crm := hubspottest.New(t)
			var deals []string
			for i := range 2 {
				deal := record(t, crm, "deals", map[string]string{"dealname": fmt.Sprint(i), "dealstage": "closedwon"})
				associate(t, crm, "deals", deal, "contacts", record(t, crm, "contacts", map[string]string{"email": fmt.Sprintf("p%d@example.test", i)}), false)
				deals = append(deals, deal)
			}
			ask := []hubspot.AssociationInput{{ID: deals[0]}, {ID: deals[1]}}
			crm.Host().Inject(hubspottest.Fault{Route: routeLinks, Answer: fault.Answer{Alter: []fault.Edit{tt.edit}}})
			got, err := crm.Client().BatchReadAssociations(t.Context(), bridge.ObjectDeal, bridge.ObjectContact, ask)
			if err != nil || got[deals[0]].Err != nil || len(got[deals[0]].IDs) != 1 {
				t.Fatalf("the other: %+v, %v", got, err)
			}
			if odd := got[deals[1]]; (odd.Err == nil) != tt.read || tt.read && len(odd.IDs) != 1 || !tt.read && !bridge.Unreadable(odd.Err) {
				t.Errorf("the odd one: %+v", odd)
			}
		})
	}
}

// One item of a 207 cannot be read: the outcomes of the others stand, and the record
// it is about has none.
func TestBatchWrite_oneOddOutcomeSpoilsNoOther(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit fault.Edit
		kind bridge.Kind // of the second write, which HubSpot refuses
	}{
		"as documented":                         {fault.Set("status", "COMPLETE"), bridge.NotFound},
		"null for the error":                    {fault.Set("errors.0", nil), bridge.Unknown},
		"text for the error":                    {fault.Set("errors.0", "failed"), bridge.Unknown},
		"a list for its category":               {fault.Set("errors.0.category", []int{1}), bridge.Unknown},
		"a number for its message":              {fault.Set("errors.0.message", 7), bridge.NotFound},
		"null for its context":                  {fault.Set("errors.0.context", nil), bridge.Unknown},
		"text for a list of ids in its context": {fault.Set("errors.0.context", map[string]any{"objectWriteTraceId": "b", "ids": 9}), bridge.NotFound},
		"an object for its details":             {fault.Set("errors.0.errors", map[string]any{"message": "x"}), bridge.NotFound},
		"null for all errors":                   {fault.Set("errors", nil), bridge.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crm := hubspottest.New(t)
			crm.Put("101", map[string]string{"email": "a@example.test"})
			crm.Host().Inject(hubspottest.Fault{Route: routeUpdate, Answer: fault.Answer{Alter: []fault.Edit{tt.edit}}})
			got, err := crm.Client().BatchUpdateContacts(t.Context(), []hubspot.ContactInput{
				{TraceID: "a", ID: "101", Properties: map[string]string{"firstname": "A"}}, {TraceID: "b", ID: "999", Properties: map[string]string{"firstname": "B"}},
			})
			if err != nil || len(got) != 2 || got[0].Err != nil {
				t.Fatalf("the other: %+v, %v", got, err)
			}
			if got[1].Err == nil || bridge.KindOf(got[1].Err) != tt.kind {
				t.Errorf("the odd one: %v, want %q", got[1].Err, tt.kind)
			}
		})
	}
}

// A write that HubSpot has carried out counts, however the record is shown afterwards.
func TestBatchCreate_countsHoweverTheContactIsShown(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit fault.Edit
		made bool
	}{
		"an object for a value":     {fault.Set("results.0.properties.firstname", map[string]any{}), true},
		"null for the properties":   {fault.Set("results.0.properties", nil), true},
		"null for the time":         {fault.Set("results.0.createdAt", nil), true},
		"a list for the trace id":   {fault.Set("results.0.objectWriteTraceId", []int{1}), true},
		"a list for the id":         {fault.Set("results.0.id", []int{1}), false},
		"null for the contact":      {fault.Set("results.0", nil), false},
		"no id and nothing besides": {fault.Set("results.0", map[string]any{}), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crm := hubspottest.New(t)
			crm.Host().Inject(hubspottest.Fault{Route: routeCreate, Answer: fault.Answer{Alter: []fault.Edit{tt.edit}}})
			got, err := crm.Client().BatchCreateContacts(t.Context(), []hubspot.ContactInput{{TraceID: "a", Properties: map[string]string{"email": "a@example.test"}}})
			if err != nil || len(got) != 1 || (got[0].Err == nil) != tt.made || tt.made && got[0].Contact.ID == "" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// A list that an answer lacks, or whose end it tells in no form that can be read, is
// no empty list and not at its end: taken for one, contacts would be missing.
func TestLists_anAnswerWithoutAListIsNoEmptyList(t *testing.T) {
	t.Parallel()
	type read func(ctx context.Context, c *hubspot.Client) error
	lists := map[string]struct {
		route string
		read  read
		pages bool
	}{
		"contacts": {routeList, func(ctx context.Context, c *hubspot.Client) error {
			_, err := c.ListContacts(ctx, false, "", hubspot.MaxBatch, nil)
			return err
		}, true},
		"contacts by id": {routeRead, func(ctx context.Context, c *hubspot.Client) error {
			_, _, err := c.BatchReadContacts(ctx, []string{"1"}, nil)
			return err
		}, false},
		"contacts by email": {routeRead, func(ctx context.Context, c *hubspot.Client) error {
			_, _, err := c.BatchReadContactsByEmail(ctx, []string{"a@example.test"}, nil)
			return err
		}, false},
		"associations": {routeLinks, func(ctx context.Context, c *hubspot.Client) error {
			_, err := c.BatchReadAssociations(ctx, bridge.ObjectDeal, bridge.ObjectContact, []hubspot.AssociationInput{{ID: "1"}})
			return err
		}, false},
		"forms": {routeForms, func(ctx context.Context, c *hubspot.Client) error {
			_, _, err := c.Forms(ctx, "")
			return err
		}, true},
		"submissions": {routeEntries, func(ctx context.Context, c *hubspot.Client) error {
			_, _, err := c.Submissions(ctx, "f", "")
			return err
		}, true},
		"properties": {routeDefs, func(ctx context.Context, c *hubspot.Client) error {
			_, err := c.ObjectProperties(ctx, bridge.ObjectContact)
			return err
		}, false},
		"properties by name": {"POST /crm/properties/2026-09/contacts/batch/read", func(ctx context.Context, c *hubspot.Client) error {
			_, err := c.ReadProperties(ctx, []string{"email"})
			return err
		}, false},
		"what was written": {routeUpdate, func(ctx context.Context, c *hubspot.Client) error {
			_, err := c.BatchUpdateContacts(ctx, []hubspot.ContactInput{{ID: "1", Properties: map[string]string{"firstname": "A"}}})
			return err
		}, false},
	}
	for list, tt := range lists {
		bodies := []string{`{}`, `null`, `[]`, `"x"`, `{"results":null}`, `{"results":{}}`, `{"results":"none"}`, `{"Result":[]}`, strings.Repeat("[", 20_000)}
		if tt.pages {
			bodies = append(bodies, `{"results":[],"paging":"x"}`, `{"results":[],"paging":{"next":[]}}`, `{"results":[],"paging":{"next":{"after":{}}}}`, `{"results":[],"paging":{"next":{"link":"?x"}}}`)
		}
		for _, body := range bodies {
			t.Run(list+": "+body[:min(len(body), 60)], func(t *testing.T) {
				t.Parallel()
				crm := hubspottest.New(t)
				crm.Host().Inject(hubspottest.Fault{Route: tt.route, Times: -1, Status: 200, Answer: fault.Answer{Body: body, ContentType: "application/json"}})
				if err := tt.read(t.Context(), crm.Client()); bridge.KindOf(err) != bridge.Unavailable {
					t.Errorf("got %v, want unavailable", err)
				}
			})
		}
	}
}

func TestLists_oneOddDefinitionSpoilsNoOther(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit fault.Edit
		kept bool // the form
	}{
		"a number for the name":  {fault.Set("results.0.name", 7), true},
		"null for the name":      {fault.Set("results.0.name", nil), true},
		"an object for the name": {fault.Set("results.0.name", map[string]any{}), true},
		"an object for the id":   {fault.Set("results.0.id", map[string]any{}), false},
		"null for the form":      {fault.Set("results.0", nil), false},
		"text for the form":      {fault.Set("results.0", "x"), false},
	} {
		t.Run("forms: "+name, func(t *testing.T) {
			t.Parallel()
			crm := hubspottest.New(t)
			for range 2 {
				if _, err := crm.DefineForm(hubspottest.Form{Name: "Sign up", Fields: []string{"email"}}); err != nil {
					t.Fatal(err)
				}
			}
			crm.Host().Inject(hubspottest.Fault{Route: routeForms, Answer: fault.Answer{Alter: []fault.Edit{tt.edit}}})
			forms, _, err := crm.Client().Forms(t.Context(), "")
			if want := map[bool]int{true: 2, false: 1}[tt.kept]; err != nil || len(forms) != want {
				t.Errorf("got %+v, %v", forms, err)
			}
		})
	}
	for name, edit := range map[string]fault.Edit{
		"a list for the label":     fault.Set("results.0.label", []int{1}),
		"null for the type":        fault.Set("results.0.type", nil),
		"text for a flag":          fault.Set("results.0.formField", "yes"),
		"text for the options":     fault.Set("results.0.options", "a;b"),
		"null for an option":       fault.Set("results.0.options", []any{nil, 7, map[string]any{"value": []int{}}}),
		"text for what is allowed": fault.Set("results.0.modificationMetadata", "all"),
		"null for the property":    fault.Set("results.0", nil),
	} {
		t.Run("properties: "+name, func(t *testing.T) {
			t.Parallel()
			crm := hubspottest.New(t)
			all, err := crm.Client().ObjectProperties(t.Context(), bridge.ObjectContact)
			if err != nil {
				t.Fatal(err)
			}
			crm.Host().Inject(hubspottest.Fault{Route: routeDefs, Answer: fault.Answer{Alter: []fault.Edit{edit}}})
			got, err := crm.Client().ObjectProperties(t.Context(), bridge.ObjectContact)
			if err != nil || len(got) < len(all)-1 || got[len(got)-1].Type != all[len(all)-1].Type {
				t.Errorf("%d of %d properties, %v", len(got), len(all), err)
			}
		})
	}
}

// Ids ascend from page to page, so a cursor that does not leads back.
func TestListContacts_refusesACursorThatLeadsBack(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		after, next string
		refused     bool
	}{
		"the same":                     {"500", "500", true},
		"the same, no number":          {"NTAw", "NTAw", true},
		"a smaller one":                {"500", "101", true},
		"a smaller one of more digits": {"500", "0101", true},
		"a larger one":                 {"500", "1000", false},
		"another one, no number":       {"NTAw", "NjAw", false},
		"the first one":                {"", "101", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := canned(t, 200, `{"results":[],"paging":{"next":{"after":"`+tt.next+`"}}}`).ListContacts(t.Context(), false, tt.after, hubspot.MaxBatch, nil)
			if got := bridge.KindOf(err) == bridge.Unavailable; got != tt.refused || err != nil && !got {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestObjectID_isNeverEmpty(t *testing.T) {
	t.Parallel()
	for _, id := range []string{`null`, `{}`, `[1]`, `""`, `"a\u0000b"`} {
		if got, err := canned(t, 200, `{"id":`+id+`,"properties":{}}`).ObjectID(t.Context(), bridge.ObjectDeal, "7"); !bridge.Unreadable(err) {
			t.Errorf("%s: got %q, %v", id, got, err)
		}
	}
	if got, err := canned(t, 200, `{"id":77}`).ObjectID(t.Context(), bridge.ObjectDeal, "7"); got != "77" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// says answers every call alike, without a network.
type says struct {
	status int
	body   string
}

func (s says) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: s.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s.body)), Request: req}, nil
}

// FuzzAnswers has HubSpot say anything: every call fails with a kind, or returns
// records that have ids, and nobody is missing whom the answer may hold.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		`{"id":"101","properties":{"email":"a@b.example"},"createdAt":"2026-11-28T00:00:00Z"}`,
		`{"results":[{"id":"101","properties":{}},null,{"id":{}}],"errors":[{"category":"OBJECT_NOT_FOUND","context":{"ids":["102"]}}],"paging":{"next":{"after":"102"}}}`,
		`{"results":[{"from":{"id":"101"},"to":[{"toObjectId":501}],"paging":{"next":{"after":[]}}}]}`,
		`{"results":[{"id":"f","name":7},{"name":"p","type":null,"options":[{"value":1}],"modificationMetadata":[]}]}`,
		`{"results":[{"submittedAt":1794729600000,"values":[{"name":"email","value":"a@b.example"}]}]}`,
		`{"portalId":"62515","companyCurrency":null}`, `{"status":"error","message":"m","category":"CONFLICT"}`,
		`{"results":null}`, `{}`, `[]`, `null`, `<html>`, ``, `{"a":1e999999}`,
	} {
		for _, status := range []int{200, 207, 404} {
			f.Add(status, body)
		}
	}
	c, answer := answering()
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			t.Skip("net/http sends no such status")
		}
		*answer = says{status, body}
		ctx := t.Context()
		contact, errContact := c.Contact(ctx, "101", nil)
		if errContact == nil && contact.ID == "" {
			t.Error("a contact without an id")
		}
		found, missing, errFound := c.BatchReadContacts(ctx, []string{"101", "102"}, nil)
		if errFound == nil && len(found)+len(missing) != 2 {
			t.Errorf("found %v, missing %v", found, missing)
		}
		list, errList := c.ListContacts(ctx, false, "", hubspot.MaxBatch, nil)
		for _, one := range list.Contacts {
			if one.ID == "" && one.Err == nil {
				t.Error("a listed contact without an id")
			}
		}
		made, errMade := c.BatchCreateContacts(ctx, []hubspot.ContactInput{{TraceID: "a", Properties: map[string]string{"email": "a@b.example"}}})
		for _, one := range made {
			if one.Err == nil && (one.Contact == nil || one.Contact.ID == "") {
				t.Errorf("made without an id: %+v", one)
			}
		}
		wantKinds(t, errContact, errFound, errList, errMade)
	})
}

// FuzzDefinitions is FuzzAnswers for what is read beside contacts: a call of its own, so
// that each target makes few calls a run.
func FuzzDefinitions(f *testing.F) {
	for _, body := range []string{
		`{"results":[{"from":{"id":"101"},"to":[{"toObjectId":501}],"paging":{"next":{"after":[]}}}]}`,
		`{"results":[{"id":"f","name":7},{"name":"p","type":null,"options":[{"value":1}],"modificationMetadata":[]}]}`,
		`{"results":[{"submittedAt":1794729600000,"values":[{"name":"email","value":"a@b.example"}]}]}`,
		`{"portalId":"62515","companyCurrency":null}`, `{"status":"error","message":"m","category":"CONFLICT"}`, `{"id":"9"}`, `{}`, `[]`, `null`, `<html>`, ``,
	} {
		for _, status := range []int{200, 207, 404} {
			f.Add(status, body)
		}
	}
	c, answer := answering()
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			t.Skip("net/http sends no such status")
		}
		*answer = says{status, body}
		ctx := t.Context()
		links, errLinks := c.BatchReadAssociations(ctx, bridge.ObjectDeal, bridge.ObjectContact, []hubspot.AssociationInput{{ID: "101"}})
		if slices.Contains(links["101"].IDs, "") {
			t.Error("an association without an id")
		}
		id, errID := c.ObjectID(ctx, bridge.ObjectDeal, "101")
		if errID == nil && id == "" {
			t.Error("a deal without an id")
		}
		_, _, errForms := c.Forms(ctx, "")
		_, _, errEntries := c.Submissions(ctx, "f", "")
		_, errDefs := c.ObjectProperties(ctx, bridge.ObjectContact)
		_, errNames := c.ReadProperties(ctx, []string{"email"})
		_, errAccount := c.AccountDetails(ctx)
		wantKinds(t, errLinks, errID, errForms, errEntries, errDefs, errNames, errAccount)
	})
}

// answering is a client of a HubSpot that says whatever answer holds.
func answering() (c *hubspot.Client, answer *says) {
	answer = &says{}
	base := &url.URL{Scheme: "http", Host: "hubspot.invalid"}
	return hubspot.New(base, func(context.Context) (string, error) { return "t", nil }, &http.Client{Transport: answer}), answer
}

// wantKinds fails the test unless each error has a kind. A 207 may hold one of no kind,
// about one record.
func wantKinds(t *testing.T, all ...error) {
	t.Helper()
	for _, err := range all {
		if failure, own := errors.AsType[*bridge.Error](err); err != nil && (!own || failure.Kind == bridge.Unknown && failure.Status != http.StatusMultiStatus) {
			t.Errorf("an error without a kind: %v", err)
		}
	}
}

// HubSpot ends API versions, and then knows none of their calls. Nobody is missing for
// that: it is HubSpot that we do not reach.
func TestCalls_aCallThatHubSpotDoesNotKnowIsAboutNoRecord(t *testing.T) {
	t.Parallel()
	calls := map[string]struct {
		route    string
		ofRecord bool
		call     func(context.Context, *hubspot.Client) error
	}{
		"a read": {routeRead, true, func(ctx context.Context, c *hubspot.Client) error {
			_, _, err := c.BatchReadContacts(ctx, []string{"101"}, nil)
			return err
		}},
		"an update": {routeUpdate, true, func(ctx context.Context, c *hubspot.Client) error {
			_, err := c.BatchUpdateContacts(ctx, []hubspot.ContactInput{{ID: "101", Properties: map[string]string{"firstname": "A"}}})
			return err
		}},
		"associations": {routeLinks, true, func(ctx context.Context, c *hubspot.Client) error {
			_, err := c.BatchReadAssociations(ctx, bridge.ObjectDeal, bridge.ObjectContact, []hubspot.AssociationInput{{ID: "101"}})
			return err
		}},
		"properties by name": {"POST /crm/properties/2026-09/contacts/batch/read", true, func(ctx context.Context, c *hubspot.Client) error {
			_, err := c.ReadProperties(ctx, []string{"p101"})
			return err
		}},
		"the list of contacts": {routeList, false, func(ctx context.Context, c *hubspot.Client) error {
			_, err := c.ListContacts(ctx, false, "", hubspot.MaxBatch, nil)
			return err
		}},
		"the recycle bin": {routeList, false, func(ctx context.Context, c *hubspot.Client) error {
			_, err := c.ListContacts(ctx, true, "100", hubspot.MaxBatch, nil)
			return err
		}},
		"forms": {routeForms, false, func(ctx context.Context, c *hubspot.Client) error {
			_, _, err := c.Forms(ctx, "")
			return err
		}},
		"properties": {routeDefs, false, func(ctx context.Context, c *hubspot.Client) error {
			_, err := c.ObjectProperties(ctx, bridge.ObjectContact)
			return err
		}},
		"the account": {"GET /account-info/2026-09/details", false, func(ctx context.Context, c *hubspot.Client) error {
			_, err := c.AccountDetails(ctx)
			return err
		}},
		"a new group": {"POST /crm/properties/2026-09/contacts/groups", false, func(ctx context.Context, c *hubspot.Client) error {
			return c.CreateGroup(ctx, "g", "G")
		}},
	}
	for name, tt := range calls {
		for of, contains := range map[string]string{"every call": "", "one record": "101"} {
			if contains != "" && !tt.ofRecord {
				continue
			}
			t.Run(name+", "+of, func(t *testing.T) {
				t.Parallel()
				crm := hubspottest.New(t)
				crm.Put("101", map[string]string{"email": "a@example.test"})
				crm.Host().Inject(hubspottest.Fault{Route: tt.route, Status: 404, Contains: contains, Times: -1})
				want := bridge.Misdirected
				if contains != "" {
					want = bridge.NotFound
				}
				if err := tt.call(t.Context(), crm.Client()); bridge.KindOf(err) != want {
					t.Errorf("got %v, want %s", err, want)
				}
			})
		}
	}
}

// What a gateway shows with 200, and an error of HubSpot's that comes with it, do not
// mean that anything was done.
func TestCalls_aSuccessIsHubSpotsOwn(t *testing.T) {
	t.Parallel()
	calls := map[string]func(context.Context, *hubspot.Client) error{
		"a new group":     func(ctx context.Context, c *hubspot.Client) error { return c.CreateGroup(ctx, "g", "G") },
		"a property less": func(ctx context.Context, c *hubspot.Client) error { return c.ArchiveProperty(ctx, "p") },
		"properties less": func(ctx context.Context, c *hubspot.Client) error { return c.ArchiveProperties(ctx, []string{"p"}) },
		"a contact": func(ctx context.Context, c *hubspot.Client) error {
			_, err := c.Contact(ctx, "1", nil)
			return err
		},
	}
	bodies := map[string]string{
		"a page for a login": "<html>Sign in</html>", "a line of text": "OK", "half an object": `{"name":`,
		"an error of HubSpot's": `{"status":"error","message":"internal error","correlationId":"1234abcd-1234"}`,
	}
	for name, call := range calls {
		for what, body := range bodies {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				if err := call(t.Context(), canned(t, http.StatusOK, body)); bridge.KindOf(err) != bridge.Unavailable && !bridge.Unreadable(err) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
	for what, body := range bodies {
		if err := endpoint(http.StatusOK, body).Revoke(t.Context(), "r"); bridge.KindOf(err) != bridge.Unavailable {
			t.Errorf("a token less, %s: %v", what, err)
		}
	}
	for _, body := range []string{"", "{}", `{"name":"g"}`} {
		if err := canned(t, http.StatusOK, body).CreateGroup(t.Context(), "g", "G"); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
}
