package hubspottest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/standin/fault"
)

const (
	contactsPath = "/crm/objects/2026-09/contacts"
	readRoute    = "POST " + contactsPath + "/batch/read"
	updateRoute  = "POST " + contactsPath + "/batch/update"
)

// What stands between us and HubSpot answers in its own words.
func TestFault_answersThatAreNotHubSpots(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault  hubspottest.Fault
		status int
		media  string
		begins string
	}{
		"a portal of another region":      {hubspottest.Fault{Status: 488}, 488, "text/plain", "Request routed"},
		"a gateway's page with 403":       {hubspottest.Fault{Status: 403, Answer: fault.Answer{Page: true}}, 403, "text/html", "<!DOCTYPE html>"},
		"a gateway's page with 502":       {hubspottest.Fault{Status: 502}, 502, "text/html", "<!DOCTYPE html>"},
		"a gateway's page with 503":       {hubspottest.Fault{Status: 503, Answer: fault.Answer{Page: true}}, 503, "text/html", "<!DOCTYPE html>"},
		"a page in place of a right one":  {hubspottest.Fault{Answer: fault.Answer{Page: true}}, 200, "text/html", "<!DOCTYPE html>"},
		"a proxy's own JSON":              {hubspottest.Fault{Status: 418, Answer: fault.Answer{Body: `{"error":"policy"}`}}, 418, "application/json", `{"error":`},
		"an empty 400":                    {hubspottest.Fault{Status: 400, Answer: fault.Answer{Body: " ", ContentType: "text/plain"}}, 400, "text/plain", " "},
		"a redirect to another host":      {hubspottest.Fault{Status: 307, Answer: fault.Answer{Location: "https://other.example/"}}, 307, "", ""},
		"a lasting redirect to elsewhere": {hubspottest.Fault{Status: 308, Answer: fault.Answer{Location: "https://other.example/"}}, 308, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crm := hubspottest.New(t)
			crm.Inject(tt.fault)
			got := ask(t, crm, "GET", details, "")
			if got.status != tt.status || !strings.HasPrefix(got.header.Get("Content-Type"), tt.media) || !strings.HasPrefix(got.text, tt.begins) {
				t.Errorf("%d %v %s", got.status, got.header, got.text)
			}
			if got.header.Get("Location") != tt.fault.Location {
				t.Errorf("location %q", got.header.Get("Location"))
			}
			if got := ask(t, crm, "GET", details, ""); got.status != 200 {
				t.Errorf("the next call: %d", got.status)
			}
		})
	}
}

func TestFault_onePoisonRecordFailsEveryBatchItIsIn(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	for _, id := range []string{"501", "502", "503"} {
		crm.Put(id, map[string]string{"email": id + "@example.test"})
	}
	crm.Inject(hubspottest.Fault{Route: updateRoute, Contains: `"502"`, Status: 500, Times: -1})
	update := func(ids ...string) int {
		inputs := make([]string, 0, len(ids))
		for _, id := range ids {
			inputs = append(inputs, fmt.Sprintf(`{"id":%q,"objectWriteTraceId":%[1]q,"properties":{"phone":"1"}}`, id))
		}
		return ask(t, crm, "POST", contactsPath+"/batch/update", `{"inputs":[`+strings.Join(inputs, ",")+`]}`).status
	}
	got := []int{update("501", "502", "503"), update("501", "503"), update("502"), update("502")}
	if diff := cmp.Diff([]int{500, 200, 500, 500}, got); diff != "" {
		t.Error(diff)
	}
	if crm.Get("502")["phone"] != "" || crm.Get("501")["phone"] != "1" {
		t.Error("the poison was written, or the others were not")
	}
}

func TestFault_oddAnswersToABatchRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit fault.Edit
		want string
	}{
		"an email that is a number": {fault.Set("results.id=502.properties.email", 5), `"email":5`},
		"an email that is a list":   {fault.Set("results.id=502.properties.email", []string{"a"}), `"email":["a"]`},
		"properties that are null":  {fault.Set("results.id=502.properties", nil), `"properties":null`},
		"an id that is a number":    {fault.Set("results.id=502.id", 502), `"id":502`},
		"a time that is a number":   {fault.Set("results.id=502.createdAt", 1), `"createdAt":1`},
		"archived that is text":     {fault.Set("results.id=502.archived", "no"), `"archived":"no"`},
		"a record that is null":     {fault.Set("results.id=502", nil), `null`},
		"results that are null":     {fault.Set("results", nil), `"results":null`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crm := hubspottest.New(t)
			crm.Put("501", map[string]string{"email": "ada@example.test"})
			crm.Put("502", map[string]string{"email": "bob@example.test"})
			crm.Inject(hubspottest.Fault{Route: readRoute, Answer: fault.Answer{Alter: []fault.Edit{tt.edit}}})
			got := ask(t, crm, "POST", contactsPath+"/batch/read", `{"properties":["email"],"inputs":[{"id":"501"},{"id":"502"}]}`)
			if got.status != 200 || !strings.Contains(got.text, tt.want) {
				t.Errorf("%d %s", got.status, got.text)
			}
		})
	}
}

