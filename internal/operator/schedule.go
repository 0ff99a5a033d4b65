package operator

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"reflect"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/workflows"

	enumspb "go.temporal.io/api/enums/v1"
)

// recurring is a workflow that Temporal starts at intervals, one run at a time.
type recurring struct {
	id           string // of the schedule; its runs add their time
	connectionID string // empty: the work is for the whole installation
	workflow     string
	input        any // nil: none
	summary      string
	priority     int // 0: the server's default

	every, offset time.Duration
	timeout       time.Duration // of a run, so that a stuck one does not block all later ones; 0: none
	catchUp       time.Duration // how late a missed run may still start
}

const (
	// catchUp suits work that also does what earlier runs missed.
	catchUp = 10 * time.Minute
	// runTimeout suits work that the next run continues.
	runTimeout = 30 * time.Minute
)

func reportSchedule(connectionID string, interval time.Duration) recurring {
	id := workflows.ReportSyncID(connectionID)
	return recurring{
		id: id, connectionID: connectionID,
		workflow: workflows.ReportSyncName, input: workflows.ReportSyncInput{ConnectionID: connectionID},
		summary: "report of connection " + connectionID,
		every:   interval, offset: spread(connectionID, interval), timeout: runTimeout, catchUp: catchUp,
	}
}

func pollSchedule(connectionID string, interval time.Duration) recurring {
	id := workflows.TrackRoundID(connectionID)
	return recurring{
		id: id, connectionID: connectionID,
		workflow: workflows.TrackRoundName, input: workflows.TrackRoundInput{ConnectionID: connectionID},
		summary: "what triggers of connection " + connectionID + " wait for",
		every:   interval, offset: spread(id, interval), timeout: runTimeout, catchUp: catchUp,
	}
}

// reconcileSchedule has no timeout: a reconcile of a large portal takes long, and a
// person can cancel it.
func reconcileSchedule(connectionID string, interval time.Duration) recurring {
	id := workflows.ReconcileScheduleID(connectionID)
	return recurring{
		id: id, connectionID: connectionID, priority: massPriority,
		workflow: workflows.ReconcileName, input: workflows.ReconcileInput{ConnectionID: connectionID},
		summary: "reconcile of connection " + connectionID + " when due",
		every:   interval, offset: spread(id, interval), catchUp: interval,
	}
}

// housekeepingSchedule runs at an hour (UTC) when few people work. A missed run is
// made up for, because what it deletes must not stay much longer.
func housekeepingSchedule() recurring {
	const day, at, timeout = 24 * time.Hour, 3 * time.Hour, 6 * time.Hour
	return recurring{
		id: workflows.HousekeepingID, workflow: workflows.HousekeepingName,
		summary: "delete what has been kept long enough",
		every:   day, offset: at, timeout: timeout, catchUp: day,
	}
}

// connectionSchedules returns the ids of the schedules that a connection may have.
func connectionSchedules(connectionID string) []string {
	return []string{workflows.ReportSyncID(connectionID), workflows.ReconcileScheduleID(connectionID), workflows.TrackRoundID(connectionID)}
}

// spread returns a connection's own offset within the interval, so that they do not
// all start at the full minute.
func spread(key string, interval time.Duration) time.Duration {
	hash := fnv.New32a()
	hash.Write([]byte(key))
	seconds := uint32(interval / time.Second)
	return time.Duration(hash.Sum32()%max(seconds, 1)) * time.Second
}

func (r recurring) options() client.ScheduleOptions {
	action := &client.ScheduleWorkflowAction{
		ID:                 r.id,
		Workflow:           r.workflow,
		TaskQueue:          workflows.TaskQueue,
		WorkflowRunTimeout: r.timeout,
		StaticSummary:      r.summary,
	}
	if r.input != nil {
		action.Args = []any{r.input}
	}
	if r.connectionID != "" {
		action.TypedSearchAttributes = temporal.NewSearchAttributes(workflows.SearchConnectionID.ValueSet(r.connectionID))
		action.Priority = temporal.Priority{PriorityKey: r.priority, FairnessKey: r.connectionID}
	}
	return client.ScheduleOptions{
		ID:            r.id,
		Spec:          client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: r.every, Offset: r.offset}}},
		Action:        action,
		Overlap:       enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		CatchupWindow: r.catchUp,
	}
}

