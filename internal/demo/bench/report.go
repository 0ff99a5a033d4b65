package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.temporal.io/api/workflowservice/v1"

	"advocatesync/internal/demo/stack"
)

// reportHistory is after how many events the scenario has a workflow go on in a
// fresh history: so few that a report of this size needs several.
const reportHistory = 100

// report: everybody's values have changed since the last report. The next one tells
// of all of them, and ends with the watermark moved.
func (b *bench) report(ctx context.Context) error {
	return b.with(ctx, stack.Options{RatePer10s: growthRate, HistoryEvents: reportHistory}, func(s *system) error {
		if err := s.vendors.LiftLimits(ctx); err != nil {
			return err
		}
		r := bigReport{bench: b, system: s}
		return r.run(ctx)
	})
}

type bigReport struct {
	bench  *bench
	system *system

	id                   int64
	state                string
	total, done, parked  int64
	createdAt, updatedAt time.Time
	watermarkMoved       bool
}

func (r *bigReport) run(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if err := r.system.vendors.Reset(ctx); err != nil {
		return err
	}
	if _, err := r.system.Command(ctx, nil, "connection", "resume"); err != nil {
		return err
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for said := time.Now(); r.state != "done"; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := r.poll(ctx); err != nil {
			return err
		}
		if time.Since(said) > 15*time.Second {
			said = time.Now()
			r.bench.say("  %s: %d of %d", r.state, r.done, r.total)
		}
	}
	return r.tell(ctx)
}

// prepare has the next report tell of everybody: it pauses the connection, so that
// none begins before everybody is there, and puts the watermark back.
func (r *bigReport) prepare(ctx context.Context) error {
	s := r.system
	if _, err := s.Command(ctx, nil, "connection", "pause"); err != nil {
		return err
	}
	if err := s.vendors.Mapped(ctx, r.bench.records, s.DatabaseURL(), s.ConnectionID); err != nil {
		return err
	}
	_, err := r.system.database.Exec(ctx, "UPDATE connection SET report_watermark = now() - interval '2 days' WHERE id = $1", s.ConnectionID)
	return err
}

const selectReport = `
SELECT r.id, r.state, r.total, r.created + r.matched + r.updated + r.unchanged + r.blocked + r.no_email + r.parked, r.parked,
       r.created_at, coalesce(r.finished_at, r.created_at), coalesce(c.report_watermark = r.exported_at, false)
  FROM sync_run r JOIN connection c ON c.id = r.connection_id
 WHERE r.connection_id = $1 AND r.kind = 'report' AND (r.total >= $2 OR r.finished_at IS NULL)
 ORDER BY r.id DESC LIMIT 1`

func (r *bigReport) poll(ctx context.Context) error {
	err := r.system.database.QueryRow(ctx, selectReport, r.system.ConnectionID, r.bench.records).Scan(
		&r.id, &r.state, &r.total, &r.done, &r.parked, &r.createdAt, &r.updatedAt, &r.watermarkMoved)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // it has not begun
	}
	return err
}

func (r *bigReport) tell(ctx context.Context) error {
	traffic, err := r.system.vendors.Traffic(ctx)
	if err != nil {
		return err
	}
	continued, err := r.system.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Query: "WorkflowType = 'ReportSync' AND ExecutionStatus = 'ContinuedAsNew'"})
	if err != nil {
		return err
	}
	took := r.updatedAt.Sub(r.createdAt)
	what := fmt.Sprintf("report of %d mapped, changed, no limit", r.total)
	b := r.bench
	b.table.add(what+": rows done, parked", "all, 0", fmt.Sprintf("%d, %d", r.done, r.parked), "")
	b.table.add(what+": watermark is the export's time", "yes", map[bool]string{true: "yes", false: "no"}[r.watermarkMoved], "")
	b.table.add(fmt.Sprintf("%s: histories that went on in another, at %d events each", what, reportHistory), "several", fmt.Sprint(continued.GetCount()), "")
	b.table.add(what+": from start to end", "–", took.Round(100*time.Millisecond).String(), fmt.Sprintf("%.0f contacts/s", float64(r.total)/took.Seconds()))
	b.table.add(what+": HubSpot calls per record", "≤ 0.0105", fmt.Sprintf("%.4f", float64(traffic.Total)/float64(r.total)), "")
	b.table.add(what+": written again with the same", "0", fmt.Sprint(traffic.Repeats), "")
	return nil
}
