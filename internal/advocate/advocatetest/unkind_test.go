package advocatetest_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/standin/fault"
)

func people(t *testing.T, s *advocatetest.Server, n int) {
	t.Helper()
	s.Tenant("").Seed(n, func(i int) advocatetest.User {
		return advocatetest.User{Email: fmt.Sprintf("p%d@example.org", i), FirstName: "Ann", LastName: "Other"}
	})
}

// file downloads the file of a new export as it is.
func (c caller) file(s *advocatetest.Server) string {
	c.t.Helper()
	s.Tune(func(k *advocatetest.Knobs) { k.ExportDelay, k.ColumnSeed, k.DirectDownload = 0, 0, true })
	made := c.export(nil)
	r := c.do(http.MethodGet, "/export/"+made["id"].(string)+"/download", nil)
	if r.status != http.StatusOK {
		c.t.Fatalf("%d %s", r.status, r.body)
	}
	return string(r.body)
}

func TestFileFlaws_spoilSingleRows(t *testing.T) {
	t.Parallel()
	for how, tt := range map[advocatetest.How]struct {
		holds string
		bad   bool // encoding/csv refuses the file
	}{
		advocatetest.StrayQuote:   {`A"n`, true},
		advocatetest.OpenQuote:    {`,"Ann,`, true},
		advocatetest.TooFew:       {"Other", true},
		advocatetest.TooMany:      {",surplus\n", true},
		advocatetest.BlankID:      {"\n,", false},
		advocatetest.BlankAccount: {",,p1@example.org", false},
		advocatetest.OddDate:      {"yesterday", false},
		advocatetest.NUL:          {"An\x00n", false},
		advocatetest.BadUTF8:      {"Ren\xe9", false},
		advocatetest.Long:         {strings.Repeat("n", 2<<20), false},
		advocatetest.LineBreak:    {"\"Ann\nMarie\"", false},
	} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			s := advocatetest.New(t)
			people(t, s, 3)
			s.Tenant("").SpoilNextExports(advocatetest.FileFlaws{Rows: []advocatetest.RowFlaw{{Email: "p1@example.org", How: how}}})
			c := call(t, s)
			spoilt := c.file(s)
			if !strings.Contains(spoilt, tt.holds) || !strings.Contains(spoilt, "p0@example.org") || !strings.Contains(spoilt, "p2@example.org") {
				t.Errorf("%.600q", spoilt)
			}
			if _, err := csv.NewReader(strings.NewReader(spoilt)).ReadAll(); (err != nil) != tt.bad {
				t.Errorf("reading it as a right file: %v", err)
			}
			rows, err := csv.NewReader(strings.NewReader(c.file(s))).ReadAll()
			if err != nil || len(rows) != 4 {
				t.Errorf("the next file: %d rows, %v", len(rows), err)
			}
		})
	}
}

func TestFileFlaws_spoilTheWholeFile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		flaws advocatetest.FileFlaws
		want  func(string) bool
	}{
		"a column is missing": {advocatetest.FileFlaws{Without: []string{"accountId"}},
			func(f string) bool { return strings.HasPrefix(f, "id,email,") }},
		"a footer": {advocatetest.FileFlaws{Footer: "Total: 2 users\n"},
			func(f string) bool { return strings.HasSuffix(f, "\nTotal: 2 users\n") }},
		"another text": {advocatetest.FileFlaws{Text: "PK\x03\x04"},
			func(f string) bool { return f == "PK\x03\x04" }},
		"a row twice": {advocatetest.FileFlaws{Rows: []advocatetest.RowFlaw{{Row: 1, How: advocatetest.Twice}}},
			func(f string) bool { return strings.Count(f, "p0@example.org") == 2 && strings.Count(f, "\n") == 4 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advocatetest.New(t)
			people(t, s, 2)
			s.Tenant("").SpoilNextExports(tt.flaws)
			if got := call(t, s).file(s); !tt.want(got) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestExports_pendingForEver(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := advocatetest.New(t, advocatetest.WithClock(c.Now))
	s.Tenant("").FailNextExports(advocatetest.Pending)
	caller := call(t, s)
	id := caller.export(nil)["id"].(string)
	for range 3 {
		c.advance(24 * time.Hour)
		if got := caller.do(http.MethodGet, "/export/"+id, nil).decode(t)["status"]; got != advocatetest.Pending {
			t.Fatalf("status %v", got)
		}
	}
	next := caller.export(nil)["id"].(string)
	c.advance(time.Minute)
	if got := caller.do(http.MethodGet, "/export/"+next, nil).decode(t)["status"]; got != advocatetest.Completed {
		t.Errorf("the next export is %v", got)
	}
}

func TestFaults_onePoisonRecord(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	s.Order(advocatetest.Fault{Contains: "b@example.org", Status: 500, Times: -1})
	var got []int
	for _, id := range []string{"a@example.org", "b@example.org", "a@example.org", "b@example.org"} {
		got = append(got, c.put(id, nil).status)
	}
	if diff := cmp.Diff([]int{200, 500, 200, 500}, got); diff != "" {
		t.Error(diff)
	}
	if s.Tenant("").Count() != 1 {
		t.Errorf("%d participants", s.Tenant("").Count())
	}
}

func TestFaults_oddTypesInAnAnswer(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	people(t, s, 2)
	s.Order(advocatetest.Fault{Route: advocatetest.RouteGraphQL, Answer: fault.Answer{Alter: []fault.Edit{
		fault.Set("data.users.data.0.email", 7), fault.Set("data.users.data.1.id", nil),
	}}})
	got := call(t, s).graphql(`{users(limit: 2) {data {id email}}}`, nil)
	if at(got, "data", "users", "data").([]any)[0].(map[string]any)["email"] != 7.0 ||
		at(got, "data", "users", "data").([]any)[1].(map[string]any)["id"] != nil {
		t.Errorf("%v", got)
	}
}

func TestFaults_aGatewaysPageAndARedirect(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	s.Order(
		advocatetest.Fault{Route: advocatetest.RouteUsers, Status: 403, Answer: fault.Answer{Page: true}},
		advocatetest.Fault{Route: advocatetest.RouteUsers, Status: 307, Answer: fault.Answer{Location: "https://other.example/"}},
		advocatetest.Fault{Route: advocatetest.RouteUsers, Answer: fault.Answer{CutAfter: 5}},
	)
	if r := c.do(http.MethodGet, "/users", nil); r.status != 403 || !strings.HasPrefix(string(r.body), "<!DOCTYPE html>") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := c.do(http.MethodGet, "/users", nil); r.status != 307 || r.header.Get("Location") != "https://other.example/" {
		t.Errorf("%d %v", r.status, r.header)
	}
	if _, err := c.attempt(http.MethodGet, "/users", ""); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a cut answer: %v", err)
	}
}

func TestQuote_writesTheRefusedValue(t *testing.T) {
	t.Parallel()
	for quote, want := range map[fault.Quoting]string{
		fault.Raw: "Email a@b is invalid", fault.JSON: `Email a\\u0040b is invalid`, fault.URL: "Email a%40b is invalid", fault.HTML: `Email a\u0026#64;b is invalid`,
	} {
		s := advocatetest.New(t, advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.Quote = quote }))
		if r := call(t, s).put("a@example.org", map[string]any{"email": "a@b"}); !strings.Contains(string(r.body), want) {
			t.Errorf("%s: %s", quote, r.body)
		}
	}
}

