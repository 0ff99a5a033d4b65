package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// ReportSchedule is how a connection's reports are planned, as Temporal has it.
type ReportSchedule struct {
	Missing bool      // restarting "starter serve" makes it again
	Paused  bool      // by whoever paused the connection, or by hand
	Note    string    // why
	Running bool      // a report is under way
	Last    time.Time // when the last one was started; zero: none yet
	Next    time.Time // zero: paused
}

// ConnectionStatus is how a connection is doing.
type ConnectionStatus struct {
	bridge.Connection
	store.ConnectionHealth
	CallLimit int // HubSpot calls that the portal takes in 10 seconds
	Schedule  ReportSchedule
	MassSync  *MassSyncStatus    // the latest; nil: there was none
	Agreement *store.Agreement   // the last; nil: there was none yet
	Drift     []store.DriftCount // what the latest reconcile left
	Stuck     []bridge.StuckWork
	Impact    store.ImpactAccount
	Guarded   int64 // deletions that wait for a person
}

// ConnectionStatus tells how a connection is doing.
func (o *Operator) ConnectionStatus(ctx context.Context, c bridge.Connection) (ConnectionStatus, error) {
	health, err := o.store.ConnectionHealth(ctx, c.ID)
	if err != nil {
		return ConnectionStatus{}, err
	}
	status := ConnectionStatus{Connection: c, ConnectionHealth: health, CallLimit: store.BudgetOptions{Limit: o.cfg.RatePer10s}.CallLimit()}
	if status.Stuck, err = o.stuckWork(ctx, c, health.PortalPause); err != nil {
		return ConnectionStatus{}, err
	}
	if status.Schedule, err = o.reportSchedule(ctx, c.ID); err != nil {
		return ConnectionStatus{}, err
	}
	if err := o.agreement(ctx, &status); err != nil {
		return ConnectionStatus{}, err
	}
	if status.Impact, err = o.store.ImpactAccount(ctx, c.ID); err != nil {
		return ConnectionStatus{}, err
	}
	mass, err := o.MassSyncStatus(ctx, c.ID, 0)
	switch {
	case err == nil:
		status.MassSync = &mass
	case bridge.KindOf(err) != bridge.NotFound:
		return ConnectionStatus{}, err
	}
	return status, nil
}

func (o *Operator) reportSchedule(ctx context.Context, connectionID string) (ReportSchedule, error) {
	found, err := o.schedule(ctx, connectionID).Describe(ctx)
	if _, missing := errors.AsType[*serviceerror.NotFound](err); missing {
		return ReportSchedule{Missing: true}, nil
	}
	if err != nil {
		return ReportSchedule{}, fmt.Errorf("read the report schedule of connection %s: %w", connectionID, err)
	}
	s := ReportSchedule{Running: len(found.Info.RunningWorkflows) > 0}
	if found.Schedule.State != nil {
		s.Paused, s.Note = found.Schedule.State.Paused, found.Schedule.State.Note
	}
	if n := len(found.Info.RecentActions); n > 0 {
		s.Last = found.Info.RecentActions[n-1].ActualTime
	}
	if len(found.Info.NextActionTimes) > 0 && !s.Paused {
		s.Next = found.Info.NextActionTimes[0]
	}
	return s, nil
}

func (o *Operator) schedule(ctx context.Context, connectionID string) client.ScheduleHandle {
	return o.temporal.ScheduleClient().GetHandle(ctx, workflows.ReportSyncID(connectionID))
}

// PauseConnection has all work of a connection wait: webhooks are still taken in
// and kept, reports are not started, a mass sync pauses. Calls that are under way
// finish. A connection that waits already stays as it is.
func (o *Operator) PauseConnection(ctx context.Context, c bridge.Connection) error {
	if err := o.store.SetPaused(ctx, c.ID, true); err != nil {
		return err
	}
	if err := o.schedules.pause(ctx, c.ID); err != nil {
		return fmt.Errorf("the connection is paused, but not all of its schedules are; what they start waits: %w", err)
	}
	return nil
}

