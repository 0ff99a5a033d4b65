package advocate_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/advocate"
	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
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

func TestDownloadExport_readsWhateverColumnsThereAre(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		file string
		want []bridge.Participant
		code string // of an error
	}{
		"unknown columns in any order": {
			"x,accountId,customFields.hubspot_contact_id,id,dateCreated\n1,A,9,U,1774386824964\n",
			[]bridge.Participant{{AccountID: "A", UserID: "U", HubSpotContactID: "9", DateCreated: time.UnixMilli(1774386824964).UTC()}}, "",
		},
		"a byte order mark":           {"\ufeffid,accountId\nU,A\n", []bridge.Participant{{AccountID: "A", UserID: "U"}}, ""},
		"a clean link only":           {"id,accountId,shareLink,cleanShareLink\nU,A,,https://x.example/c\n", []bridge.Participant{{AccountID: "A", UserID: "U", ShareLink: "https://x.example/c"}}, ""},
		"a date that is no number":    {"id,accountId,dateCreated\nU,A,yesterday\n", []bridge.Participant{{AccountID: "A", UserID: "U"}}, ""},
		"no rows":                     {"id,accountId\n", nil, ""},
		"no id column":                {"userId,accountId\nU,A\n", nil, "MISSING_COLUMN"},
		"no account column":           {"id\nU\n", nil, "MISSING_COLUMN"},
		"a row without an id":         {"id,accountId\n,A\n", nil, "MISSING_ID"},
		"nothing at all":              {"", nil, "NO_HEADER"},
		"a row with a column too few": {"id,accountId\nU\n", nil, "MALFORMED_CSV"},
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

func TestDownloadExport_outlastsTheTimeoutOfACall(t *testing.T) {
	t.Parallel()
	proceed := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("id,accountId\nU,A\n"))
		_ = http.NewResponseController(w).Flush()
		<-proceed
		_, _ = w.Write([]byte("V,B\n"))
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
