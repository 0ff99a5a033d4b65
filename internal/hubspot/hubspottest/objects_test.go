package hubspottest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/hubspot/hubspottest"
)

const contactsAPI = "/crm/objects/2026-09/contacts"

func TestPaths_haveAliases(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("101", map[string]string{"email": "a@example.test"})
	for _, path := range []string{
		"/crm/v3/objects/contacts/101", "/crm/objects/2026-03/contacts/101", "/crm/objects/2026-09/0-1/101",
		"/crm/v3/properties/contacts/email", "/crm/properties/2026-03/contacts/email", "/crm/properties/2026-09/contacts/email",
		"/account-info/v3/details", "/account-info/2026-03/details", "/account-info/2026-09/details",
	} {
		if got := ask(t, crm, "GET", path, ""); got.status != 200 {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
	}
	if n := crm.Calls("GET /crm/objects/2026-09/contacts/{id}"); n != 3 {
		t.Errorf("aliases count as %d calls of one route, want 3", n)
	}
}

// Refusals of single calls, each as HubSpot is documented or seen to answer.
func TestContacts_refusals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"email in use":                   {"POST", contactsAPI, `{"properties":{"email":"A@example.test"}}`, 409, "Contact already exists. Existing ID: 101"},
		"additional email in use":        {"POST", contactsAPI, `{"properties":{"email":"also@example.test"}}`, 409, "Existing ID: 101"},
		"email of another contact":       {"PATCH", contactsAPI + "/102", `{"properties":{"email":"a@example.test"}}`, 409, "Existing ID: 101"},
		"nothing to know a contact by":   {"POST", contactsAPI, `{"properties":{"phone":"1"}}`, 400, "VALIDATION_ERROR"},
		"bad email":                      {"POST", contactsAPI, `{"properties":{"email":"a@b"}}`, 400, `"code":"INVALID_EMAIL"`},
		"unknown property":               {"PATCH", contactsAPI + "/101", `{"properties":{"nope":"1"}}`, 400, `"code":"PROPERTY_DOESNT_EXIST"`},
		"read-only property":             {"PATCH", contactsAPI + "/101", `{"properties":{"createdate":"1"}}`, 400, `"code":"READ_ONLY_VALUE"`},
		"additional emails are not ours": {"PATCH", contactsAPI + "/101", `{"properties":{"hs_additional_emails":"x@example.test"}}`, 400, `"code":"READ_ONLY_VALUE"`},
		"marketing status is not ours":   {"PATCH", contactsAPI + "/101", `{"properties":{"hs_marketable_status":"true"}}`, 400, `"code":"READ_ONLY_VALUE"`},
		"unknown option":                 {"PATCH", contactsAPI + "/101", `{"properties":{"lifecyclestage":"nope"}}`, 400, `"code":"INVALID_OPTION"`},
		"unknown id":                     {"GET", contactsAPI + "/999", "", 404, "resource not found"},
		"id that is no number":           {"GET", contactsAPI + "/abc", "", 404, "objectId are usually numeric"},
		"unknown email":                  {"GET", contactsAPI + "/x@example.test?idProperty=email", "", 404, "resource not found"},
		"unknown object type":            {"GET", "/crm/objects/2026-09/unicorns/1", "", 400, "Unable to infer object type"},
		"malformed JSON":                 {"POST", contactsAPI, `{"properties":`, 400, "Invalid input JSON"},
		"a batch of none":                {"POST", contactsAPI + "/batch/read", `{"inputs":[]}`, 400, "1 to 100"},
		"batch update by email":          {"POST", contactsAPI + "/batch/update", `{"inputs":[{"id":"a@example.test","idProperty":"email","properties":{}}]}`, 400, "non-unique"},
		"batch update by hs_object_id":   {"POST", contactsAPI + "/batch/update", `{"inputs":[{"id":"101","idProperty":"hs_object_id","properties":{}}]}`, 400, "non-unique"},
		"ids that occur twice":           {"POST", contactsAPI + "/batch/read", `{"inputs":[{"id":"101"},{"id":"101"}]}`, 400, "Duplicate IDs found in batch input: [101]. IDs must be unique"},
		"page of more than 100":          {"GET", contactsAPI + "?limit=101", "", 400, "limit"},
		"merge of one with itself":       {"POST", contactsAPI + "/merge", `{"primaryObjectId":"101","objectIdToMerge":"101"}`, 400, "different"},
	}
	crm := hubspottest.New(t)
	crm.Put("101", map[string]string{"email": "a@example.test", "hs_additional_emails": "also@example.test"})
	crm.Put("102", map[string]string{"email": "b@example.test"})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := ask(t, crm, tt.method, tt.path, tt.body)
			if got.status != tt.status || !strings.Contains(got.text, tt.says) {
				t.Errorf("got %d %s", got.status, got.text)
			}
		})
	}
	if n := crm.Count("contacts"); n != 2 {
		t.Errorf("%d contacts after refusals only", n)
	}
}