// ResumeConnection has the work of a connection go on: what was heard meanwhile
// is acted on, a report starts at once, and a mass sync goes on. Work that waits
// inside Temporal notices within a minute.
func (o *Operator) ResumeConnection(ctx context.Context, c bridge.Connection) error {
	if err := o.store.SetPaused(ctx, c.ID, false); err != nil {
		return err
	}
	c.PausedAt = time.Time{}
	if err := o.schedules.resume(ctx, c); err != nil {
		return fmt.Errorf("the connection is resumed, but not all of its schedules are: run resume again: %w", err)
	}
	return errors.Join(o.wake(ctx, o.massSyncs(), c.ID), o.wake(ctx, o.reconciles(), c.ID))
}

// Disconnection is what the end of a connection changed, or would change.
type Disconnection struct {
	store.Forgotten
	Workflows    int   // ended in the middle
	TokenRevoked bool  // the refresh token was ended at HubSpot; a static token is its owner's to end
	RevokeErr    error // why it was not; it dies with the app's uninstallation
}

// PlanDisconnect tells what DisconnectConnection would do, and does nothing.
func (o *Operator) PlanDisconnect(ctx context.Context, c bridge.Connection) (Disconnection, error) {
	forgotten, err := o.store.WouldForget(ctx, c.ID)
	if err != nil {
		return Disconnection{}, err
	}
	running, err := o.list(ctx, runningQuery(c.ID, ""))
	return Disconnection{Forgotten: forgotten, Workflows: len(running)}, err
}

// DisconnectConnection ends a connection: its schedule and running workflows, its
// credentials, and everything we know of its people but the tombstones, which
// count again if the portal is connected again. HubSpot and Advocate keep
// everything that was written to them. An operator's pause is kept, too.
// Interrupted, it can be asked for again.
func (o *Operator) DisconnectConnection(ctx context.Context, c bridge.Connection) (Disconnection, error) {
	var d Disconnection
	if err := o.store.SetPaused(ctx, c.ID, true); err != nil { // nothing new begins
		return d, err
	}
	if err := o.schedules.removeAll(ctx, c.ID); err != nil {
		return d, err
	}
	var err error
	if d.Workflows, err = o.endWorkflows(ctx, c.ID); err != nil {
		return d, err
	}
	d.TokenRevoked, d.RevokeErr = o.revoke(ctx, c.ID)
	o.unsubscribe(ctx, c)
	d.Forgotten, err = o.store.Disconnect(ctx, c.ID)
	return d, err
}

// revoke ends the connection's refresh token at HubSpot. A connection ends
// whether that works or not.
func (o *Operator) revoke(ctx context.Context, connectionID string) (bool, error) {
	tokens, err := o.store.Tokens(ctx, connectionID)
	if bridge.KindOf(err) == bridge.NotFound || err == nil && tokens.Ended {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = o.vendors.OAuth.Revoke(ctx, tokens.Refresh)
	return err == nil, err
}

// endWorkflows ends what runs for a connection. What it misses, because it began
// just now, finds the connection gone and ends by itself.
func (o *Operator) endWorkflows(ctx context.Context, connectionID string) (int, error) {
	running, err := o.list(ctx, runningQuery(connectionID, ""))
	if err != nil {
		return 0, err
	}
	ended := 0
	for _, w := range running {
		err := o.temporal.TerminateWorkflow(ctx, w.workflowID, w.runID, "the connection was disconnected")
		if _, over := errors.AsType[*serviceerror.NotFound](err); over {
			continue
		}
		if err != nil {
			return ended, fmt.Errorf("end workflow %s: %w", w.workflowID, err)
		}
		ended++
	}
	return ended, nil
}

// RotateKeys seals anew what an older encryption key has sealed, and returns how
// many texts that were. Afterwards that key is not needed any more.
func (o *Operator) RotateKeys(ctx context.Context) (int, error) { return o.store.Reseal(ctx) }