func TestFault_readsWithoutAdditionalEmails(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("501", map[string]string{"email": "ada@example.test", "hs_additional_emails": "ada@work.example"})
	crm.Inject(hubspottest.Fault{Route: readRoute, Times: -1,
		Answer: fault.Answer{Alter: []fault.Edit{fault.Remove("results.*.properties.hs_additional_emails")}}})
	got := ask(t, crm, "POST", contactsPath+"/batch/read",
		`{"idProperty":"email","properties":["email","hs_additional_emails"],"inputs":[{"id":"ada@work.example"}]}`)
	if got.status != 200 || !strings.Contains(got.text, "ada@example.test") || strings.Contains(got.text, "ada@work.example") {
		t.Errorf("%d %s", got.status, got.text)
	}
}

func TestFault_aCursorThatRepeatsNeverEnds(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("501", map[string]string{"email": "ada@example.test"})
	crm.Inject(hubspottest.Fault{Route: "GET " + contactsPath, Times: -1, Answer: fault.Answer{Alter: []fault.Edit{fault.Set("paging.next.after", "501")}}})
	after := ""
	for page := range 3 {
		got := ask(t, crm, "GET", contactsPath+"?limit=1&after="+after, "")
		if got.status != 200 || len(got.body["results"].([]any)) != 1 {
			t.Fatalf("page %d: %s", page, got.text)
		}
		after = got.body["paging"].(map[string]any)["next"].(map[string]any)["after"].(string)
	}
	if after != "501" {
		t.Errorf("cursor %q", after)
	}
}

func TestFault_hangsUntilTheCallerGivesUp(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Inject(hubspottest.Fault{Answer: fault.Answer{Hang: true, CutAfter: 5}})
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, crm.URL+details, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+hubspottest.DefaultToken)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	hangUp()
	if _, err := io.ReadAll(res.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("the answer ended by itself: %v", err)
	}
}

func TestRefusals_nameOneRecord(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	crm.Put("501", map[string]string{"email": "ada@example.test"})
	crm.Put("502", map[string]string{"email": "bob@example.test"})
	crm.Tune(func(k *hubspottest.Knobs) {
		k.Refusals = []hubspottest.Refusal{
			{Record: "501", Category: "SOMETHING_NEW", Message: "Not today"},
			{Record: "Cleo@example.test", Status: 403, Category: "PORTAL_RULE", Message: "Not this one"},
		}
	})
	got := ask(t, crm, "POST", contactsPath+"/batch/update", `{"inputs":[
		{"id":"501","objectWriteTraceId":"a","properties":{"phone":"1"}},{"id":"502","objectWriteTraceId":"b","properties":{"phone":"1"}}]}`)
	if got.status != 207 || got.body["numErrors"] != 1.0 || !strings.Contains(got.text, "SOMETHING_NEW") || crm.Get("502")["phone"] != "1" {
		t.Errorf("%d %s", got.status, got.text)
	}
	if got := ask(t, crm, "POST", contactsPath, `{"properties":{"email":"cleo@example.test"}}`); got.status != 403 || got.body["category"] != "PORTAL_RULE" {
		t.Errorf("%d %s", got.status, got.text)
	}
	if err := crm.Person(9).Edit("contacts", "501", map[string]string{"phone": "2"}); err != nil {
		t.Errorf("people are not refused: %v", err)
	}
}

func TestQuote_writesTheRefusedValue(t *testing.T) {
	t.Parallel()
	const value = "ada lace@example.test"
	for quote, want := range map[fault.Quoting]string{
		"": value, "raw": value, "json": `ada\\\\u0020lace\\\\u0040example\\\\u002etest`,
		"url": "ada+lace%40example.test", "html": `ada lace\\u0026#64;example.test`,
	} {
		t.Run("quoted "+string(quote), func(t *testing.T) {
			t.Parallel()
			crm := hubspottest.New(t)
			crm.Tune(func(k *hubspottest.Knobs) { k.Quote = quote })
			got := ask(t, crm, "POST", contactsPath, `{"properties":{"email":"`+value+`"}}`)
			if got.status != 400 || !strings.Contains(got.text, want) {
				t.Errorf("%d %s", got.status, got.text)
			}
			if plain := strings.Contains(got.text, value); plain != (quote == "" || quote == "raw") {
				t.Errorf("the plain value: %v in %s", plain, got.text)
			}
		})
	}
}