func TestContacts_single(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	got := ask(t, crm, "POST", contactsAPI, `{"properties":{"email":"Ada@Example.test","firstname":"Ada","phone":null}}`)
	id, _ := got.body["id"].(string)
	if got.status != 201 || got.header.Get("Location") != contactsAPI+"/"+id {
		t.Fatalf("create: %d %v %s", got.status, got.header, got.text)
	}
	got = ask(t, crm, "PATCH", contactsAPI+"/ada@example.test?idProperty=email", `{"properties":{"firstname":"","lastname":"L"}}`)
	if got.status != 200 || got.body["id"] != id {
		t.Fatalf("update: %d %s", got.status, got.text)
	}
	got = ask(t, crm, "GET", contactsAPI+"/"+id+"?properties=firstname,lastname,never_defined", "")
	values := got.body["properties"].(map[string]any)
	if v, there := values["firstname"]; !there || v != nil {
		t.Errorf("a cleared property must be null: %v", values)
	}
	if _, there := values["never_defined"]; there || values["lastname"] != "L" {
		t.Errorf("got %v", values)
	}
	for _, status := range []int{204, 204} {
		if got := ask(t, crm, "DELETE", contactsAPI+"/"+id, ""); got.status != status {
			t.Errorf("archive: %d", got.status)
		}
	}
	if got := ask(t, crm, "GET", contactsAPI+"/"+id+"?archived=true", ""); got.status != 200 || got.body["archivedAt"] == nil {
		t.Errorf("archived read: %d %s", got.status, got.text)
	}
}

func TestBatchCreate_withoutTraceIDsIsAllOrNothing(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("101", map[string]string{"email": "taken@example.test"})
	got := ask(t, crm, "POST", contactsAPI+"/batch/create",
		`{"inputs":[{"properties":{"email":"new@example.test"}},{"properties":{"email":"taken@example.test"}}]}`)
	if got.status != 409 || !strings.Contains(got.text, "Existing ID: 101") {
		t.Errorf("got %d %s", got.status, got.text)
	}
	if _, made := crm.ContactByEmail("new@example.test"); made {
		t.Error("a refused batch created a contact")
	}
}

func TestBatch_inputsThatWantTheSameUniqueValue(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	if err := crm.DefineProperty("contacts", hubspottest.Property{Name: "badge", Label: "Badge",
		GroupName: "contactinformation", Type: "string", FieldType: "text", HasUniqueValue: true}); err != nil {
		t.Fatal(err)
	}
	inputs := `{"inputs":[{%s"properties":{"email":"a@example.test","badge":"7"}},{%s"properties":{"email":"b@example.test","badge":"7"}}]}`
	got := ask(t, crm, "POST", contactsAPI+"/batch/create", fmt.Sprintf(inputs, "", ""))
	if got.status != 400 || !strings.Contains(got.text, "CONFLICTING_UNIQUE_VALUE") || crm.Count("contacts") != 0 {
		t.Errorf("untraced: %d %s, %d contacts", got.status, got.text, crm.Count("contacts"))
	}
	got = ask(t, crm, "POST", contactsAPI+"/batch/create",
		fmt.Sprintf(inputs, `"objectWriteTraceId":"1",`, `"objectWriteTraceId":"2",`))
	if got.status != 207 || crm.Count("contacts") != 1 {
		t.Errorf("traced: %d %s", got.status, got.text)
	}
}

