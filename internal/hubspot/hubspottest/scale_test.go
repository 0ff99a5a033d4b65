package hubspottest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"advocatesync/internal/hubspot/hubspottest"
)

// programProperties are about what a referral program writes onto a contact.
var programProperties = []string{"advocate_user_id", "advocate_account_id", "advocate_referral_code", "advocate_share_link",
	"link_email", "link_facebook", "link_messenger", "link_whatsapp", "link_twitter", "link_line", "link_linkedin", "link_pinterest"}

func bigPortal(tb testing.TB, contacts int) *hubspottest.Host {
	tb.Helper()
	knobs := hubspottest.DefaultKnobs()
	knobs.Limits = hubspottest.Unlimited()
	host := hubspottest.NewHost(hubspottest.WithPortal(hubspottest.PortalConfig{ID: 1, Token: "t", Knobs: &knobs}))
	tb.Cleanup(host.Close)
	p := host.DefaultPortal()
	for _, name := range programProperties {
		if err := p.DefineProperty("contacts", hubspottest.Property{Name: name, Label: name,
			GroupName: "contactinformation", Type: "string", FieldType: "text"}); err != nil {
			tb.Fatal(err)
		}
	}
	for i := range contacts {
		if _, err := p.Seed("contacts", fmt.Sprint(i+1), map[string]string{
			"email": fmt.Sprintf("person%d@example.test", i+1), "firstname": "Ada", "lastname": "Example"}); err != nil {
			tb.Fatal(err)
		}
	}
	return host
}

// updateBody is a full batch update of contacts from onward.
func updateBody(tb testing.TB, from, round int) []byte {
	tb.Helper()
	type input struct {
		ID         string            `json:"id"`
		TraceID    string            `json:"objectWriteTraceId"`
		Properties map[string]string `json:"properties"`
	}
	var in struct {
		Inputs []input `json:"inputs"`
	}
	for i := range 100 {
		values := make(map[string]string, len(programProperties))
		for _, name := range programProperties {
			values[name] = fmt.Sprintf("https://share.example.test/%s/%d/%d", name, from+i, round)
		}
		in.Inputs = append(in.Inputs, input{fmt.Sprint(from + i), fmt.Sprint("p-", i), values})
	}
	body, err := json.Marshal(in)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func post(tb testing.TB, host http.Handler, path string, body []byte) *httptest.ResponseRecorder {
	tb.Helper()
	req := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	req.Header.Set("Authorization", "Bearer t")
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	host.ServeHTTP(w, req)
	return w
}

// One operation is a full batch: 100 contacts, 12 properties each.
func BenchmarkBatchUpdate(b *testing.B) {
	const contacts = 100_000
	host := bigPortal(b, contacts)
	bodies := make([][]byte, 50)
	for i := range bodies {
		bodies[i] = updateBody(b, i*100+1, i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if w := post(b, host, "/crm/objects/2026-09/contacts/batch/update", bodies[i%len(bodies)]); w.Code != 200 {
			b.Fatal(w.Code, w.Body)
		}
	}
}

func BenchmarkBatchRead(b *testing.B) {
	host := bigPortal(b, 10_000)
	var ids []string
	for i := range 100 {
		ids = append(ids, fmt.Sprintf(`{"id":"person%d@example.test"}`, i*50+1))
	}
	body := []byte(`{"idProperty":"email","properties":["email","advocate_user_id","advocate_account_id"],"inputs":[` + strings.Join(ids, ",") + `]}`)
	b.ReportAllocs()
	for b.Loop() {
		if w := post(b, host, "/crm/objects/2026-09/contacts/batch/read", body); w.Code != 200 {
			b.Fatal(w.Code, w.Body)
		}
	}
}

// A portal of a million contacts has to fit beside everything else on a small machine.
func TestPortal_isLeanPerContact(t *testing.T) {
	const contacts = 20_000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	host := bigPortal(t, contacts)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if per := int64(after.HeapAlloc-before.HeapAlloc) / contacts; per > 600 {
		t.Errorf("%d bytes per contact, want at most 600", per)
	}
	runtime.KeepAlive(host)
}