// Schedules keeps the schedules in Temporal as this release defines them, and as
// operators have paused them.
type Schedules struct {
	temporal client.ScheduleClient
	store    *store.Store

	reportEvery, reconcileEvery time.Duration
}

// NewSchedules returns Schedules with the given intervals.
func NewSchedules(temporal client.ScheduleClient, s *store.Store, reportEvery, reconcileEvery time.Duration) *Schedules {
	return &Schedules{temporal: temporal, store: s, reportEvery: reportEvery, reconcileEvery: reconcileEvery}
}

// EnsureAll creates or updates all schedules as this release defines them. It
// restores those that were lost with a Temporal namespace.
func (s *Schedules) EnsureAll(ctx context.Context) error {
	if err := s.ensure(ctx, housekeepingSchedule(), bridge.Connection{}); err != nil {
		return err
	}
	connections, err := s.store.Connections(ctx)
	if err != nil {
		return err
	}
	for _, c := range connections {
		if err := s.EnsureFor(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// EnsureFor creates or updates a connection's report and reconcile schedules. If
// somebody paused them by hand, even before the connection was disconnected, they
// stay paused.
func (s *Schedules) EnsureFor(ctx context.Context, c bridge.Connection) error {
	return errors.Join(s.ensure(ctx, reportSchedule(c.ID, s.reportEvery), c), s.ensure(ctx, reconcileSchedule(c.ID, s.reconcileEvery), c))
}

// pause pauses the schedules of a connection.
func (s *Schedules) pause(ctx context.Context, connectionID string) error {
	var failed error
	for _, id := range connectionSchedules(connectionID) {
		err := s.temporal.GetHandle(ctx, id).Pause(ctx, client.SchedulePauseOptions{Note: pausedNote})
		if _, missing := errors.AsType[*serviceerror.NotFound](err); err != nil && !missing {
			failed = errors.Join(failed, fmt.Errorf("pause schedule %s: %w", id, err))
		}
	}
	return failed
}

// resume undoes pause, and starts a report at once.
func (s *Schedules) resume(ctx context.Context, c bridge.Connection) error {
	if err := s.EnsureFor(ctx, c); err != nil {
		return err
	}
	var failed error
	for _, id := range connectionSchedules(c.ID) {
		err := s.temporal.GetHandle(ctx, id).Unpause(ctx, client.ScheduleUnpauseOptions{Note: "the connection was resumed"})
		if _, missing := errors.AsType[*serviceerror.NotFound](err); err != nil && !missing {
			failed = errors.Join(failed, fmt.Errorf("resume schedule %s: %w", id, err))
		}
	}
	if failed != nil {
		return failed
	}
	return s.temporal.GetHandle(ctx, workflows.ReportSyncID(c.ID)).Trigger(ctx, client.ScheduleTriggerOptions{})
}

// pausedNote is the note on the schedules of a paused connection.
const pausedNote = "the connection is paused"

// ensure creates a schedule, paused if it was paused when it was deleted or if its
// connection is paused. An existing schedule is updated if its definition differs;
// its pause and note belong to the operator and stay.
func (s *Schedules) ensure(ctx context.Context, r recurring, c bridge.Connection) error {
	want := r.options()
	pause, err := s.store.SchedulePause(ctx, r.id)
	if err != nil {
		return err
	}
	switch {
	case pause.Paused:
		want.Paused, want.Note = true, pause.Note
	case !c.PausedAt.IsZero():
		want.Paused, want.Note = true, pausedNote
	}
	_, err = s.temporal.Create(ctx, want)
	if errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		err = s.update(ctx, want)
	}
	if err == nil && pause.Paused {
		err = s.store.ForgetSchedulePause(ctx, r.id)
	}
	if err != nil {
		return fmt.Errorf("keep schedule %s: %w", r.id, err)
	}
	return nil
}

func (s *Schedules) update(ctx context.Context, want client.ScheduleOptions) error {
	return s.temporal.GetHandle(ctx, want.ID).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			have := in.Description.Schedule
			wanted := have
			wanted.Spec, wanted.Action = &want.Spec, want.Action
			wanted.Policy = &client.SchedulePolicies{Overlap: want.Overlap, CatchupWindow: want.CatchupWindow}
			same, err := sameDefinition(have, wanted)
			if same && err == nil {
				err = temporal.ErrSkipScheduleUpdate
			}
			return &client.ScheduleUpdate{Schedule: &wanted}, err
		},
	})
}