func TestLiftDoNotTrack_letsThePersonComeBack(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	people(t, s, 1)
	if !s.Tenant("").Delete("p0@example.org", "p0@example.org", true) || c.put("p0@example.org", nil).status != 403 {
		t.Fatal("an erased person came back")
	}
	body := map[string]any{"account_id": "p0@example.org", "id": "p0@example.org"}
	if r := c.admin(http.MethodPost, advocatetest.DefaultAlias+"/lift", body); !strings.Contains(string(r.body), "true") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := c.put("p0@example.org", nil); r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestVerdicts_asOrdered(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]advocatetest.Verdict{
		"a status that nobody documented": {Status: "On Hold"},
		"complete, with an error":         {Status: "Complete", ErrorType: "CONTRACT_NOT_FOUND", ErrorReason: "no contract"},
		"complete":                        {Status: "Complete"},
		"no status":                       {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advocatetest.New(t)
			c := call(t, s)
			tt.OrderID = "order-1"
			s.Tenant("").OrderVerdict(tt)
			queued := c.brand(http.MethodPost, account+"/Conversions", conversion(map[string]string{"OrderId": "order-1"})).decode(t)
			got := c.brand(http.MethodGet, queued["QueuedUri"].(string), nil).decode(t)
			if got["Status"] != tt.Status || got["ErrorType"] != tt.ErrorType || got["OrderId"] != "order-1" {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestVerdicts_areHiddenAtFirst(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := advocatetest.New(t, advocatetest.WithClock(clock.Now), advocatetest.WithKnobs(func(k *advocatetest.Knobs) {
		k.VerdictHidden = advocatetest.Span(10 * time.Second)
	}))
	c := call(t, s)
	queued := c.brand(http.MethodPost, account+"/Conversions", conversion(nil)).decode(t)
	path := queued["QueuedUri"].(string)
	if r := c.brand(http.MethodGet, path, nil); r.status != 404 {
		t.Errorf("at once: %d", r.status)
	}
	clock.advance(10 * time.Second)
	if r := c.brand(http.MethodGet, path, nil); r.status != 200 || r.decode(t)["Status"] != "Complete" {
		t.Errorf("later: %d %s", r.status, r.body)
	}
	s.Order(advocatetest.Fault{Route: advocatetest.RouteSubmission, Answer: fault.Answer{Body: "<ImpactRadiusResponse/>", ContentType: "application/xml"}})
	if r := c.brand(http.MethodGet, path, nil); r.status != 200 || string(r.body) != "<ImpactRadiusResponse/>" {
		t.Errorf("unreadable: %d %s", r.status, r.body)
	}
}

func TestAuthToken_changes(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t)
	c := call(t, s)
	s.Tenant("").SetAuthToken("another")
	if r := c.brand(http.MethodPost, account+"/Conversions", conversion(nil)); r.status != 401 {
		t.Errorf("the former token: %d", r.status)
	}
	s.Tenant("").SetAuthToken(advocatetest.DefaultAuthToken)
	if r := c.brand(http.MethodPost, account+"/Conversions", conversion(nil)); r.status != 200 {
		t.Errorf("the right token: %d %s", r.status, r.body)
	}
}
