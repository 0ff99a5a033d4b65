package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// StatusPart is a part of a connection's status. Each part is read separately, so
// that one that fails hides no other.
type StatusPart string

const (
	PartCounts    StatusPart = "counts"          // events, items, contacts, calls, and the report watermark
	PartStuck     StatusPart = "stuck"           // stuck work; some of it only Temporal knows
	PartSchedule  StatusPart = "report_schedule" // as Temporal has it
	PartAgreement StatusPart = "agreement"       // with the remaining drift
	PartDeletions StatusPart = "deletions"       // that await approval
	PartJournal   StatusPart = "journal"
	PartImpact    StatusPart = "impact"
	PartMassSync  StatusPart = "mass_sync"
)

// partPatience is how long a part of a status may take before it is called unknown.
const partPatience = 5 * time.Second

// PartPatience sets how long a part of a status may take before it is called unknown:
// a test must not depend on how fast its machine is.
func PartPatience(d time.Duration) Option { return func(o *Operator) { o.partPatience = d } }

// ReportSchedule is the schedule of a connection's reports, as Temporal has it.
type ReportSchedule struct {
	Missing bool      // restarting "starter serve" makes it again
	Paused  bool      // with the connection, or by hand
	Note    string    // why
	Running bool      // a report is under way
	Last    time.Time // when the last one was started; zero: none yet
	Next    time.Time // zero: paused
}

// ConnectionStatus is a connection's state and health.
type ConnectionStatus struct {
	bridge.Connection
	store.ConnectionHealth
	CallLimit int // HubSpot calls that the portal may get in 10 seconds
	Schedule  ReportSchedule
	MassSync  *MassSyncStatus    // the latest; nil: there was none
	Agreement *store.Agreement   // the last; nil: there was none yet
	Drift     []store.DriftCount // drift that the latest reconcile left
	Stuck     []bridge.StuckWork
	Impact    store.ImpactAccount
	Guarded   int64 // deletions that await approval
	Journal   JournalStatus

	Unknown []StatusPart // parts that could not be read: their fields above are zero or incomplete
}

// ConnectionStatus returns a connection's status, as far as the database, Temporal
// and the journal answer within a few seconds.
func (o *Operator) ConnectionStatus(ctx context.Context, c bridge.Connection) (ConnectionStatus, error) {
	s := ConnectionStatus{Connection: c, CallLimit: store.BudgetOptions{Limit: o.cfg.RatePer10s}.CallLimit()}
	reading := &statusReading{status: &s, patience: o.partPatience, log: o.log}
	err := reading.part(ctx, PartCounts, func(ctx context.Context) (err error) {
		s.ConnectionHealth, err = o.store.ConnectionHealth(ctx, c.ID)
		return err
	})
	if bridge.KindOf(err) == bridge.NotFound {
		return ConnectionStatus{}, err // disconnected meanwhile
	}
	reading.parts(ctx, map[StatusPart]func(context.Context) error{
		PartStuck: func(ctx context.Context) (err error) {
			s.Stuck, err = o.stuckWork(ctx, c, s.PortalPause)
			return err
		},
		PartSchedule: func(ctx context.Context) (err error) {
			s.Schedule, err = o.reportSchedule(ctx, c.ID)
			return err
		},
		PartAgreement: func(ctx context.Context) error { return o.agreement(ctx, &s) },
		PartDeletions: func(ctx context.Context) (err error) {
			s.Guarded, err = o.store.DeletionsWaiting(ctx, c.ID)
			return err
		},
		PartJournal: func(ctx context.Context) (err error) {
			s.Journal, err = o.journal(ctx, c)
			return err
		},
		PartImpact: func(ctx context.Context) (err error) {
			s.Impact, err = o.store.ImpactAccount(ctx, c.ID)
			return err
		},
		PartMassSync: func(ctx context.Context) error {
			mass, err := o.MassSyncStatus(ctx, c.ID, 0)
			if bridge.KindOf(err) == bridge.NotFound {
				return nil
			}
			if err == nil {
				s.MassSync = &mass
			}
			return err
		},
	})
	return s, ctx.Err()
}

// statusReading reads the parts of a status.
type statusReading struct {
	status   *ConnectionStatus
	patience time.Duration
	log      *slog.Logger

	mu sync.Mutex // of the status's Unknown
}

// parts reads parts concurrently. Each fills fields of its own.
func (r *statusReading) parts(ctx context.Context, all map[StatusPart]func(context.Context) error) {
	var reading sync.WaitGroup
	for name, read := range all {
		reading.Go(func() { _ = r.part(ctx, name, read) }) // failures are recorded in Unknown
	}
	reading.Wait()
	slices.Sort(r.status.Unknown)
}

// part reads one part, and records it as unknown if that fails.
func (r *statusReading) part(ctx context.Context, name StatusPart, read func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	err := read(ctx)
	if err == nil {
		return nil
	}
	r.log.WarnContext(ctx, "part of a connection's status unknown", "connection", r.status.Connection.ID, "part", string(name), "err", err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Unknown = append(r.status.Unknown, name)
	return err
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
