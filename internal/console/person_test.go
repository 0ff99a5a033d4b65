package console_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

func TestPerson_isErasedByEmailOrIds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bea := s.Join(t, "bea@shop.example", "Bea", "Baker")
	s.Join(t, "cleo@shop.example", "Cleo", "Carter")
	shown := s.CreateContact(t, map[string]string{"email": "ann@shop.example"})
	b := s.signedIn(t, bridge.RolePrivacy)
	b.get(t, s.path("/contacts")).says(t, http.StatusOK, "Email of the person to erase", "Export all data of the person")
	b.post(t, s.path("/person/plan"), url.Values{"email": {"ann@shop.example"}}).says(t, http.StatusConflict, "HubSpot still shows the person", shown)
	b.post(t, s.path("/person/plan"), url.Values{"email": {"nobody"}}).says(t, http.StatusUnprocessableEntity, "not an email")
	b.post(t, s.path("/person/plan"), nil).says(t, http.StatusUnprocessableEntity, "Name the person")
	for name, who := range map[string]url.Values{
		"by email": {"email": {" Cleo@shop.example "}},
		"by ids":   {"account_id": {bea.AccountID}, "user_id": {bea.ID}},
	} {
		t.Run(name, func(t *testing.T) {
			plan := b.post(t, s.path("/person/plan"), who).says(t, http.StatusOK, "1 participant is deleted in Advocate", "0 contacts that HubSpot no longer shows", "cannot be undone")
			for field, value := range who {
				if !strings.Contains(plan.body, fmt.Sprintf("name=%q", field)) || len(value) != 1 {
					t.Errorf("the form does not carry %s along", field)
				}
			}
			b.submit(t, s.path("/person/erase"), who).says(t, http.StatusOK, "The erasure has begun", "none: the person was named by email or as a participant")
		})
	}
	if s.Tenant.Count() != 0 {
		t.Errorf("%d participants are left", s.Tenant.Count())
	}
	if log := s.Log.String(); strings.Contains(log, "shop.example") {
		t.Errorf("the log says %s", log)
	}
}

func TestPerson_isExported(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Join(t, "ann@shop.example", "Ann", "Archer")
	id := s.CreateContact(t, map[string]string{"email": "ann@shop.example", "firstname": "Ann"})
	b := s.signedIn(t, bridge.RolePrivacy)
	for name, who := range map[string]url.Values{"by email": {"email": {"ann@shop.example"}}, "by contact": {"contact": {id}}} {
		t.Run(name, func(t *testing.T) {
			saved := b.post(t, s.path("/person/export"), who).says(t, http.StatusOK)
			var export api.PersonExport
			if err := json.Unmarshal([]byte(saved.body), &export); err != nil || len(export.Contacts) != 1 || export.Contacts[0].ContactID != id || len(export.Participants) != 1 {
				t.Errorf("%v: %s", err, saved.body)
			}
			if got := saved.header.Get("Content-Disposition"); got != `attachment; filename="person.json"` || saved.header.Get("Cache-Control") != "no-store" {
				t.Errorf("sent as %q, %q", got, saved.header.Get("Cache-Control"))
			}
		})
	}
	entries, err := s.Access.AuditLog(t.Context(), store.AuditFilter{Operation: "exportPerson"}, 0, 10)
	if err != nil || len(entries) != 2 || entries[0].Outcome.Subject != "contact:"+id {
		t.Errorf("on record: %+v, %v", entries, err)
	}
	b.post(t, s.path("/person/export"), url.Values{"email": {"nobody@shop.example"}}).says(t, http.StatusNotFound)
}

// upload posts a file as a form does.
func (b *browser) upload(t *testing.T, path, field, content string) shown {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile(field, "erasures.txt")
	if err == nil {
		_, err = io.WriteString(part, content)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.send(t, http.MethodPost, path, http.Header{"Sec-Fetch-Site": {"same-origin"}, "Content-Type": {form.FormDataContentType()}}, &body)
}

func TestErasures_areExportedAndReplayed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	dump := s.Dump(t)
	b := s.signedIn(t, bridge.RolePrivacy)
	b.submit(t, s.path("/contacts/987654321/erase"), nil)
	saved := b.post(t, "/erasures/export", nil).says(t, http.StatusOK)
	if disposition := saved.header.Get("Content-Disposition"); disposition != `attachment; filename="erasures.txt"` {
		t.Errorf("sent as %q", disposition)
	}
	s.Restore(t, dump)
	b = s.signedIn(t, bridge.RolePrivacy)
	b.get(t, "/erasures").says(t, http.StatusOK, "None yet", "advocatesync-receipts.json")
	answer := b.upload(t, "/erasures/replay", "export", saved.body)
	if answer.status != http.StatusSeeOther {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	b.get(t, answer.header.Get("Location")).says(t, http.StatusOK, "Replayed: 1 erasure was begun", "987654321")
	for name, content := range map[string]string{"nothing": "", "something else": "a,b,c\n", "a line without end": strings.Repeat("x", 1<<20)} {
		if answer := b.upload(t, "/erasures/replay", "export", content); answer.status < 400 || answer.status >= 500 {
			t.Errorf("%s: %d %s", name, answer.status, answer.body)
		}
	}
	b.post(t, "/erasures/replay", nil).says(t, http.StatusUnprocessableEntity, "Choose a file")
	b.upload(t, "/erasures/replay", "other", saved.body).says(t, http.StatusUnprocessableEntity, "Choose a file")
}
