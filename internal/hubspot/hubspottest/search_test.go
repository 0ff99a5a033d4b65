package hubspottest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/hubspot/hubspottest"
)

func found(t *testing.T, a answer) []string {
	t.Helper()
	if a.status != 200 {
		t.Fatalf("search: %d %s", a.status, a.text)
	}
	ids := []string{}
	for _, r := range a.body["results"].([]any) {
		ids = append(ids, r.(map[string]any)["id"].(string))
	}
	return ids
}

func TestSearch_operators(t *testing.T) {
	t.Parallel()
	c := newClock()
	crm := hubspottest.New(t, hubspottest.WithClock(c.now))
	crm.Tune(func(k *hubspottest.Knobs) { k.Limits = hubspottest.Unlimited() })
	crm.Put("1", map[string]string{"email": "ann@example.test", "firstname": "Ann", "lifecyclestage": "lead"})
	crm.Put("2", map[string]string{"email": "bob@other.test", "firstname": "Bob", "hs_additional_emails": "robert@example.test"})
	c.pass(time.Hour)
	crm.Put("3", map[string]string{"email": "cid@example.test", "firstname": "Cid"})
	later := fmt.Sprint(c.now().UnixMilli())
	tests := map[string][]string{
		`{"propertyName":"firstname","operator":"EQ","value":"ann"}`:                                                             {"1"},
		`{"propertyName":"firstname","operator":"NEQ","value":"Ann"}`:                                                            {"2", "3"},
		`{"propertyName":"lifecyclestage","operator":"HAS_PROPERTY"}`:                                                            {"1"},
		`{"propertyName":"lifecyclestage","operator":"NOT_HAS_PROPERTY"}`:                                                        {"2", "3"},
		`{"propertyName":"email","operator":"CONTAINS_TOKEN","value":"*example*"}`:                                               {"1", "3"},
		`{"propertyName":"email","operator":"NOT_CONTAINS_TOKEN","value":"example"}`:                                             {"2"},
		`{"propertyName":"firstname","operator":"IN","values":["ann","bob"]}`:                                                    {"1", "2"},
		`{"propertyName":"firstname","operator":"NOT_IN","values":["ann","bob"]}`:                                                {"3"},
		`{"propertyName":"lastmodifieddate","operator":"GTE","value":"` + later + `"}`:                                           {"3"},
		`{"propertyName":"lastmodifieddate","operator":"LT","value":"` + later + `"}`:                                            {"1", "2"},
		`{"propertyName":"hs_object_id","operator":"BETWEEN","value":"2","highValue":"3"}`:                                       {"2", "3"},
		`{"propertyName":"email","operator":"EQ","value":"robert@example.test"}`:                                                 {},
		`{"propertyName":"firstname","operator":"GT","value":"ann"},{"propertyName":"firstname","operator":"LTE","value":"bob"}`: {"2"},
	}
	for filters, want := range tests {
		got := found(t, ask(t, crm, "POST", contactsAPI+"/search", `{"filterGroups":[{"filters":[`+filters+`]}]}`))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", filters, diff)
		}
	}
	got := ask(t, crm, "POST", contactsAPI+"/search", `{"query":"robert","sorts":[{"propertyName":"firstname","direction":"DESCENDING"}]}`)
	if diff := cmp.Diff([]string{"2"}, found(t, got)); diff != "" {
		t.Errorf("query: %s", diff)
	}
	got = ask(t, crm, "POST", contactsAPI+"/search", `{"limit":2,"after":1,"sorts":[{"propertyName":"firstname","direction":"DESCENDING"}]}`)
	if diff := cmp.Diff([]string{"2", "1"}, found(t, got)); diff != "" || got.body["total"] != 3.0 || got.body["paging"] != nil {
		t.Errorf("page: %s %s", diff, got.text)
	}
}

func TestSearch_refusals(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Tune(func(k *hubspottest.Knobs) { k.Limits = hubspottest.Unlimited() })
	one := `{"propertyName":"email","operator":"HAS_PROPERTY"}`
	group := `{"filters":[` + one + `]}`
	tests := map[string]string{
		"six groups":              `{"filterGroups":[` + strings.TrimSuffix(strings.Repeat(group+",", 6), ",") + `]}`,
		"seven filters":           `{"filterGroups":[{"filters":[` + strings.TrimSuffix(strings.Repeat(one+",", 7), ",") + `]}]}`,
		"beyond 10,000 results":   `{"limit":200,"after":"9900"}`,
		"page of 201":             `{"limit":201}`,
		"two sorts":               `{"sorts":[{"propertyName":"email"},{"propertyName":"firstname"}]}`,
		"unknown property":        `{"filterGroups":[{"filters":[{"propertyName":"nope","operator":"HAS_PROPERTY"}]}]}`,
		"unknown operator":        `{"filterGroups":[{"filters":[{"propertyName":"email","operator":"LIKE","value":"a"}]}]}`,
		"upper case in IN":        `{"filterGroups":[{"filters":[{"propertyName":"firstname","operator":"IN","values":["Ann"]}]}]}`,
		"more than 3,000 letters": `{"query":"` + strings.Repeat("x", 3000) + `"}`,
	}
	for name, body := range tests {
		if got := ask(t, crm, "POST", contactsAPI+"/search", body); got.status != 400 {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
}

func TestSearch_lagsBehind(t *testing.T) {
	t.Parallel()
	c := newClock()
	crm := hubspottest.New(t, hubspottest.WithClock(c.now))
	crm.Put("1", map[string]string{"email": "old@example.test"})
	crm.Tune(func(k *hubspottest.Knobs) { k.SearchLag = hubspottest.Duration(10 * time.Second) })
	u := crm.Person(9)
	if err := u.Edit("contacts", "1", map[string]string{"email": "new@example.test"}); err != nil {
		t.Fatal(err)
	}
	id, err := u.Create("contacts", map[string]string{"email": "second@example.test"})
	if err != nil {
		t.Fatal(err)
	}
	search := func(email string) []string {
		return found(t, ask(t, crm, "POST", contactsAPI+"/search",
			`{"filterGroups":[{"filters":[{"propertyName":"email","operator":"EQ","value":"`+email+`"}]}]}`))
	}
	if len(search("old@example.test")) != 1 || len(search("second@example.test")) != 0 {
		t.Error("the index knows too early")
	}
	c.pass(10 * time.Second)
	if diff := cmp.Diff([]string{id}, search("second@example.test")); diff != "" || len(search("new@example.test")) != 1 {
		t.Error("the index never learned: " + diff)
	}
}
