package advocate_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
	"advocatesync/internal/standin/fault"
)

func collect(rows iter.Seq2[bridge.Participant, error]) (all []bridge.Participant, err error) {
	for p, err := range rows {
		if err != nil {
			return all, err
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b bridge.Participant) int { return strings.Compare(a.Email, b.Email) })
	return all, nil
}

func instantExports(k *advocatetest.Knobs) { k.ExportDelay = 0 }

func TestDownloadExport_yieldsParticipants(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]advocatetest.Option{
		"through a signed link": nil,
		"at once":               {advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.DirectDownload = true })},
		"with verbatim ids":     {advocatetest.WithVerbatimIDs()},
		"with statistics":       {advocatetest.WithKnobs(func(k *advocatetest.Knobs) { k.StatsColumns = true; k.ColumnSeed = 7 })},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := advocatetest.New(t, append(opts, advocatetest.WithKnobs(instantExports))...)
			c := client(t, s)
			var want []bridge.Participant
			for _, email := range []string{ada, "bob@example.org"} {
				p, err := c.Upsert(t.Context(), change(email), program)
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, p)
			}
			e, err := c.CreateExport(t.Context(), advocate.ExportRequest{Name: "full", ProgramID: program})
			if err != nil {
				t.Fatal(err)
			}
			got, err := collect(c.DownloadExport(t.Context(), e.ID))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExport_lifeOfAJob(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t, advocatetest.WithKnobs(func(k *advocatetest.Knobs) {
		k.ExportDelay, k.ClockOffset = advocatetest.Span(time.Hour), advocatetest.Span(-24*time.Hour)
	}))
	c := client(t, s)
	if _, err := c.FindExport(t.Context(), "run 1"); bridge.KindOf(err) != bridge.NotFound {
		t.Fatalf("before it exists: %v", err)
	}
	created, err := c.CreateExport(t.Context(), advocate.ExportRequest{Name: "run 1", ProgramID: program})
	if err != nil || created.Status != advocate.ExportPending || !created.DateCompleted.IsZero() {
		t.Fatalf("%+v, %v", created, err)
	}
	if age := time.Since(created.DateCreated); age < 23*time.Hour {
		t.Errorf("the date is ours, not the server's: %s ago", age)
	}
	found, err := c.FindExport(t.Context(), "run 1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(created, found); diff != "" {
		t.Error(diff)
	}
	if _, err := collect(c.DownloadExport(t.Context(), created.ID)); bridge.KindOf(err) != bridge.Invalid {
		t.Errorf("download of a pending export: %v", err)
	}
	s.Tune(instantExports)
	s.Tenant("").FailNextExports(advocatetest.Aborted)
	second, err := c.CreateExport(t.Context(), advocate.ExportRequest{Name: "run 2", ProgramID: program})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Export(t.Context(), second.ID); err != nil || got.Status != advocate.ExportAborted {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := c.Export(t.Context(), "export-nobody-made"); bridge.KindOf(err) != bridge.NotFound {
		t.Errorf("unknown export: %v", err)
	}
}

func TestCreateExport_sinceLeavesOutTheOld(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t, advocatetest.WithKnobs(instantExports))
	moment := time.Now().Add(-time.Hour)
	s.Tenant("").Seed(2, func(i int) advocatetest.User {
		return advocatetest.User{Email: fmt.Sprintf("u%d@example.org", i), DateCreated: moment.Add(time.Duration(i-1) * time.Minute).UnixMilli()}
	})
	c := client(t, s)
	e, err := c.CreateExport(t.Context(), advocate.ExportRequest{Name: "delta", ProgramID: program, Since: moment})
	if err != nil {
		t.Fatal(err)
	}
	got, err := collect(c.DownloadExport(t.Context(), e.ID))
	if err != nil || len(got) != 1 || got[0].Email != "u1@example.org" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestDownloadExport_streamsALargeFile(t *testing.T) {
	t.Parallel()
	const n = 20_000
	s := advocatetest.New(t, advocatetest.WithKnobs(instantExports))
	s.Tenant("").Seed(n, func(i int) advocatetest.User {
		return advocatetest.User{Email: fmt.Sprintf("u%d@example.org", i), FirstName: "Multi\nline, \"quoted\"", CustomFields: map[string]any{"hubspot_contact_id": fmt.Sprint(i)}}
	})
	c := client(t, s)
	e, err := c.CreateExport(t.Context(), advocate.ExportRequest{Name: "full", ProgramID: program})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for p, err := range c.DownloadExport(t.Context(), e.ID) {
		if err != nil {
			t.Fatal(err)
		}
		if p.Email != "u"+p.HubSpotContactID+"@example.org" || p.FirstName != "Multi\nline, \"quoted\"" {
			t.Fatalf("row is mixed up: %+v", p)
		}
		seen[p.UserID] = true
	}
	if len(seen) != n {
		t.Errorf("%d different rows, want %d", len(seen), n)
	}
	for range c.DownloadExport(t.Context(), e.ID) {
		break // must not hang or leak
	}
}

