package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// SwitchState says how far a program switch has come. Until SwitchRefreshing the
// connection is switching: no program-sourced value is written to its contacts.
type SwitchState string

const (
	SwitchHolding    SwitchState = "holding"    // waiting for pages that are being written
	SwitchArchiving  SwitchState = "archiving"  // the properties are being removed
	SwitchCreating   SwitchState = "creating"   // they are being created again; then the new program is connected
	SwitchRestoring  SwitchState = "restoring"  // refused: removed properties are being restored, the old program stays
	SwitchRefreshing SwitchState = "refreshing" // the contacts are getting the connected program's values
	SwitchDone       SwitchState = "done"
	SwitchRefused    SwitchState = "refused"
)

// ProgramSwitch is one change of a connection's program.
type ProgramSwitch struct {
	ID           int64
	ConnectionID string
	From, To     string // programs
	InPlace      bool   // the properties stay; only their values change
	MassSync     bool   // participants without a contact are synced as well
	State        SwitchState
	Reason       string // why it was refused; empty: it was not
	RefreshRun   int64  // the run that refreshes the contacts; 0: none yet
	Revisited    int64  // contacts that the run did not reach, to be synced one by one
	CreatedAt    time.Time
	ConnectedAt  time.Time // zero: not yet
	FinishedAt   time.Time // zero: unfinished
	Properties   []SwitchedProperty
}

// SwitchedProperty is the outcome for one property.
type SwitchedProperty struct {
	Name          string
	Outcome       PropertyOutcome
	VendorMessage string // HubSpot's, if it refuses
}

// PropertyOutcome says what has happened to a property in a switch.
type PropertyOutcome string

const (
	PropertyWaiting  PropertyOutcome = "waiting"  // not handled yet
	PropertyKept     PropertyOutcome = "kept"     // it was never removed
	PropertyInUse    PropertyOutcome = "in_use"   // HubSpot refuses to remove it
	PropertyArchived PropertyOutcome = "archived" // it is removed
	PropertyCreated  PropertyOutcome = "created"  // it exists again
	PropertyRestored PropertyOutcome = "restored" // it exists again, for the old program
	PropertyRefused  PropertyOutcome = "refused"  // HubSpot refuses to create it; tried again
)

const switchColumns = `id, connection_id, from_program, to_program, in_place, mass_sync, state, reason,
       coalesce(refresh_run, 0), revisited, created_at, coalesce(connected_at, '0001-01-01Z'), coalesce(finished_at, '0001-01-01Z')`

func scanSwitch(row pgx.CollectableRow) (ProgramSwitch, error) {
	var s ProgramSwitch
	err := row.Scan(&s.ID, &s.ConnectionID, &s.From, &s.To, &s.InPlace, &s.MassSync, &s.State, &s.Reason,
		&s.RefreshRun, &s.Revisited, &s.CreatedAt, &s.ConnectedAt, &s.FinishedAt)
	return s, err
}

func oneSwitch(ctx context.Context, q queryer, query string, args ...any) (ProgramSwitch, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return ProgramSwitch{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanSwitch)
}

// inSwitch runs fn in a transaction that locks the switch.
func (s *Store) inSwitch(ctx context.Context, id int64, fn func(tx pgx.Tx, sw ProgramSwitch) error) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		sw, err := oneSwitch(ctx, tx, "SELECT "+switchColumns+" FROM program_switch WHERE id = $1 FOR UPDATE", id)
		if err != nil {
			return err
		}
		return fn(tx, sw)
	})
}

// SwitchRequest requests another program.
type SwitchRequest struct {
	ConnectionID string
	To           string
	InPlace      bool
	MassSync     bool
	Properties   []string // the program-sourced ones
}

// Codes of the conflicts that BeginSwitch returns.
const (
	CodeConnected       = "CONNECTED"      // the program is connected already
	CodeOtherSwitch     = "OTHER_SWITCH"   // another switch is under way
	CodeMassSyncRunning = "MASS_SYNC_RUNS" // a mass sync is under way
)

const selectUnfinishedSwitch = "SELECT " + switchColumns + " FROM program_switch WHERE connection_id = $1 AND finished_at IS NULL"