func TestBatchUpsert_tellsNewFromOld(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("101", map[string]string{"email": "old@example.test", "firstname": "Old"})
	got := ask(t, crm, "POST", contactsAPI+"/batch/upsert", `{"inputs":[
		{"id":"old@example.test","idProperty":"email","properties":{"firstname":"New"},"objectWriteTraceId":"1"},
		{"id":"new@example.test","idProperty":"email","properties":{"firstname":"New"},"objectWriteTraceId":"2"},
		{"id":"x","idProperty":"firstname","properties":{},"objectWriteTraceId":"3"}]}`)
	if got.status != 207 {
		t.Fatalf("got %d %s", got.status, got.text)
	}
	isNew := make(map[string]any)
	for _, r := range got.body["results"].([]any) {
		one := r.(map[string]any)
		isNew[one["objectWriteTraceId"].(string)] = one["new"]
	}
	if diff := cmp.Diff(map[string]any{"1": false, "2": true}, isNew); diff != "" {
		t.Error(diff)
	}
	if crm.Get("101")["firstname"] != "New" {
		t.Error("an upsert overwrites, which is why it is the wrong tool")
	}
}

func TestBatchArchive_ignoresUnknownIDs(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("101", nil)
	if got := ask(t, crm, "POST", contactsAPI+"/batch/archive", `{"inputs":[{"id":"101"},{"id":"999"},{"id":"x"}]}`); got.status != 204 {
		t.Errorf("got %d %s", got.status, got.text)
	}
	if crm.Count("contacts") != 0 {
		t.Error("contact 101 is still live")
	}
}