func TestDownloadExport_noticesAFileThatBreaksOff(t *testing.T) {
	t.Parallel()
	s := advocatetest.New(t, advocatetest.WithKnobs(instantExports))
	s.Tenant("").Seed(500, func(i int) advocatetest.User { return advocatetest.User{Email: fmt.Sprintf("u%d@example.org", i)} })
	c := client(t, s)
	e, err := c.CreateExport(t.Context(), advocate.ExportRequest{Name: "full", ProgramID: program})
	if err != nil {
		t.Fatal(err)
	}
	s.Order(advocatetest.Fault{Route: advocatetest.RouteStorage, Answer: fault.Answer{CutAfter: 50_000}})
	got, err := collect(c.DownloadExport(t.Context(), e.ID))
	if bridge.KindOf(err) != bridge.Unavailable || len(got) == 0 || len(got) >= 500 {
		t.Errorf("%d rows, then %v", len(got), err)
	}
	s.Order(advocatetest.Fault{Route: advocatetest.RouteStorage, Status: http.StatusForbidden})
	_, err = collect(c.DownloadExport(t.Context(), e.ID))
	if bridge.KindOf(err) != bridge.Unavailable {
		t.Errorf("storage's 403 says nothing about our credentials: %v", err)
	}
}

// Whoever answers in Advocate's place, or changes its answer, has us read nothing that
// only this machine reaches.
func TestDownloadExport_fetchesNothingInside(t *testing.T) {
	t.Parallel()
	var hits atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		_, _ = w.Write([]byte("id,accountId,email,referralCode,shareLink\nU,A,,,\n"))
	}))
	t.Cleanup(inside.Close)
	port := inside.URL[strings.LastIndex(inside.URL, ":"):]
	for name, link := range map[string]string{
		"this machine's name":     "http://localhost" + port,
		"an address of IPv6":      "http://[::1]" + port,
		"IPv4 as IPv6":            "http://[::ffff:127.0.0.1]" + port,
		"another of its own":      "http://127.0.0.2" + port,
		"a cloud's metadata":      "http://169.254.169.254/latest/meta-data/",
		"a database":              "http://10.0.0.5:5432/",
		"a link without a scheme": "//localhost" + port,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := fileServer(t, advocate.Config{}, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, link, http.StatusSeeOther) })
			got, err := collect(c.DownloadExport(t.Context(), "x"))
			refused, _ := errors.AsType[*bridge.Error](err)
			if refused == nil || refused.Kind != bridge.Unavailable || refused.Code != outbound.CodePrivateAddress || len(got) != 0 {
				t.Errorf("%d rows, then %v", len(got), err)
			}
		})
	}
	t.Cleanup(func() {
		if n := hits.Load(); n != 0 {
			t.Errorf("%d requests reached it", n)
		}
	})
}

