package workflows_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/bridge"
	"advocatesync/internal/wiring/wiringtest"
	"advocatesync/workflows"
)

// changedParticipants is how many participants the test's report tells of: more than
// one range of pages. REPORT_PARTICIPANTS sets another number; docs/performance.md
// has the figures of 300,000.
func changedParticipants(t *testing.T) int {
	t.Helper()
	return fromEnvironment(t, "REPORT_PARTICIPANTS", 4_100)
}

// fromEnvironment is the number that a variable sets, and otherwise the usual one.
func fromEnvironment(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

const firstLarge = 700_000_000_000 // the first contact's id

// mapMany puts n people on both sides, mapped to each other, with older values on the
// contacts than Advocate has now.
func mapMany(t *testing.T, s *wiringtest.System, n int) {
	t.Helper()
	s.Tenant.Seed(n, func(i int) advocatetest.User { return advocatetest.User{Email: person(i), FirstName: "Person"} })
	for i := range n {
		id := s.Tenant.StoredID(person(i))
		if _, err := s.Portal.Seed("contacts", strconv.Itoa(firstLarge+i), map[string]string{
			"email": person(i), bridge.PropUserID: id, bridge.PropAccountID: id, bridge.PropReferralCode: "OLD",
		}); err != nil {
			t.Fatal(err)
		}
	}
	for from := 0; from < n; from += 10_000 {
		var contacts, ids []string
		for i := from; i < min(from+10_000, n); i++ {
			contacts, ids = append(contacts, strconv.Itoa(firstLarge+i)), append(ids, s.Tenant.StoredID(person(i)))
		}
		s.Exec(t, `
INSERT INTO mapping (connection_id, contact_id, account_id, user_id, by_email)
SELECT $1, m.contact_id, m.id, m.id, true FROM unnest($2::text[], $3::text[]) AS m (contact_id, id)`, s.Connection.ID, contacts, ids)
		s.Exec(t, `
INSERT INTO contact_ledger (connection_id, contact_id, state, written_hash)
SELECT $1, contact_id, 'mapped', sha256(contact_id::bytea) FROM unnest($2::text[]) AS m (contact_id)`, s.Connection.ID, contacts)
	}
	s.Exec(t, "ANALYZE mapping, contact_ledger")
}

// A report ends with the watermark moved, however many participants have changed and
// however many histories that takes.
func TestReportSync_endsHoweverManyHaveChanged(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	n := changedParticipants(t)
	mapMany(t, s, n)
	s.HubSpot.ResetCounts()

	began := time.Now()
	in, result, histories := workflows.ReportSyncInput{ConnectionID: s.Connection.ID}, workflows.ReportSyncResult{}, 0
	for done := false; !done; {
		histories++
		env := environment(s)
		env.SetTestTimeout(time.Hour) // of no progress
		env.SetContinueAsNewSuggested(true)
		env.ExecuteWorkflow(workflows.ReportSyncName, in)
		var next *workflow.ContinueAsNewError
		switch err := env.GetWorkflowError(); {
		case errors.As(err, &next):
			if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &in); err != nil {
				t.Fatal(err)
			}
		case err != nil:
			t.Fatal(err)
		default:
			done = true
			if err := env.GetWorkflowResult(&result); err != nil {
				t.Fatal(err)
			}
		}
	}

	calls := s.HubSpot.Counts()
	t.Logf("%d participants in %s, %d histories, %d HubSpot calls, counts %+v", n, time.Since(began).Round(time.Second), histories, calls.Total, result.Counts)
	if result.Counts.Updated != int64(n) || result.Counts.Total != int64(n) {
		t.Errorf("counts %+v, want %d updated", result.Counts, n)
	}
	if histories < 2 {
		t.Errorf("%d histories, want several", histories)
	}
	if perRecord := float64(calls.Total) / float64(n); perRecord > 0.0105 {
		t.Errorf("%.4f HubSpot calls per participant, want at most 0.0105", perRecord)
	}
	if repeats := s.Portal.Writes().Repeats; repeats != 0 {
		t.Errorf("%d contacts were written again with what they had", repeats)
	}
	run, err := s.Store.Run(context.Background(), in.RunID)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Store.BeginReport(t.Context(), s.Connection.ID, 0); err != nil || !again.Since.Equal(run.ExportedAt) {
		t.Errorf("the next report asks since %s, want the export's %s; error %v", again.Since, run.ExportedAt, err)
	}
	for _, i := range []int{0, n / 2, n - 1} {
		s.InStep(t, strconv.Itoa(firstLarge+i), person(i), person(i))
	}
}
