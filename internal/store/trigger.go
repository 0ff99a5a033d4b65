package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Trigger is one version of a trigger's definition.
type Trigger struct {
	ConnectionID string
	ID           string
	Version      int
	Enabled      bool   // the trigger as a whole
	Source       string // as the operator wrote it
	Schema       []byte // JSON: the portal's types of the properties that it uses
	AppliedAt    time.Time
}

const triggerColumns = `
SELECT d.connection_id, d.trigger_id, v.version, d.enabled, v.source, v.schema, v.applied_at
  FROM trigger_definition d
  JOIN trigger_version v ON v.connection_id = d.connection_id AND v.trigger_id = d.trigger_id`

const selectTrigger = triggerColumns + ` AND v.version = d.version
 WHERE d.connection_id = $1 AND d.trigger_id = $2`

func scanTrigger(row pgx.CollectableRow) (Trigger, error) {
	var t Trigger
	err := row.Scan(&t.ConnectionID, &t.ID, &t.Version, &t.Enabled, &t.Source, &t.Schema, &t.AppliedAt)
	return t, err
}

func (s *Store) triggers(ctx context.Context, sql string, args ...any) ([]Trigger, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanTrigger)
}

// Triggers returns the current version of each of a connection's triggers, disabled
// ones included, by id.
func (s *Store) Triggers(ctx context.Context, connectionID string) ([]Trigger, error) {
	found, err := s.triggers(ctx, triggerColumns+` AND v.version = d.version WHERE d.connection_id = $1 ORDER BY d.trigger_id`, connectionID)
	return found, wrap(err, "triggers of %s", connectionID)
}

// Trigger returns the current version of a trigger, or a not_found error.
func (s *Store) Trigger(ctx context.Context, connectionID, id string) (Trigger, error) {
	rows, err := s.pool.Query(ctx, selectTrigger, connectionID, id)
	if err != nil {
		return Trigger{}, wrap(err, "trigger %s of %s", id, connectionID)
	}
	t, err := pgx.CollectExactlyOneRow(rows, scanTrigger)
	return t, wrap(err, "trigger %s of %s", id, connectionID)
}

// TriggerVersions returns all versions of a trigger, the latest first.
func (s *Store) TriggerVersions(ctx context.Context, connectionID, id string) ([]Trigger, error) {
	found, err := s.triggers(ctx, triggerColumns+`
 WHERE d.connection_id = $1 AND d.trigger_id = $2 ORDER BY v.version DESC`, connectionID, id)
	return found, wrap(err, "trigger_versions of %s/%s", connectionID, id)
}

// The row lock makes two operators who apply at once do so one after the other.
const selectTriggerSame = `
SELECT v.source = $3 AND v.schema = $4
  FROM trigger_definition d
  JOIN trigger_version v ON v.connection_id = d.connection_id AND v.trigger_id = d.trigger_id AND v.version = d.version
 WHERE d.connection_id = $1 AND d.trigger_id = $2
   FOR UPDATE OF d`

const upsertTrigger = `
INSERT INTO trigger_definition AS d (connection_id, trigger_id, version, enabled)
VALUES ($1, $2, 1, coalesce($3, true))
ON CONFLICT (connection_id, trigger_id) DO UPDATE
   SET version = d.version + $4, enabled = coalesce($3, d.enabled), updated_at = now()
RETURNING version`

const insertTriggerVersion = `
INSERT INTO trigger_version (connection_id, trigger_id, version, source, schema) VALUES ($1, $2, $3, $4, $5)`

// ApplyTrigger makes a definition the current version, and reports whether it
// differs from the one before; the same definition makes no new version. With
// enabled nil an existing trigger stays as it is, and a new one is enabled.
func (s *Store) ApplyTrigger(ctx context.Context, t Trigger, enabled *bool) (applied Trigger, changed bool, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var same bool
		err := tx.QueryRow(ctx, selectTriggerSame, t.ConnectionID, t.ID, t.Source, t.Schema).Scan(&same)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		changed = !same
		step := 0
		if changed {
			step = 1
		}
		if err := tx.QueryRow(ctx, upsertTrigger, t.ConnectionID, t.ID, enabled, step).Scan(&t.Version); err != nil {
			return err
		}
		if changed {
			_, err = tx.Exec(ctx, insertTriggerVersion, t.ConnectionID, t.ID, t.Version, t.Source, t.Schema)
		}
		return err
	})
	if err != nil {
		return Trigger{}, false, wrap(err, "apply_trigger %s of %s", t.ID, t.ConnectionID)
	}
	applied, err = s.Trigger(ctx, t.ConnectionID, t.ID)
	return applied, changed, err
}

// EnableTrigger enables or disables a trigger; an unknown one is a not_found error.
func (s *Store) EnableTrigger(ctx context.Context, connectionID, id string, enabled bool) error {
	return s.updateOne(ctx, "enable_trigger", `
UPDATE trigger_definition SET enabled = $3, updated_at = now() WHERE connection_id = $1 AND trigger_id = $2`, connectionID, id, enabled)
}
