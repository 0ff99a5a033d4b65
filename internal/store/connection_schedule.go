package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// SchedulePause is whether an operator had paused a schedule that was deleted.
type SchedulePause struct {
	Paused bool
	Note   string // why; the operator's words
}

// SchedulePause returns whether a schedule was paused when it was deleted; the zero
// value if nothing is stored.
func (s *Store) SchedulePause(ctx context.Context, scheduleID string) (SchedulePause, error) {
	p := SchedulePause{Paused: true}
	err := s.pool.QueryRow(ctx, "SELECT note FROM schedule_pause WHERE schedule_id = $1", scheduleID).Scan(&p.Note)
	if errors.Is(err, pgx.ErrNoRows) {
		return SchedulePause{}, nil
	}
	return p, wrap(err, "schedule_pause of %s", scheduleID)
}

// KeepSchedulePause stores that a schedule of a connection is paused, and why. The
// row outlives the connection.
func (s *Store) KeepSchedulePause(ctx context.Context, connectionID, scheduleID, note string) error {
	_, err := s.pool.Exec(ctx, `
INSERT INTO schedule_pause (schedule_id, connection_id, note) VALUES ($1, $2, $3)
ON CONFLICT (schedule_id) DO UPDATE SET note = excluded.note, kept_at = now()`, scheduleID, connectionID, storable(note))
	return wrap(err, "keep_schedule_pause of %s", scheduleID)
}

// ForgetSchedulePause deletes what KeepSchedulePause stored, once the schedule
// exists again and is paused.
func (s *Store) ForgetSchedulePause(ctx context.Context, scheduleID string) error {
	_, err := s.pool.Exec(ctx, "DELETE FROM schedule_pause WHERE schedule_id = $1", scheduleID)
	return wrap(err, "forget_schedule_pause of %s", scheduleID)
}