// BeginSwitch begins a switch and marks the connection as switching: from then on
// no page begins. If the same switch is under way, it returns that one. If the
// connection cannot switch now, it returns a conflict whose code says why.
func (s *Store) BeginSwitch(ctx context.Context, in SwitchRequest) (sw ProgramSwitch, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var program string
		if err := tx.QueryRow(ctx, "SELECT program FROM connection WHERE id = $1 FOR NO KEY UPDATE", in.ConnectionID).Scan(&program); err != nil {
			return err
		}
		sw, err = oneSwitch(ctx, tx, selectUnfinishedSwitch, in.ConnectionID)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			sw, err = beginSwitch(ctx, tx, program, in)
		case err == nil && (sw.To != in.To || sw.InPlace != in.InPlace):
			err = switchConflict(CodeOtherSwitch)
		}
		return err
	})
	return sw, wrap(err, "begin_switch of %s", in.ConnectionID)
}

func switchConflict(code string) error {
	return &bridge.Error{Kind: bridge.Conflict, Op: "store.begin_switch", Code: code}
}

const selectMassUnderWay = `
SELECT EXISTS (SELECT 1 FROM sync_run WHERE connection_id = $1 AND kind = 'mass' AND NOT dry_run AND finished_at IS NULL)`

const insertSwitch = `
INSERT INTO program_switch (connection_id, from_program, to_program, in_place, mass_sync)
VALUES ($1, $2, $3, $4, $5)
RETURNING ` + switchColumns

const insertSwitched = `
INSERT INTO program_switch_property (switch_id, name, outcome)
SELECT $1, name, CASE WHEN $3 THEN 'kept' ELSE 'waiting' END FROM unnest($2::text[]) AS p (name)`

func beginSwitch(ctx context.Context, tx pgx.Tx, from string, in SwitchRequest) (ProgramSwitch, error) {
	if from == in.To {
		return ProgramSwitch{}, switchConflict(CodeConnected)
	}
	massSync, err := unfinishedMass(ctx, tx, in.ConnectionID)
	if err != nil {
		return ProgramSwitch{}, err
	}
	if massSync {
		return ProgramSwitch{}, switchConflict(CodeMassSyncRunning)
	}
	sw, err := oneSwitch(ctx, tx, insertSwitch, in.ConnectionID, from, in.To, in.InPlace, in.MassSync)
	if err != nil {
		return sw, err
	}
	if _, err := tx.Exec(ctx, insertSwitched, sw.ID, in.Properties, in.InPlace); err != nil {
		return sw, err
	}
	_, err = tx.Exec(ctx, "UPDATE connection SET switching = true, updated_at = now() WHERE id = $1", in.ConnectionID)
	return sw, err
}

func unfinishedMass(ctx context.Context, q queryer, connectionID string) (found bool, err error) {
	err = q.QueryRow(ctx, selectMassUnderWay, connectionID).Scan(&found)
	return found, err
}

// UnfinishedMass reports whether a mass sync of a connection is under way. A switch
// cannot begin meanwhile.
func (s *Store) UnfinishedMass(ctx context.Context, connectionID string) (bool, error) {
	found, err := unfinishedMass(ctx, s.pool, connectionID)
	return found, wrap(err, "unfinished mass sync of %s", connectionID)
}

// Switch returns a switch with its properties, or a not_found error.
func (s *Store) Switch(ctx context.Context, id int64) (ProgramSwitch, error) {
	sw, err := s.switchWith(ctx, "SELECT "+switchColumns+" FROM program_switch WHERE id = $1", id)
	return sw, wrap(err, "switch %d", id)
}

// LatestSwitch returns a connection's latest switch with its properties, or a
// not_found error.
func (s *Store) LatestSwitch(ctx context.Context, connectionID string) (ProgramSwitch, error) {
	sw, err := s.switchWith(ctx, "SELECT "+switchColumns+`
  FROM program_switch WHERE connection_id = $1 ORDER BY id DESC LIMIT 1`, connectionID)
	return sw, wrap(err, "latest switch of %s", connectionID)
}

func (s *Store) switchWith(ctx context.Context, query string, key any) (ProgramSwitch, error) {
	sw, err := oneSwitch(ctx, s.pool, query, key)
	if err != nil {
		return sw, err
	}
	rows, err := s.pool.Query(ctx, "SELECT name, outcome, words FROM program_switch_property WHERE switch_id = $1 ORDER BY name", sw.ID)
	if err != nil {
		return sw, err
	}
	sw.Properties, err = pgx.CollectRows(rows, pgx.RowToStructByPos[SwitchedProperty])
	return sw, err
}
