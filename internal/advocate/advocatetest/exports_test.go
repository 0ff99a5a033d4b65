package advocatetest_test

import (
	"encoding/csv"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
)

// clock is a wall clock that a test moves by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.UnixMilli(1_774_386_824_964)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c caller) export(params map[string]any) map[string]any {
	c.t.Helper()
	r := c.do(http.MethodPost, "/export", map[string]any{"type": "USER", "format": "CSV", "name": "n", "requester": "r", "params": params})
	if r.status != http.StatusCreated {
		c.t.Fatalf("export: %d %s", r.status, r.body)
	}
	return r.decode(c.t)
}

// rows downloads an export through the signed link; columns by name.
func (c caller) rows(id any) []map[string]string {
	c.t.Helper()
	r := c.do(http.MethodGet, "/export/"+id.(string)+"/download", nil)
	if r.status != http.StatusSeeOther {
		c.t.Fatalf("download: %d %s", r.status, r.body)
	}
	link := r.header.Get("Location")
	if r := c.raw(http.MethodGet, link, nil, true); r.status != http.StatusBadRequest {
		c.t.Fatalf("storage let credentials pass: %d", r.status)
	}
	file := c.raw(http.MethodGet, link, nil, false)
	if file.status != http.StatusOK {
		c.t.Fatalf("storage: %d %s", file.status, file.body)
	}
	records, err := csv.NewReader(strings.NewReader(string(file.body))).ReadAll()
	if err != nil {
		c.t.Fatal(err)
	}
	var out []map[string]string
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, column := range records[0] {
			row[column] = record[i]
		}
		out = append(out, row)
	}
	return out
}

func emails(rows []map[string]string) []string {
	out := []string{}
	for _, row := range rows {
		out = append(out, row["email"])
	}
	slices.Sort(out)
	return out
}