// remove deletes a schedule, if there is one. An operator's pause is stored for
// when the schedule is created again.
func (s *Schedules) remove(ctx context.Context, connectionID, id string) error {
	schedule := s.temporal.GetHandle(ctx, id)
	found, err := schedule.Describe(ctx)
	if err == nil && found.Schedule.State != nil && found.Schedule.State.Paused {
		err = s.store.KeepSchedulePause(ctx, connectionID, id, found.Schedule.State.Note)
	}
	if err == nil {
		err = schedule.Delete(ctx)
	}
	if _, missing := errors.AsType[*serviceerror.NotFound](err); missing {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete schedule %s: %w", id, err)
	}
	return nil
}

// removeAll deletes the schedules of a connection.
func (s *Schedules) removeAll(ctx context.Context, connectionID string) error {
	for _, id := range connectionSchedules(connectionID) {
		if err := s.remove(ctx, connectionID, id); err != nil {
			return err
		}
	}
	return nil
}

// definition is the part of a schedule that we define, in a form that can be
// compared: as we write it, and as Temporal returns it.
type definition struct {
	Intervals []client.ScheduleIntervalSpec
	Others    int // calendars and exceptions; ours have none
	Jitter    time.Duration
	StartAt   time.Time
	EndAt     time.Time
	Policy    client.SchedulePolicies

	ID, Workflow, TaskQueue, Summary, Details string
	Arguments                                 []string
	ExecutionTimeout, RunTimeout, TaskTimeout time.Duration
	Retry                                     *temporal.RetryPolicy
	Priority                                  temporal.Priority
	SearchAttributes                          map[temporal.SearchAttributeKey]any
}

func sameDefinition(a, b client.Schedule) (bool, error) {
	left, err := definitionOf(a)
	if err != nil {
		return false, err
	}
	right, err := definitionOf(b)
	return err == nil && reflect.DeepEqual(left, right), err
}

func definitionOf(s client.Schedule) (definition, error) {
	action, ok := s.Action.(*client.ScheduleWorkflowAction)
	if !ok || s.Spec == nil || s.Policy == nil {
		return definition{}, nil // not ours, so it equals no definition of ours
	}
	arguments, err := encoded(action.Args)
	return definition{
		Intervals: s.Spec.Intervals, Others: len(s.Spec.Calendars) + len(s.Spec.CronExpressions) + len(s.Spec.Skip),
		Jitter: s.Spec.Jitter, StartAt: s.Spec.StartAt, EndAt: s.Spec.EndAt, Policy: *s.Policy,
		ID: action.ID, Workflow: fmt.Sprint(action.Workflow), TaskQueue: action.TaskQueue,
		Summary: action.StaticSummary, Details: action.StaticDetails, Arguments: arguments,
		ExecutionTimeout: action.WorkflowExecutionTimeout, RunTimeout: action.WorkflowRunTimeout,
		TaskTimeout: action.WorkflowTaskTimeout, Retry: action.RetryPolicy, Priority: action.Priority,
		SearchAttributes: action.TypedSearchAttributes.GetUntypedValues(),
	}, err
}

// encoded returns arguments as Temporal stores them. Those that Temporal returned
// are encoded already.
func encoded(arguments []any) ([]string, error) {
	var texts []string
	for _, argument := range arguments {
		payload, ok := argument.(*commonpb.Payload)
		if !ok {
			var err error
			if payload, err = converter.GetDefaultDataConverter().ToPayload(argument); err != nil {
				return nil, err
			}
		}
		texts = append(texts, string(payload.GetData()))
	}
	return texts, nil
}
