package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"advocatesync/workflows"
)

// stages are where a contact's way to its fields spends its time, in the order in
// which it passes them. They show what a contact waits behind.
var stages = []string{
	"until its webhook is stored", "until the relay has signalled", "until a workflow task begins", "until an activity begins", "within the activity",
}

// addStages notes, for each stage, how long contacts were in it.
func (b *bench) addStages(ctx context.Context, s *system, born map[string]time.Time) error {
	spent := make([][]time.Duration, len(stages))
	for contactID, at := range born {
		moments, err := s.moments(ctx, contactID)
		if err != nil {
			return err
		}
		for i, moment := range moments {
			spent[i] = append(spent[i], moment.Sub(at))
			at = moment
		}
	}
	for i, name := range stages {
		if len(spent[i]) == 0 {
			continue
		}
		slices.Sort(spent[i])
		last := len(spent[i]) - 1
		b.table.add("of which "+name, "–", fmt.Sprintf("p50 %.2f s, most %.2f s", spent[i][last/2].Seconds(), spent[i][last].Seconds()), "")
	}
	return nil
}

// moments returns when each stage of a contact's first sync ended; fewer than all
// if the sync went another way.
func (s *system) moments(ctx context.Context, contactID string) ([]time.Time, error) {
	var heard time.Time
	err := s.database.QueryRow(ctx, "SELECT min(received_at) FROM inbox WHERE contact_id = $1", contactID).Scan(&heard)
	if err != nil {
		return nil, fmt.Errorf("when contact %s was heard of: %w", contactID, err)
	}
	moments := []time.Time{heard}
	history := s.Temporal.GetWorkflowHistory(ctx, workflows.ContactLifecycleID(s.ConnectionID, contactID), "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() && len(moments) < len(stages) {
		event, err := history.Next()
		if err != nil {
			return nil, fmt.Errorf("history of contact %s: %w", contactID, err)
		}
		wanted := []enums.EventType{
			enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, enums.EVENT_TYPE_WORKFLOW_TASK_STARTED,
			enums.EVENT_TYPE_ACTIVITY_TASK_STARTED, enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
		}[len(moments)-1]
		if event.GetEventType() == wanted {
			moments = append(moments, event.GetEventTime().AsTime())
		}
	}
	return moments, nil
}

// workflowTasks returns how many workflow tasks each workflow of a type has had that
// was started since a time.
func (s *system) workflowTasks(ctx context.Context, name string, since time.Time) ([]int, error) {
	var tasks []int
	var next []byte
	for first := true; first || len(next) > 0; first = false {
		some, err := s.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query:         fmt.Sprintf("WorkflowType = '%s' AND StartTime >= '%s'", name, since.UTC().Format(time.RFC3339Nano)),
			NextPageToken: next,
		})
		if err != nil {
			return nil, fmt.Errorf("list workflows: %w", err)
		}
		next = some.GetNextPageToken()
		for _, w := range some.GetExecutions() {
			n := 0
			history := s.Temporal.GetWorkflowHistory(ctx, w.GetExecution().GetWorkflowId(), w.GetExecution().GetRunId(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			for history.HasNext() {
				event, err := history.Next()
				if err != nil {
					return nil, fmt.Errorf("history of %s: %w", w.GetExecution().GetWorkflowId(), err)
				}
				if event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
					n++
				}
			}
			tasks = append(tasks, n)
		}
	}
	return tasks, nil
}

func sum(all []int) (n int) {
	for _, one := range all {
		n += one
	}
	return n
}
