package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/relay"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// metric returns the lines of a metric that a process shows, or "".
func metric(t *testing.T, base, name string) string {
	t.Helper()
	resp, err := http.Get(base + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(body)) {
		if strings.HasPrefix(line, name) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// Reports come once a day here, so whatever comes sooner came by a webhook. The
// webhooks come twice, late, in any order, and signed by keys that change.
func TestAdvocateWebhooks_bringParticipantsForward(t *testing.T) {
	s := start(t, stack.Options{ReportInterval: 24 * time.Hour})
	s.Advocate.Tune(func(k *advocatetest.Knobs) {
		k.WebhookTwice, k.WebhookJitter = true, advocatetest.Span(200*time.Millisecond)
	})
	eventually(t, patience, "Advocate's webhooks are asked for", func() bool {
		return s.Advocate.Calls(advocatetest.RouteSubscribe) > 0
	})
	for n := range 3 {
		if _, err := s.tenant.Join(person(n), "Person", "Joined"); err != nil {
			t.Fatal(err)
		}
		if err := s.Advocate.RotateKeys(); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, patience, "all have contacts", func() bool {
		return s.contactOf(person(0)) != "" && s.contactOf(person(1)) != "" && s.contactOf(person(2)) != ""
	})
	reports := s.count(t, "WorkflowType = 'ReportSync'")
	if reports == 0 || reports > 4 {
		t.Errorf("%d reports for three participants", reports)
	}

	// A contact that we make a participant of must not start one.
	id := s.createContact(t, map[string]string{"email": person(4)})
	eventually(t, patience, "the contact is in step", func() bool { return s.inStep(id, person(4)) })
	eventually(t, patience, "our own participant's webhooks have come", func() bool {
		return strings.Contains(metric(t, s.StarterMetricsURL, "advocatesync_webhook_events_total"), `disposition="echo",vendor="advocate"} 2`)
	})
	s.quiet(t)
	s.wantNothingPersonal(t, []string{person(0), person(1), person(2), person(4)})
}

// Whoever waits for an export is found by the schedule that started it.
func TestAdvocateWebhooks_tellTheReportThatWaits(t *testing.T) {
	s := start(t, stack.Options{ReportInterval: 24 * time.Hour})
	s.Advocate.Tune(func(k *advocatetest.Knobs) { k.ExportDelay = advocatetest.Span(time.Hour) })
	reports := relay.NewReports(s.Temporal)
	if err := reports.StartReport(t.Context(), s.ConnectionID); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "a report waits for its export", func() bool { return s.Advocate.Calls(advocatetest.RouteExport) > 0 })
	if err := reports.ExportReady(t.Context(), store.Run{ConnectionID: s.ConnectionID, Kind: store.RunReport}); err != nil {
		t.Fatal(err)
	}
	told := false
	for id, history := range s.histories(t) {
		told = told || strings.HasPrefix(id, workflows.ReportSyncID(s.ConnectionID)) && strings.Contains(history, workflows.SignalExportReady)
	}
	if !told {
		t.Error("the report was not told")
	}
}