func TestList_walksAllByID(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	var want []string
	for i := range 25 {
		id := fmt.Sprint(100 + (i*7)%25)
		crm.Put(id, nil)
		want = append(want, id)
	}
	slices.Sort(want)
	if err := crm.Person(9).Archive("contacts", "110"); err != nil {
		t.Fatal(err)
	}
	want = slices.DeleteFunc(want, func(id string) bool { return id == "110" })
	var got []string
	for path := contactsAPI + "?limit=7"; path != ""; {
		page := ask(t, crm, "GET", path, "")
		for _, r := range page.body["results"].([]any) {
			got = append(got, r.(map[string]any)["id"].(string))
		}
		path = ""
		if p, more := page.body["paging"].(map[string]any); more {
			path = contactsAPI + "?limit=7&after=" + p["next"].(map[string]any)["after"].(string)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	archived := ask(t, crm, "GET", contactsAPI+"?archived=true", "")
	if n := len(archived.body["results"].([]any)); n != 1 {
		t.Errorf("%d archived", n)
	}
}

func TestRestore_refusedWhileTheEmailIsTaken(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("101", map[string]string{"email": "a@example.test"})
	u := crm.Person(9)
	if err := u.Archive("contacts", "101"); err != nil {
		t.Fatal(err)
	}
	other, err := u.Create("contacts", map[string]string{"email": "a@example.test"})
	if err != nil {
		t.Fatalf("an archived contact does not hold its email: %v", err)
	}
	if err := u.Restore("contacts", "101"); err == nil {
		t.Error("restored although the email is taken")
	}
	if err := u.Archive("contacts", other); err != nil {
		t.Fatal(err)
	}
	if err := u.Restore("contacts", "101"); err != nil || crm.Get("101")["email"] != "a@example.test" {
		t.Errorf("restore: %v", err)
	}
}

func TestArchived_purgedAfterNinetyDays(t *testing.T) {
	t.Parallel()
	c := newClock()
	crm := hubspottest.New(t, hubspottest.WithClock(c.now))
	crm.Define("code_a")
	for _, id := range []string{"101", "102"} {
		crm.Put(id, nil)
		if err := crm.Person(9).Archive("contacts", id); err != nil {
			t.Fatal(err)
		}
	}
	if err := crm.ArchiveProperty("contacts", "code_a"); err != nil {
		t.Fatal(err)
	}
	c.pass(89 * 24 * time.Hour)
	if err := crm.Person(9).Restore("contacts", "102"); err != nil {
		t.Fatalf("day 89: %v", err)
	}
	c.pass(2 * 24 * time.Hour)
	if got := ask(t, crm, "GET", contactsAPI+"/101?archived=true", ""); got.status != 404 {
		t.Errorf("day 91: %d", got.status)
	}
	if got := ask(t, crm, "GET", contactsAPI+"/102", ""); got.status != 200 {
		t.Errorf("the restored one: %d", got.status)
	}
	if got := ask(t, crm, "GET", "/crm/properties/2026-09/contacts/code_a?archived=true", ""); got.status != 404 {
		t.Errorf("archived property on day 91: %d", got.status)
	}
}

func TestErase_blocksPeopleButNotTheAPI(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("101", map[string]string{"email": "a@example.test"})
	if got := ask(t, crm, "POST", contactsAPI+"/gdpr-delete", `{"objectId":"a@example.test","idProperty":"email"}`); got.status != 204 {
		t.Fatalf("got %d %s", got.status, got.text)
	}
	if got := ask(t, crm, "POST", contactsAPI+"/gdpr-delete", `{"objectId":"never@example.test","idProperty":"email"}`); got.status != 204 {
		t.Errorf("unknown email: %d", got.status)
	}
	for _, email := range []string{"a@example.test", "never@example.test"} {
		if _, err := crm.Person(9).Create("contacts", map[string]string{"email": email}); err == nil {
			t.Errorf("a person made %s again", email)
		}
		if got := ask(t, crm, "POST", contactsAPI, `{"properties":{"email":"`+email+`"}}`); got.status != 201 {
			t.Errorf("the API could not make %s again: %d", email, got.status)
		}
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	for name, legacy := range map[string]bool{"a third record survives": false, "the primary record survives": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crm := hubspottest.New(t)
			crm.Tune(func(k *hubspottest.Knobs) { k.LegacyMerge = legacy })
			crm.Put("101", map[string]string{"email": "a@example.test", "firstname": "A"})
			crm.Put("102", map[string]string{"email": "b@example.test", "firstname": "B", "phone": "2", "hs_additional_emails": "c@example.test"})
			id, err := crm.Person(9).Merge("contacts", "101", "102")
			if err != nil || (id == "101") != legacy {
				t.Fatalf("survivor %s, %v", id, err)
			}
			got := crm.Get(id)
			for property, want := range map[string]string{"email": "a@example.test", "firstname": "A", "phone": "2",
				"hs_additional_emails": "b@example.test;c@example.test", "hs_merged_object_ids": "101;102"} {
				if got[property] != want {
					t.Errorf("%s is %q, want %q", property, got[property], want)
				}
			}
			if r, found := crm.ContactByEmail("c@example.test"); !found || r.ID != id {
				t.Errorf("additional email finds %v", r.ID)
			}
			if got := ask(t, crm, "PATCH", contactsAPI+"/102", `{"properties":{"phone":"3"}}`); got.status != 200 || got.body["id"] != id {
				t.Errorf("update by the old id: %d %s", got.status, got.text)
			}
			body := `{"inputs":[{"id":"102","objectWriteTraceId":"1","properties":{"phone":"4"}}]}`
			if got := ask(t, crm, "POST", contactsAPI+"/batch/update", body); got.status != 207 || crm.Get(id)["phone"] != "3" {
				t.Errorf("batch update by the old id: %d %s", got.status, got.text)
			}
			if got := ask(t, crm, "GET", contactsAPI+"/102?archived=true", ""); got.status != 404 {
				t.Errorf("a merged-away contact is not archived: %d", got.status)
			}
		})
	}
}

func TestRequiredProperties_bindOnlyTheNewestVersion(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Tune(func(k *hubspottest.Knobs) {
		k.RequiredOnCreate = []string{"phone"}
		k.RequiredWhen = []hubspottest.ConditionRule{{Property: "lifecyclestage", Value: "customer", Requires: []string{"company"}}}
	})
	create := `{"properties":{"email":"%s"}}`
	if got := ask(t, crm, "POST", contactsAPI, fmt.Sprintf(create, "a@example.test")); got.status != 400 ||
		!strings.Contains(got.text, `"code":"MISSING_REQUIRED_PROPERTY"`) || !strings.Contains(got.text, `"propertyName":["phone"]`) {
		t.Errorf("2026-09: %d %s", got.status, got.text)
	}
	got := ask(t, crm, "POST", "/crm/v3/objects/contacts", fmt.Sprintf(create, "a@example.test"))
	if got.status != 201 {
		t.Fatalf("v3: %d %s", got.status, got.text)
	}
	id := got.body["id"].(string)
	if got := ask(t, crm, "PATCH", contactsAPI+"/"+id, `{"properties":{"lifecyclestage":"customer"}}`); got.status != 400 ||
		!strings.Contains(got.text, "MISSING_CONDITIONAL_REQUIRED_PROPERTY") {
		t.Errorf("condition: %d %s", got.status, got.text)
	}
	if got := ask(t, crm, "PATCH", contactsAPI+"/"+id, `{"properties":{"firstname":"A"}}`); got.status != 200 {
		t.Errorf("an update needs no required-on-create property: %d %s", got.status, got.text)
	}
}

func TestReadLag_followsTheClock(t *testing.T) {
	t.Parallel()
	c := newClock()
	crm := hubspottest.New(t, hubspottest.WithClock(c.now))
	crm.Tune(func(k *hubspottest.Knobs) { k.ReadLag = hubspottest.Duration(500 * time.Millisecond) })
	id, err := crm.Person(9).Create("contacts", map[string]string{"email": "a@example.test"})
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, crm, "GET", contactsAPI+"/"+id, ""); got.status != 404 {
		t.Errorf("at once: %d", got.status)
	}
	c.pass(500 * time.Millisecond)
	if got := ask(t, crm, "GET", contactsAPI+"/"+id, ""); got.status != 200 {
		t.Errorf("half a second later: %d", got.status)
	}
}

func TestCustomTypes_areCheckedAndNormalised(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	for name, kind := range map[string][2]string{"n": {"number", "number"}, "d": {"date", "date"}, "b": {"bool", "booleancheckbox"}} {
		if err := crm.DefineProperty("contacts", hubspottest.Property{Name: "my_" + name, Label: name,
			GroupName: "contactinformation", Type: kind[0], FieldType: kind[1]}); err != nil {
			t.Fatal(err)
		}
	}
	crm.Put("101", nil)
	for body, want := range map[string]string{
		`{"properties":{"my_n":"abc"}}`:            "INVALID_INTEGER",
		`{"properties":{"my_b":"yes"}}`:            "INVALID_OPTION",
		`{"properties":{"my_d":"soon"}}`:           "INVALID_DATE",
		`{"properties":{"my_n":12.5,"my_b":true}}`: `"my_n":"12.5"`,
		`{"properties":{"my_d":"1793577600000"}}`:  `"normalizedValue":"2026-11-02"`,
	} {
		if got := ask(t, crm, "PATCH", contactsAPI+"/101", body); !strings.Contains(got.text, want) {
			t.Errorf("%s: %s", body, got.text)
		}
	}
}