func TestDownloadExport_readsWhateverColumnsThereAre(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		file string
		want []bridge.Participant
		code string // of an error
	}{
		"unknown columns in any order": {
			"x,accountId,customFields.hubspot_contact_id,id,dateCreated,shareLink,email,referralCode\n1,A,9,U,1774386824964,,,\n",
			[]bridge.Participant{{AccountID: "A", UserID: "U", HubSpotContactID: "9", DateCreated: time.UnixMilli(1774386824964).UTC()}}, "",
		},
		"a byte order mark":               {"\ufeffid,accountId,email,referralCode,shareLink\nU,A,,,\n", []bridge.Participant{{AccountID: "A", UserID: "U"}}, ""},
		"a clean link only":               {"id,accountId,email,referralCode,cleanShareLink\nU,A,,,https://x.example/c\n", []bridge.Participant{{AccountID: "A", UserID: "U", ShareLink: "https://x.example/c"}}, ""},
		"a date that is no number":        {"id,accountId,email,referralCode,shareLink,dateCreated\nU,A,,,,yesterday\n", []bridge.Participant{{AccountID: "A", UserID: "U"}}, ""},
		"no rows":                         {"id,accountId,email,referralCode,shareLink\n", nil, ""},
		"no id column":                    {"userId,accountId\nU,A\n", nil, "MISSING_COLUMN"},
		"no account column":               {"id\nU\n", nil, "MISSING_COLUMN"},
		"an email column of another name": {"id,accountId,mail,referralCode,shareLink\nU,A,,,\n", nil, "MISSING_COLUMN"},
		"a code column of another name":   {"id,accountId,email,code,shareLink\nU,A,,,\n", nil, "MISSING_COLUMN"},
		"no column with a link":           {"id,accountId,email,referralCode,link\nU,A,,,\n", nil, "MISSING_COLUMN"},
		"two columns of one name":         {"id,accountId,email,referralCode,shareLink,email\nU,A,,,,\n", nil, "REPEATED_COLUMN"},
		"nothing at all":                  {"", nil, "NO_HEADER"},
		"a header with an open quote":     {"id,\"accountId\nU,A\n", nil, "BAD_HEADER"},
		"a web page":                      {"<html>\n<title>Log in</title>\n", nil, "MISSING_COLUMN"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(tt.file)) }))
			t.Cleanup(srv.Close)
			base, err := url.Parse(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			c := advocate.New(advocate.Config{BaseURL: base, Tenant: "t"}, srv.Client())
			got, err := collect(c.DownloadExport(t.Context(), "x"))
			var e *bridge.Error
			if tt.code != "" && (!errors.As(err, &e) || e.Kind != bridge.Invalid || e.Code != tt.code) || tt.code == "" && err != nil {
				t.Fatalf("got error %v, want %q", err, tt.code)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// fileServer serves an export file to a client.
func fileServer(t *testing.T, cfg advocate.Config, serve http.HandlerFunc) *advocate.Client {
	t.Helper()
	srv := httptest.NewServer(serve)
	t.Cleanup(srv.Close)
	base, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	cfg.BaseURL, cfg.Tenant = base, "t"
	return advocate.New(cfg, srv.Client())
}

func TestDownloadExport_oneBadRowHidesNoOther(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ row, fault string }{
		"a stray quote":           {"U,A,,,,5\" screen", "column 6 has a quote in the middle of an unquoted value"},
		"an open quote":           {"U,A,,,,\"ann", "column 6 has a quote that is never closed"},
		"a column too many":       {"U,A,,,,x,y", "it has 7 columns instead of 6"},
		"a column too few":        {"U,A,,,", "it has 5 columns instead of 6"},
		"a footer":                {"2 rows", "it has 1 column instead of 6"},
		"a blank id":              {",A,,,,x", "its id is blank"},
		"an id of spaces":         {"  ,A,,,,x", "its id is blank"},
		"a blank account id":      {"U,,,,,x", "its accountId is blank"},
		"an id that is a path":    {"..,A,,,,x", "its id is no id"},
		"an account id like that": {"U,.,,,,x", "its accountId is no id"},
		"a NUL in an id":          {"U\x00,A,,,,x", "its id has characters that no id has"},
		"an id that is no text":   {"U\xff,A,,,,x", "its id has characters that no id has"},
		"an id that was no text":  {"U\ufffd,A,,,,x", "its id has characters that no id has"},
		"a control in an id":      {"U\x1b,A,,,,x", "its id has characters that no id has"},
		"a line break in an id":   {"\"U\nx\",A,,,,x", "its id has characters that no id has"},
		"half a sign in an id":    {"U,A\xe2\x82,,,,x", "its accountId has characters that no id has"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := fileServer(t, advocate.Config{}, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte("id,accountId,email,referralCode,shareLink,firstName\nU1,A1,,,,Ann\n" + tt.row + "\nU2,A2,,,,Bob\n"))
			})
			var users []string
			var bad []*bridge.UnreadableRowError
			for p, err := range c.DownloadExport(t.Context(), "x") {
				one, unreadable := errors.AsType[*bridge.UnreadableRowError](err)
				switch {
				case unreadable:
					bad = append(bad, one)
				case err != nil:
					t.Fatal(err)
				default:
					users = append(users, p.UserID)
				}
			}
			if !slices.Equal(users, []string{"U1", "U2"}) {
				t.Errorf("read %v", users)
			}
			if len(bad) != 1 || bad[0].Line != 3 || bad[0].Fault != tt.fault || bad[0].Raw == "" {
				t.Errorf("bad rows %+v", bad)
			}
		})
	}
}

