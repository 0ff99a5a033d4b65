package hubspottest_test

import (
	"strings"
	"testing"

	"advocatesync/internal/hubspot/hubspottest"
)

// sale is a deal with a contact and its primary company.
func sale(t *testing.T, crm *hubspottest.Server) (deal, contact, company string) {
	t.Helper()
	u := crm.Person(9)
	create := func(objectType string, values map[string]string) string {
		id, err := u.Create(objectType, values)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	deal = create("deals", map[string]string{"dealname": "Big", "dealstage": "closedwon", "amount": "99.5"})
	contact = create("contacts", map[string]string{"email": "buyer@example.test"})
	company = create("companies", map[string]string{"name": "Example Ltd"})
	if err := u.Associate("deals", deal, "contacts", contact, false); err != nil {
		t.Fatal(err)
	}
	if err := u.Associate("contacts", contact, "companies", company, true); err != nil {
		t.Fatal(err)
	}
	return deal, contact, company
}

func TestAssociations_onSingleReads(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	deal, contact, company := sale(t, crm)
	got := ask(t, crm, "GET", "/crm/objects/2026-09/deals/"+deal+"?properties=dealstage,amount&associations=contacts,companies", "")
	if !strings.Contains(got.text, `"associations":{"contacts":{"results":[{"id":"`+contact+`","type":"deal_to_contact"}]}}`) ||
		!strings.Contains(got.text, `"amount":"99.5"`) {
		t.Errorf("deal: %s", got.text)
	}
	got = ask(t, crm, "GET", "/crm/v3/objects/0-1/"+contact+"?associations=company", "")
	if strings.Count(got.text, `"id":"`+company+`"`) != 2 {
		t.Errorf("a labelled pair repeats the id: %s", got.text)
	}
}

func TestAssociations_batchRead(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	deal, contact, _ := sale(t, crm)
	body := `{"inputs":[{"id":"` + deal + `"},{"id":"1"}]}`
	got := ask(t, crm, "POST", "/crm/associations/2026-09/deals/contacts/batch/read", body)
	if got.status != 207 || !strings.Contains(got.text,
		`"to":[{"toObjectId":"`+contact+`","associationTypes":[{"category":"HUBSPOT_DEFINED","typeId":3,"label":null}]}]`) {
		t.Errorf("2026-09: %d %s", got.status, got.text)
	}
	got = ask(t, crm, "POST", "/crm/v4/associations/0-3/0-1/batch/read", `{"inputs":[{"id":"`+deal+`"}]}`)
	if got.status != 200 || !strings.Contains(got.text, `"toObjectId":`+contact+`,`) {
		t.Errorf("v4 writes numbers: %d %s", got.status, got.text)
	}
	got = ask(t, crm, "GET", "/crm/objects/2026-09/contacts/"+contact+"/associations/deals", "")
	if got.status != 200 || !strings.Contains(got.text, `"toObjectId":"`+deal+`"`) || !strings.Contains(got.text, `"typeId":4`) {
		t.Errorf("of one contact: %d %s", got.status, got.text)
	}
}

func TestAssociations_followTheRecords(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	deal, contact, _ := sale(t, crm)
	u := crm.Person(9)
	linked := func() string {
		return ask(t, crm, "GET", "/crm/objects/2026-09/deals/"+deal+"?associations=contacts", "").text
	}
	if err := u.Archive("contacts", contact); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(linked(), "deal_to_contact") {
		t.Error("an archived contact is still shown")
	}
	if err := u.Restore("contacts", contact); err != nil {
		t.Fatal(err)
	}
	crm.Put("101", map[string]string{"email": "other@example.test"})
	survivor, err := u.Merge("contacts", "101", contact)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(linked(), `"id":"`+survivor+`"`) {
		t.Errorf("the survivor of a merge lost the deal: %s", linked())
	}
	if err := u.Dissociate("deals", deal, "contacts", survivor); err != nil || strings.Contains(linked(), "deal_to_contact") {
		t.Errorf("after removal: %v %s", err, linked())
	}
}

func TestAssociations_givenOnCreate(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("101", map[string]string{"email": "a@example.test"})
	body := func(id, typeID string) string {
		return `{"properties":{"dealname":"Big"},"associations":[{"to":{"id":"` + id +
			`"},"types":[{"associationCategory":"HUBSPOT_DEFINED","associationTypeId":` + typeID + `}]}]}`
	}
	if got := ask(t, crm, "POST", "/crm/objects/2026-09/deals", body("101", "3")); got.status != 201 {
		t.Errorf("good: %d %s", got.status, got.text)
	}
	for _, bad := range []string{body("999", "3"), body("101", "4")} {
		if got := ask(t, crm, "POST", "/crm/objects/2026-09/deals", bad); got.status != 400 {
			t.Errorf("bad: %d %s", got.status, got.text)
		}
	}
	if n := crm.Count("deals"); n != 1 {
		t.Errorf("%d deals", n)
	}
}

func TestAssociations_tellBothDirections(t *testing.T) {
	t.Parallel()
	crm, to := newWithReceiver(t)
	if err := crm.Host().Webhooks().Subscribe(
		hubspottest.Subscription{Type: "deal.associationChange"}, hubspottest.Subscription{Type: "contact.associationChange"},
		hubspottest.Subscription{Type: "object.creation", ObjectTypeID: "0-3"}); err != nil {
		t.Fatal(err)
	}
	sale(t, crm)
	drain(t, crm)
	got := make(map[any]int)
	for _, e := range to.events() {
		got[e["associationType"]]++
		if e["subscriptionType"] == "object.creation" && e["objectTypeId"] != "0-3" {
			t.Errorf("got %v", e)
		}
	}
	if got["DEAL_TO_CONTACT"] != 1 || got["CONTACT_TO_DEAL"] != 1 || got["CONTACT_TO_COMPANY"] != 1 || got[nil] != 1 {
		t.Errorf("got %v", got)
	}
}
