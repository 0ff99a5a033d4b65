package hubspottest_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/hubspot/hubspottest"
)

func signUpForm(t *testing.T, crm *hubspottest.Server) string {
	t.Helper()
	crm.Define("advocate_referral_cookie")
	id, err := crm.DefineForm(hubspottest.Form{Name: "Sign up", Fields: []string{"email", "firstname", "advocate_referral_cookie"}})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestForm_makesOrUpdatesAContact(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	form := signUpForm(t, crm)
	path := "/submissions/v3/integration/submit/4711001/" + form
	body := `{"fields":[{"objectTypeId":"0-1","name":"email","value":"Lead@example.test"},{"name":"firstname","value":"%s"},
		{"name":"advocate_referral_cookie","value":"eyJ1"},{"name":"not_a_property","value":"kept"}],"context":{"pageUri":"https://example.test/join"}}`
	for _, name := range []string{"First", "Second"} {
		if got := askAs(t, crm, "no token is needed", "POST", path, fmt.Sprintf(body, name)); got.status != 200 {
			t.Fatalf("got %d %s", got.status, got.text)
		}
	}
	r, there := crm.ContactByEmail("lead@example.test")
	if !there || r.Properties["firstname"] != "Second" || r.Properties["advocate_referral_cookie"] != "eyJ1" || crm.Count("contacts") != 1 {
		t.Errorf("got %+v", r)
	}
	if got := ask(t, crm, "POST", path, `{"fields":[{"name":"email","value":"nonsense"}]}`); got.status != 400 {
		t.Errorf("bad email: %d %s", got.status, got.text)
	}
	if got := ask(t, crm, "POST", path+"x", `{"fields":[]}`); got.status != 404 {
		t.Errorf("unknown form: %d", got.status)
	}
}

func TestFormSubmissions_newestFirst(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	form := signUpForm(t, crm)
	submit := func(n int) {
		if err := crm.SubmitForm(form, map[string]string{"email": fmt.Sprintf("p%d@example.test", n)}, "https://example.test"); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 5 {
		submit(n)
	}
	page := func(query string) (emails []string, after string) {
		got := ask(t, crm, "GET", "/form-integrations/v1/submissions/forms/"+form+query, "")
		if got.status != 200 {
			t.Fatalf("got %d %s", got.status, got.text)
		}
		for _, r := range got.body["results"].([]any) {
			value := r.(map[string]any)["values"].([]any)[0].(map[string]any)
			emails = append(emails, value["value"].(string))
		}
		if p, more := got.body["paging"].(map[string]any); more {
			after = p["next"].(map[string]any)["after"].(string)
		}
		return emails, after
	}
	first, after := page("?limit=2")
	submit(5) // arrives between two pages
	second, _ := page("?limit=2&after=" + after)
	if diff := cmp.Diff([]string{"p4@example.test", "p3@example.test", "p2@example.test", "p1@example.test"}, append(first, second...)); diff != "" {
		t.Error(diff)
	}
	if got := ask(t, crm, "GET", "/form-integrations/v1/submissions/forms/"+form+"?limit=51", ""); got.status != 400 {
		t.Errorf("page of 51: %d", got.status)
	}
}

func TestForms_definitions(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	form := signUpForm(t, crm)
	if got := ask(t, crm, "GET", "/marketing/v3/forms", ""); got.status != 200 || len(got.body["results"].([]any)) != 1 {
		t.Errorf("got %d %s", got.status, got.text)
	}
	if got := ask(t, crm, "GET", "/marketing/v3/forms/"+form, ""); got.status != 200 || got.body["name"] != "Sign up" {
		t.Errorf("got %d %s", got.status, got.text)
	}
	crm.Tune(func(k *hubspottest.Knobs) { k.MissingScopes, k.FormsBlockArchive = []string{"forms"}, true })
	if got := ask(t, crm, "GET", "/marketing/v3/forms", ""); got.status != 403 {
		t.Errorf("without the scope: %d", got.status)
	}
	if err := crm.ArchiveProperty("contacts", "advocate_referral_cookie"); err == nil {
		t.Error("a property in a form was archived")
	}
	if err := crm.DefineProperty("contacts", hubspottest.Property{Name: "hidden_one", Label: "Hidden",
		GroupName: "contactinformation", Type: "string", FieldType: "text"}); err != nil {
		t.Fatal(err)
	}
	if _, err := crm.DefineForm(hubspottest.Form{Name: "Bad", Fields: []string{"hidden_one"}}); err == nil {
		t.Error("a form with a property that is not made for forms")
	}
}
