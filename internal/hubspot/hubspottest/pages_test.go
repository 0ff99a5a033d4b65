package hubspottest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"advocatesync/internal/hubspot/hubspottest"
)

// The page of a contact does what its buttons say, and shows markup as text.
func TestRecordPage_doesWhatItsButtonsSay(t *testing.T) {
	t.Parallel()
	crm := hubspottest.NewHost()
	t.Cleanup(crm.Close)
	p := crm.DefaultPortal()
	id, err := p.Person(1).Create("contacts", map[string]string{"email": "ann@shop.example", "firstname": "<b>Ann"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(crm)
	t.Cleanup(server.Close)
	address := server.URL + "/contacts/default/record/0-1/" + id
	press := func(values url.Values) (status int, page string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(values.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	status, page := press(url.Values{"act": {"save"}, "email": {"anna@shop.example"}, "firstname": {"<b>Ann"}})
	if record, _ := p.Record("contacts", id); status != http.StatusOK || record.Properties["email"] != "anna@shop.example" || !strings.Contains(page, "&lt;b&gt;Ann") {
		t.Errorf("saved: %d, %v\n%s", status, record.Properties, page)
	}
	if _, page = press(url.Values{"act": {"delete"}}); !strings.Contains(page, "recycle bin") {
		t.Errorf("deleted:\n%s", page)
	}
	press(url.Values{"act": {"restore"}})
	if record, found := p.Record("contacts", id); !found || record.Archived {
		t.Errorf("restored: %v", record)
	}
	if status, _ = press(url.Values{"act": {"dance"}}); status != http.StatusUnprocessableEntity {
		t.Errorf("an act that there is not: %d", status)
	}
	if status, _ = press(url.Values{"act": {"erase"}}); status != http.StatusNotFound {
		t.Errorf("the page of a contact that is gone: %d", status)
	}
}
