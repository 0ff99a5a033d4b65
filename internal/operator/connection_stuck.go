package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"advocatesync/internal/bridge"
	"advocatesync/workflows"
)

// doneBy is the type of the workflow that does a kind of work. The relay does the
// kinds that are not listed.
var doneBy = map[bridge.Work]string{
	bridge.WorkContacts:      workflows.ContactLifecycleName,
	bridge.WorkReport:        workflows.ReportSyncName,
	bridge.WorkMassSync:      workflows.MassSyncName,
	bridge.WorkReconcile:     workflows.ReconcileName,
	bridge.WorkParkedRetry:   workflows.RetryParkedName,
	bridge.WorkProgramSwitch: workflows.ProgramSwitchName,
	bridge.WorkConversions:   workflows.TrackEventName,
	bridge.WorkVerdicts:      workflows.TrackRoundName,
}

// StuckWork returns the stuck work of every connection. It asks the database and,
// for contacts, Temporal.
func (o *Operator) StuckWork(ctx context.Context) ([]bridge.StuckWork, error) {
	connections, err := o.store.Connections(ctx)
	if err != nil {
		return nil, err
	}
	open, err := o.openWork(ctx, "")
	if err != nil {
		return nil, err
	}
	byConnection := map[string][]bridge.OpenWork{}
	for _, w := range open {
		byConnection[w.ConnectionID] = append(byConnection[w.ConnectionID], w)
	}
	var stuck []bridge.StuckWork
	for _, c := range connections {
		stuck = append(stuck, bridge.Stuck(c, bridge.Surroundings{ReportInterval: o.interval}, byConnection[c.ID])...)
	}
	return stuck, nil
}

// stuckWork returns the stuck work of one connection, with the last failure of
// each. Together with an error it returns what it found.
func (o *Operator) stuckWork(ctx context.Context, c bridge.Connection, hubspotPause time.Duration) ([]bridge.StuckWork, error) {
	open, failed := o.openWork(ctx, c.ID)
	stuck := bridge.Stuck(c, bridge.Surroundings{ReportInterval: o.interval, HubSpotPause: hubspotPause}, open)
	for i := range stuck {
		failure, err := o.lastFailure(ctx, stuck[i])
		if err != nil {
			return stuck, errors.Join(failed, err)
		}
		stuck[i].Reason = cmp.Or(failure, stuck[i].Reason)
	}
	return stuck, failed
}

// openWork lists the open work that the database knows, followed by that which only
// Temporal knows.
func (o *Operator) openWork(ctx context.Context, connectionID string) ([]bridge.OpenWork, error) {
	open, err := o.store.Metrics().OpenWork(ctx, connectionID)
	if err != nil {
		return nil, err
	}
	contacts, err := o.slowContacts(ctx, connectionID)
	return append(open, contacts...), err
}

// slowContacts counts, by connection, the contacts and pages of contacts whose
// workflow has been running for too long. Only Temporal knows them.
func (o *Operator) slowContacts(ctx context.Context, connectionID string) ([]bridge.OpenWork, error) {
	now := o.now()
	before := now.Add(-bridge.UsualPatience)
	var running []execution
	for _, workflowType := range []string{workflows.ContactLifecycleName, workflows.ContactBatchName} {
		some, err := o.list(ctx, fmt.Sprintf("%s AND StartTime < '%s'", runningQuery(connectionID, workflowType), before.UTC().Format(time.RFC3339)))
		if err != nil {
			return nil, err
		}
		running = append(running, some...)
	}
	slow := map[string]*bridge.OpenWork{}
	for _, w := range running {
		connection, is := workflows.ConnectionOfContact(w.workflowID)
		if !is || w.startedAt.After(before) {
			continue
		}
		if slow[connection] == nil {
			slow[connection] = &bridge.OpenWork{ConnectionID: connection, Work: bridge.WorkContacts}
		}
		slow[connection].Count++
		slow[connection].Idle = max(slow[connection].Idle, now.Sub(w.startedAt))
	}
	var open []bridge.OpenWork
	for _, w := range slow {
		open = append(open, *w)
	}
	return open, nil
}

// lastFailure returns the last failure of an activity in the workflow that does the
// work; Temporal keeps it, and it is free of personal data. It is empty if no
// activity is failing, or the workflow is not running.
func (o *Operator) lastFailure(ctx context.Context, stuck bridge.StuckWork) (string, error) {
	if doneBy[stuck.Work] == "" {
		return "", nil
	}
	running, err := o.list(ctx, runningQuery(stuck.ConnectionID, doneBy[stuck.Work]))
	if err != nil || len(running) == 0 {
		return "", err
	}
	oldest := slices.MinFunc(running, func(a, b execution) int { return a.startedAt.Compare(b.startedAt) })
	is, err := o.temporal.DescribeWorkflowExecution(ctx, oldest.workflowID, oldest.runID)
	if err != nil {
		return "", fmt.Errorf("look at workflow %s: %w", oldest.workflowID, err)
	}
	for _, activity := range is.GetPendingActivities() {
		if failure := activity.GetLastFailure(); failure != nil {
			return fmt.Sprintf("attempt %d of %s in %s: %s",
				activity.GetAttempt(), activity.GetActivityType().GetName(), oldest.workflowID, failure.GetMessage()), nil
		}
	}
	return "", nil
}

// execution is a running workflow.
type execution struct {
	workflowID, runID string
	startedAt         time.Time
}

// runningQuery selects the open workflows of a connection, or of all for an empty
// id; all types, or one. Ids of connections are ours and need no quoting.
func runningQuery(connectionID, workflowType string) string {
	query := []string{"ExecutionStatus = 'Running'"}
	if connectionID != "" {
		query = append(query, workflows.SearchConnectionID.GetName()+" = '"+connectionID+"'")
	}
	if workflowType != "" {
		query = append(query, "WorkflowType = '"+workflowType+"'")
	}
	return strings.Join(query, " AND ")
}

// list returns the workflows that a query selects.
func (o *Operator) list(ctx context.Context, query string) ([]execution, error) {
	var found []execution
	var page []byte
	for {
		list, err := o.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, NextPageToken: page})
		if err != nil {
			return nil, fmt.Errorf("list workflows where %s: %w", query, err)
		}
		for _, w := range list.GetExecutions() {
			found = append(found, execution{w.GetExecution().GetWorkflowId(), w.GetExecution().GetRunId(), w.GetStartTime().AsTime()})
		}
		if page = list.GetNextPageToken(); len(page) == 0 {
			return found, nil
		}
	}
}