func TestLaxEmails_takeWhatImportsBring(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	odd := "a\u200bda@example.test"
	if _, err := crm.Seed("contacts", "501", map[string]string{"email": odd}); err == nil {
		t.Error("an ordinary portal took an invisible character in an email")
	}
	crm.Tune(func(k *hubspottest.Knobs) { k.LaxEmails = true })
	crm.Put("501", map[string]string{"email": odd, "firstname": "A\x00da"})
	if got := crm.Get("501"); got["email"] != odd || got["firstname"] != "A\x00da" {
		t.Errorf("%q", got)
	}
	if _, err := crm.Person(9).Create("contacts", map[string]string{"email": "nonsense"}); err == nil {
		t.Error("an email without @ was taken")
	}
}

func refreshed(t *testing.T, crm *hubspottest.Server, app hubspottest.App, refresh string) (int, map[string]any) {
	t.Helper()
	return token(t, crm, tokenPath, map[string]string{"grant_type": "refresh_token", "refresh_token": refresh,
		"client_id": app.ClientID, "client_secret": app.ClientSecret})
}

// granted exchanges a code for the first pair of tokens.
func granted(t *testing.T, crm *hubspottest.Server) (access, refresh string) {
	t.Helper()
	status, got := token(t, crm, tokenPath, map[string]string{"grant_type": "authorization_code",
		"code": crm.Authorize(redirect, nil), "redirect_uri": redirect})
	if status != 200 {
		t.Fatal(got)
	}
	return got["access_token"].(string), got["refresh_token"].(string)
}

