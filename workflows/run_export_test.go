package workflows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/standin/fault"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// people have joined, and nothing of them is in HubSpot yet.
func people(t *testing.T, s *wiringtest.System, n int) {
	t.Helper()
	for i := range n {
		s.Join(t, person(i), "Person", fmt.Sprint(i))
	}
}

// wantContacts checks that all but one of the people are in HubSpot.
func wantContacts(t *testing.T, s *wiringtest.System, n, except int) {
	t.Helper()
	for i := range n {
		if _, there := s.Portal.ContactByEmail(person(i)); there != (i != except) {
			t.Errorf("contact of person %d: %t", i, there)
		}
	}
}

func TestReportSync_parksARowThatCannotBeReadAndBringsTheRest(t *testing.T) {
	t.Parallel()
	for _, how := range []advocatetest.How{
		advocatetest.StrayQuote, advocatetest.OpenQuote, advocatetest.TooFew, advocatetest.TooMany,
		advocatetest.BlankID, advocatetest.BlankAccount, advocatetest.Long,
	} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.Advocate.Tune(func(k *advocatetest.Knobs) { k.ColumnSeed = 0 }) // the same order in each export
			people(t, s, 5)
			flaw := advocatetest.FileFlaws{Rows: []advocatetest.RowFlaw{{Email: person(2), How: how}}}
			s.Tenant.SpoilNextExports(flaw, flaw)

			result := report(t, s)

			if result.Counts.Total != 5 || result.Counts.Parked != 1 || result.Counts.Created != 4 {
				t.Errorf("counts %+v", result.Counts)
			}
			report(t, s) // the same row again
			items := s.Parked(t)
			if len(items) != 1 || items[0].Cause != bridge.CauseUnreadableRow || !strings.HasPrefix(items[0].VendorMessage, "line ") {
				t.Fatalf("parked %+v", items)
			}
			if strings.Contains(items[0].VendorMessage, "example") || strings.Contains(items[0].VendorMessage, "Person") {
				t.Errorf("the reason holds personal data: %s", items[0].VendorMessage)
			}
			wantContacts(t, s, 5, 2)

			massSync(t, s, false) // its export is fine

			wantContacts(t, s, 5, -1)
			if items := s.Parked(t); len(items) != 0 {
				t.Errorf("still parked: %+v", items)
			}
		})
	}
}

func TestReportSync_parksAFooterAndBringsAllRows(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	people(t, s, 3)
	s.Tenant.SpoilNextExports(advocatetest.FileFlaws{Footer: "Total: 3 users\n"})
	report(t, s)
	wantContacts(t, s, 3, -1)
	wantParked(t, s, bridge.CauseUnreadableRow)
}

func TestReportSync_manyUnreadableRowsDoNotBuryWhatElseIsParked(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	people(t, s, 1)
	s.Tenant.SpoilNextExports(advocatetest.FileFlaws{Footer: footers(251)})
	result := report(t, s)
	if result.Counts.Parked != 251 || result.Counts.Created != 1 {
		t.Errorf("counts %+v", result.Counts)
	}
	items := s.Parked(t)
	if len(items) != 101 || items[0].VendorMessage == "" {
		t.Errorf("%d items", len(items))
	}
}

func footers(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "# line %d\n", i)
	}
	return text.String()
}

func TestReportSync_asksAnewForAnExportThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spoil func(*wiringtest.System)
		want  string // part of the reason
	}{
		"aborted": {func(s *wiringtest.System) { s.Tenant.FailNextExports(advocatetest.Aborted) }, "ABORTED"},
		"expired": {func(s *wiringtest.System) { s.Tenant.FailNextExports(advocatetest.Expired) }, "EXPIRED"},
		"without a column": {func(s *wiringtest.System) {
			s.Tenant.SpoilNextExports(advocatetest.FileFlaws{Without: []string{"accountId"}})
		}, "the export has no column accountId"},
		"with the code in a column of another name": {func(s *wiringtest.System) {
			s.Tenant.SpoilNextExports(advocatetest.FileFlaws{Without: []string{"referralCode"}})
		}, "the export has no column referralCode"},
		"a web page": {func(s *wiringtest.System) {
			s.Tenant.SpoilNextExports(advocatetest.FileFlaws{Text: "<html>\n<title>Sign in</title>\n</html>\n"})
		}, "the export has no column id"},
		"an empty file": {func(s *wiringtest.System) { s.Tenant.SpoilNextExports(advocatetest.FileFlaws{Text: " \n"}) }, "the export has no column"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			people(t, s, 2)
			tt.spoil(s)
			if result := report(t, s); !strings.Contains(result.Abandoned, tt.want) {
				t.Errorf("given up for %q, want %q", result.Abandoned, tt.want)
			}
			wantContacts(t, s, 0, -1)
			report(t, s)
			wantContacts(t, s, 2, -1)
		})
	}
}

// A column that is missing is not one that is empty: nobody's values are cleared.
func TestReportSync_clearsNothingWhereAColumnIsCalledOtherwise(t *testing.T) {
	t.Parallel()
	for _, column := range []string{"referralCode", "email"} {
		t.Run(column, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			s.Join(t, ann, "Ann", "Archer")
			report(t, s)
			id, _ := s.ContactByEmail(t, ann)
			flaw := advocatetest.FileFlaws{Without: []string{column}}
			s.Tenant.SpoilNextExports(flaw, flaw, flaw, flaw)
			report(t, s)
			run, _, err := s.Store.BeginMass(t.Context(), s.Connection.ID, false)
			if err != nil {
				t.Fatal(err)
			}
			env := environment(s)
			env.ExecuteWorkflow(workflows.MassSyncName, workflows.MassSyncInput{ConnectionID: s.Connection.ID, RunID: run.ID})
			if env.GetWorkflowError() == nil {
				t.Error("a mass sync took such exports for complete")
			}
			s.InStep(t, id, ann, ann)
		})
	}
}

func TestReportSync_waitsForAnExportOfAStatusThatNobodyDocuments(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	people(t, s, 2)
	s.Advocate.Order(advocatetest.Fault{Route: advocatetest.RouteExportGet, Times: 3,
		Answer: fault.Answer{Alter: []fault.Edit{fault.Set("status", "REINDEXING")}}})
	if result := report(t, s); result.Abandoned != "" {
		t.Errorf("given up: %s", result.Abandoned)
	}
	wantContacts(t, s, 2, -1)
}

func TestReportSync_givesUpAnExportThatNeverComes(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	people(t, s, 2)
	s.Advocate.Tune(func(k *advocatetest.Knobs) { k.ExportDelay = advocatetest.Span(1000 * time.Hour) })
	env := environment(s)
	// The test environment gives an activity ten attempts: the patience ends before the last.
	env.RegisterDelayedCallback(func() { s.Age(2 * wiringtest.ExportPatience) }, time.Second)
	env.ExecuteWorkflow(workflows.ReportSyncName, workflows.ReportSyncInput{ConnectionID: s.Connection.ID})
	var result workflows.ReportSyncResult
	if err := env.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(result.Abandoned, "not there 1h0m0s after it was requested") {
		t.Errorf("ended with %+v", result)
	}
	s.Advocate.Tune(func(k *advocatetest.Knobs) { k.ExportDelay = 0 })
	s.Age(-2 * wiringtest.ExportPatience)
	report(t, s)
	wantContacts(t, s, 2, -1)
}
