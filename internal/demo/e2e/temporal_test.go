package e2e

import (
	"strings"
	"testing"

	"go.temporal.io/api/temporalproto"
	"go.temporal.io/api/workflowservice/v1"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
)

// count counts workflow runs by a visibility query.
func (s *system) count(t *testing.T, query string) int64 {
	t.Helper()
	answer, err := s.Temporal.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	if err != nil {
		t.Fatal(err)
	}
	return answer.GetCount()
}

// histories returns every history of the namespace as JSON, by workflow id and
// run.
func (s *system) histories(t *testing.T) map[string]string { return s.historiesOf(t, "") }

// historiesOf is histories of the workflows whose ids begin with a prefix.
func (s *system) historiesOf(t *testing.T, prefix string) map[string]string {
	t.Helper()
	all := map[string]string{}
	var page []byte
	for {
		answer, err := s.Temporal.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{NextPageToken: page})
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range answer.GetExecutions() {
			execution := run.GetExecution()
			if !strings.HasPrefix(execution.GetWorkflowId(), prefix) {
				continue
			}
			all[execution.GetWorkflowId()+" "+execution.GetRunId()] = s.history(t, execution.GetWorkflowId(), execution.GetRunId())
		}
		if page = answer.GetNextPageToken(); len(page) == 0 {
			return all
		}
	}
}

func (s *system) history(t *testing.T, workflowID, runID string) string {
	t.Helper()
	events := s.Temporal.GetWorkflowHistory(t.Context(), workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	var history historypb.History
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		history.Events = append(history.Events, event)
	}
	// What payloads say is in base64: payloads decodes it.
	text, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(&history)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