func TestOAuth_aGrantBelongsToTheAppThatGotIt(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	own, other := crm.Host().App(), hubspottest.App{ID: 9, ClientID: "another", ClientSecret: "secret of another"}
	crm.Host().AddApp(other)
	_, refresh := granted(t, crm)
	for name, tt := range map[string]struct {
		app    hubspottest.App
		status int
		error  string
	}{
		"another app":              {other, 400, "invalid_grant"},
		"an app that nobody knows": {hubspottest.App{ClientID: "nobody", ClientSecret: "x"}, 400, "invalid_client"},
		"a wrong secret":           {hubspottest.App{ClientID: own.ClientID, ClientSecret: "x"}, 400, "invalid_client"},
		"another app's secret":     {hubspottest.App{ClientID: own.ClientID, ClientSecret: other.ClientSecret}, 400, "invalid_client"},
	} {
		if status, got := refreshed(t, crm, tt.app, refresh); status != tt.status || got["error"] != tt.error {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
	if status, got := refreshed(t, crm, own, refresh); status != 200 {
		t.Errorf("the right app, afterwards: %d %v", status, got)
	}
	crm.Tune(func(k *hubspottest.Knobs) { k.InvalidClientStatus = 401 })
	if status, got := refreshed(t, crm, hubspottest.App{ClientID: "nobody"}, refresh); status != 401 || got["error"] != "invalid_client" {
		t.Errorf("%d %v", status, got)
	}
}

func TestOAuth_shortAndFreshTokens(t *testing.T) {
	t.Parallel()
	c := newClock()
	crm := hubspottest.New(t, hubspottest.WithClock(c.now))
	crm.Tune(func(k *hubspottest.Knobs) {
		k.TokenLife, k.RefuseFresh = hubspottest.Duration(20*time.Second), 2
	})
	access, refresh := granted(t, crm)
	var got []int
	for range 3 {
		got = append(got, askAs(t, crm, access, "GET", details, "").status)
	}
	c.pass(20 * time.Second)
	got = append(got, askAs(t, crm, access, "GET", details, "").status)
	if diff := cmp.Diff([]int{401, 401, 200, 401}, got); diff != "" {
		t.Error(diff)
	}
	if _, pair := refreshed(t, crm, crm.Host().App(), refresh); pair["expires_in"] != 20.0 {
		t.Errorf("%v", pair)
	}
}

func TestForge_claimsWhatDidNotHappen(t *testing.T) {
	t.Parallel()
	crm, to := newWithReceiver(t)
	crm.Put("501", map[string]string{"email": "ada@example.test"})
	if got := ask(t, crm, "POST", adminContacts+"/501/forge", `{"action":"privacyDeletion"}`); got.status != 204 {
		t.Fatal(got.text)
	}
	drain(t, crm)
	if got := to.events(); len(got) != 1 || got[0]["subscriptionType"] != "contact.privacyDeletion" || got[0]["objectId"] != 501.0 {
		t.Errorf("%v", got)
	}
	if got := ask(t, crm, "POST", "/_admin/webhooks/send", `[{"subscriptionType":"contact.deletion","objectId":501}]`); got.status != 200 || got.body["status"] != 200.0 {
		t.Errorf("%d %s", got.status, got.text)
	}
	if got := to.events(); len(got) != 2 || got[1]["portalId"] != float64(hubspottest.DefaultPortalID) {
		t.Errorf("%v", got)
	}
	if crm.Get("501")["email"] == "" {
		t.Error("the contact is gone")
	}
}

func TestForms_ofEveryType(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	ids := map[string]string{}
	for _, kind := range hubspottest.FormTypes {
		id, err := crm.DefineForm(hubspottest.Form{Name: kind, Type: kind, Fields: []string{"email", "0-2/domain"}})
		if err != nil {
			t.Fatal(err)
		}
		ids[kind] = id
	}
	for query, want := range map[string]int{"": 1, "?formTypes=captured": 1, "?formTypes=all": 4, "?formTypes=captured,flow": 2} {
		if got := ask(t, crm, "GET", "/marketing/v3/forms"+query, ""); got.status != 200 || len(got.body["results"].([]any)) != want {
			t.Errorf("%s: %d %s", query, got.status, got.text)
		}
	}
	if got := ask(t, crm, "GET", "/marketing/v3/forms?formTypes=odd", ""); got.status != 400 {
		t.Errorf("%d %s", got.status, got.text)
	}
	if got := ask(t, crm, "GET", "/marketing/v3/forms/"+ids["captured"], ""); got.status != 404 {
		t.Errorf("%d %s", got.status, got.text)
	}
	if err := crm.SubmitForm(ids["captured"], map[string]string{"email": "ada@example.test"}, ""); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, crm, "GET", "/form-integrations/v1/submissions/forms/"+ids["captured"], ""); got.status != 200 || len(got.body["results"].([]any)) != 1 {
		t.Errorf("%d %s", got.status, got.text)
	}
}

func TestForms_fieldsRepeatAndBelongToObjects(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	id, err := crm.DefineForm(hubspottest.Form{Name: "Several", Fields: []string{"email", "jobtitle", "0-2/domain"}})
	if err != nil {
		t.Fatal(err)
	}
	err = crm.Submit(id, []hubspottest.SubmittedValue{
		{Name: "email", Value: "ada@example.test", ObjectTypeID: "0-1"}, {Name: "email", Value: "office@example.test", ObjectTypeID: "0-2"},
		{Name: "jobtitle", Value: "a", ObjectTypeID: "0-1"}, {Name: "jobtitle", Value: "b", ObjectTypeID: "0-1"}, {Name: "domain", Value: "example.test", ObjectTypeID: "0-2"},
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	contact, there := crm.ContactByEmail("ada@example.test")
	if !there || contact.Properties["jobtitle"] != "a;b" || crm.Count("contacts") != 1 {
		t.Errorf("%+v", contact)
	}
	got := ask(t, crm, "GET", "/form-integrations/v1/submissions/forms/"+id, "")
	if n := strings.Count(got.text, `"name":"email"`); n != 2 || !strings.Contains(got.text, `"value":"office@example.test","objectTypeId":"0-2"`) {
		t.Errorf("%s", got.text)
	}
	for _, bad := range []hubspottest.Form{{Fields: []string{"9-9/x"}}, {Fields: []string{"0-2/email"}}, {Type: "odd"}} {
		if _, err := crm.DefineForm(bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func TestMerge_dealsRememberWhatTheyWere(t *testing.T) {
	t.Parallel()
	crm := hubspottest.New(t)
	for _, id := range []string{"701", "702"} {
		if _, err := crm.Seed("deals", id, map[string]string{"dealname": id, "amount": "10"}); err != nil {
			t.Fatal(err)
		}
	}
	merged, err := crm.Person(9).Merge("deals", "701", "702")
	if err != nil {
		t.Fatal(err)
	}
	r, _ := crm.Record("deals", merged)
	if merged == "701" || r.Properties["hs_merged_object_ids"] != "701;702" || r.Properties["dealname"] != "701" {
		t.Errorf("%s %+v", merged, r)
	}
}