func TestExport_isPendingThenComplete(t *testing.T) {
	t.Parallel()
	clk := newClock()
	s := advocatetest.New(t, advocatetest.WithClock(clk.Now), advocatetest.WithKnobs(func(k *advocatetest.Knobs) {
		k.ExportDelay = advocatetest.Span(28 * time.Second)
		k.ClockOffset = advocatetest.Span(-time.Minute)
	}))
	c := call(t, s)
	c.put(ada, map[string]any{"email": ada, "firstName": "Ada", "customFields": map[string]any{"hubspot_contact_id": "151"}})
	e := c.export(map[string]any{"programId": "47255"})
	if e["status"] != advocatetest.Pending || e["dateCreated"] != float64(clk.Now().Add(-time.Minute).UnixMilli()) {
		t.Fatalf("want a pending job dated by the server's clock: %v", e)
	}
	if r := c.do(http.MethodGet, "/export/"+e["id"].(string)+"/download", nil); r.status != http.StatusBadRequest {
		t.Fatalf("download of a pending job: %d", r.status)
	}
	clk.advance(28 * time.Second)
	if got := c.do(http.MethodGet, "/export/"+e["id"].(string), nil).decode(t); got["status"] != advocatetest.Completed {
		t.Fatalf("got %v", got)
	}
	rows := c.rows(e["id"])
	if len(rows) != 1 {
		t.Fatalf("%d rows", len(rows))
	}
	u, _ := s.Tenant("").User(ada, ada)
	want := map[string]string{"id": u.ID, "accountId": u.ID, "email": ada, "firstName": "Ada", "lastName": "",
		"referralCode": u.ReferralCodes["47255"], "shareLink": u.ShareLinks["47255"], "customFields.hubspot_contact_id": "151"}
	got := map[string]string{}
	for column := range want {
		got[column] = rows[0][column]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	clk.advance(29 * 24 * time.Hour)
	if r := c.do(http.MethodGet, "/export/"+e["id"].(string)+"/download", nil); r.status != http.StatusNotFound {
		t.Errorf("download of an expired job: %d", r.status)
	}
}

func TestExport_filtersByServerTimeAndLeavesTheDeletedOut(t *testing.T) {
	t.Parallel()
	clk := newClock()
	s := advocatetest.New(t, advocatetest.WithClock(clk.Now), advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.ExportDelay = 0 }))
	c := call(t, s)
	at0 := clk.Now().UnixMilli()
	for _, id := range []string{"a@example.org", "b@example.org", "c@example.org"} {
		c.put(id, map[string]any{"email": id})
		clk.advance(time.Second)
	}
	c.put("a@example.org", map[string]any{"firstName": "A"}) // at0 + 3 s
	clk.advance(time.Second)
	c.do(http.MethodDelete, userPath("c@example.org"), nil)

	tests := map[string]struct {
		params map[string]any
		want   []string
	}{
		"no bounds":             {nil, []string{"a@example.org", "b@example.org"}},
		"created or updated":    {map[string]any{"createdOrUpdatedSince": at0 + 2000}, []string{"a@example.org"}},
		"since is inclusive":    {map[string]any{"createdOrUpdatedSince": at0 + 1000}, []string{"a@example.org", "b@example.org"}},
		"before is exclusive":   {map[string]any{"createdBefore": at0 + 1000}, []string{"a@example.org"}},
		"bounds join with and":  {map[string]any{"createdSince": at0 + 1, "updatedSince": at0 + 2000}, []string{}},
		"updated before a time": {map[string]any{"updatedBefore": at0 + 3000}, []string{"b@example.org"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := c.export(tt.params)
			if diff := cmp.Diff(tt.want, emails(c.rows(e["id"]))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExport_isACopyOfItsMoment(t *testing.T) {
	t.Parallel()
	clk := newClock()
	s := advocatetest.New(t, advocatetest.WithClock(clk.Now), advocatetest.WithKnobs(func(k *advocatetest.Knobs) {
		k.ExportDelay, k.VisibilityLag = 0, advocatetest.Span(10*time.Second)
	}))
	c := call(t, s)
	c.put(ada, map[string]any{"email": ada, "firstName": "Old"})
	tooEarly := c.export(nil)
	clk.advance(20 * time.Second)
	c.put(ada, map[string]any{"firstName": "New"})
	lagging := c.export(nil)
	clk.advance(20 * time.Second)
	after := c.export(nil)
	c.put(ada, map[string]any{"firstName": "Newest"})
	if rows := c.rows(tooEarly["id"]); len(rows) != 0 {
		t.Errorf("a write showed before the lag: %v", rows)
	}
	if got := c.rows(lagging["id"])[0]["firstName"]; got != "Old" {
		t.Errorf("within the lag: %q", got)
	}
	if got := c.rows(after["id"])[0]["firstName"]; got != "New" {
		t.Errorf("past the lag: %q", got)
	}
}

func TestExport_refusesAndFailsOnOrder(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t, advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.ExportDelay = 0; k.DirectDownload = true }))
	c := call(t, s)
	for name, params := range map[string]map[string]any{
		"an unknown parameter": {"updatedAfter": 1},
		"a date as text":       {"updatedSince": "2026-01-01"},
		"an unknown program":   {"programId": "1"},
	} {
		if r := c.do(http.MethodPost, "/export", map[string]any{"type": "USER", "params": params}); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, r.status)
		}
	}
	s.Tenant("").FailNextExports(advocatetest.Aborted, advocatetest.Expired)
	for _, want := range []string{advocatetest.Aborted, advocatetest.Expired, advocatetest.Completed} {
		e := c.export(nil)
		if got := c.do(http.MethodGet, "/export/"+e["id"].(string), nil).decode(t)["status"]; got != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	history := c.do(http.MethodGet, "/export/history/list?limit=2", nil).decode(t)
	data, _ := history["data"].([]any)
	if len(data) != 2 || at(data[0], "status") != advocatetest.Completed || history["totalCount"] != 3.0 {
		t.Errorf("history is not newest first: %v", history)
	}
	direct := c.do(http.MethodGet, "/export/"+at(data[0], "id").(string)+"/download", nil)
	if direct.status != http.StatusOK || !strings.HasPrefix(direct.header.Get("Content-Type"), "text/csv") {
		t.Errorf("direct download: %d %v", direct.status, direct.header)
	}
}

func TestExport_asAGraphQLJob(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t, advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.ExportDelay = 0 }))
	c := call(t, s)
	c.put(ada, map[string]any{"email": ada})
	got := c.graphql(`mutation($p: RSJsonNode) { createJob(jobInput: {type: "QUERY/USER", outputFormat: CSV, name: "x", params: $p}) { id status type } }`,
		map[string]any{"p": map[string]any{"programId": "47255", "createdOrUpdatedSince": 1}})
	id, _ := at(got, "data", "createJob", "id").(string)
	got = c.graphql(`query($id: ID!) { job(id: $id) { status downloadUrl(publicLink: true) stats { recordsProcessed errors } } }`, map[string]any{"id": id})
	link, _ := at(got, "data", "job", "downloadUrl").(string)
	if r := c.raw(http.MethodGet, link, nil, false); r.status != http.StatusOK || !strings.Contains(string(r.body), ada) {
		t.Errorf("%v: %d", got, r.status)
	}
	if n := at(got, "data", "job", "stats", "recordsProcessed"); n != 1.0 {
		t.Errorf("%v records", n)
	}
}