// Where no decision hangs on a cell, an odd one costs no row: a contact id that
// cannot be one names nobody, and a date that cannot be one is none.
func TestDownloadExport_takesRowsWithOddCells(t *testing.T) {
	t.Parallel()
	for cells, want := range map[string]bridge.Participant{
		"151,1794729600000":           {HubSpotContactID: "151", DateCreated: time.UnixMilli(1794729600000).UTC()},
		"151,2026-11-15T08:00:00Z":    {HubSpotContactID: "151", DateCreated: time.Date(2026, 11, 15, 8, 0, 0, 0, time.UTC)},
		"15\x001,1.7947296e12":        {DateCreated: time.UnixMilli(1794729600000).UTC()},
		"15\xff1,1794729600":          {},
		"15\ufffd1,1794729600000000":  {},
		",9223372036854775807":        {},
		",-1":                         {},
		",soon":                       {},
		",99999999999999999999999999": {},
	} {
		c := fileServer(t, advocate.Config{ContactIDField: "h"}, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("id,accountId,email,referralCode,shareLink,customFields.h,dateCreated\nU,A,,,," + cells + "\n"))
		})
		want.UserID, want.AccountID = "U", "A"
		for got, err := range c.DownloadExport(t.Context(), "x") {
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%q: %v %s", cells, err, diff)
			}
		}
	}
}

func TestDownloadExport_givesUpADownloadThatStalls(t *testing.T) {
	t.Parallel()
	for name, dribble := range map[string]bool{"nothing comes any more": false, "hardly anything comes": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := fileServer(t, advocate.Config{StallAfter: 100 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write([]byte("id,accountId,email,referralCode,shareLink\nU,A,,,\n"))
				flush := http.NewResponseController(w)
				_ = flush.Flush()
				drip := time.NewTicker(10 * time.Millisecond)
				defer drip.Stop()
				for r.Context().Err() == nil {
					select {
					case <-r.Context().Done():
					case <-drip.C:
						if dribble {
							_, _ = w.Write([]byte("x"))
							_ = flush.Flush()
						}
					}
				}
			})
			var last error
			for _, err := range c.DownloadExport(t.Context(), "x") {
				last = err
			}
			if bridge.KindOf(last) != bridge.Unavailable {
				t.Errorf("ended with %v", last)
			}
		})
	}
}

func TestDownloadExport_refusesAFileWithoutEnd(t *testing.T) {
	t.Parallel()
	endless := func(w io.Writer, r *http.Request, chunk string) {
		_, _ = io.WriteString(w, "id,accountId,email,referralCode,shareLink\n")
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, chunk); err != nil {
				return
			}
		}
	}
	rows := strings.Repeat("U,A,,,\n", 1000)
	for name, serve := range map[string]http.HandlerFunc{
		"of rows": func(w http.ResponseWriter, r *http.Request) { endless(w, r, rows) },
		"of rows, behind a link": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/f" {
				http.Redirect(w, r, "/f", http.StatusSeeOther)
				return
			}
			endless(w, r, rows)
		},
		"of blank lines": func(w http.ResponseWriter, r *http.Request) { endless(w, r, strings.Repeat("\n", 1000)) },
		"of rows, compressed to next to nothing": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			endless(gzip.NewWriter(w), r, rows)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := fileServer(t, advocate.Config{MaxExport: 1 << 20}, serve)
			var last error
			for _, err := range c.DownloadExport(t.Context(), "x") {
				last = err
			}
			var e *bridge.Error
			if !errors.As(last, &e) || e.Kind != bridge.Invalid || e.Code != "TOO_LARGE" {
				t.Errorf("ended with %v", last)
			}
		})
	}
}

func TestDownloadExport_outlastsTheTimeoutOfACall(t *testing.T) {
	t.Parallel()
	proceed := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("id,accountId,email,referralCode,shareLink\nU,A,,,\n"))
		_ = http.NewResponseController(w).Flush()
		<-proceed
		_, _ = w.Write([]byte("V,B,,,\n"))
	}))
	t.Cleanup(srv.Close)
	base, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Client{Timeout: 20 * time.Millisecond}
	c := advocate.New(advocate.Config{BaseURL: base, Tenant: "t"}, h)
	next, stop := iter.Pull2(c.DownloadExport(t.Context(), "x"))
	defer stop()
	if _, err, _ := next(); err != nil {
		t.Fatal(err)
	}
	// A call under the same timeout that gets no answer shows that it has passed.
	if _, err := c.Programs(context.WithoutCancel(t.Context())); bridge.KindOf(err) != bridge.Unavailable {
		t.Fatalf("the timeout did not strike: %v", err)
	}
	close(proceed)
	if p, err, _ := next(); err != nil || p.UserID != "V" {
		t.Errorf("%+v, %v", p, err)
	}
}
