package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// PageTime bounds an attempt at a page. Whoever writes pages must give up after
// that, because StopWriters relies on it.
const PageTime = 4 * time.Minute

const (
	// begunPatience is how long after the beginning of a switch an earlier page may
	// still be resumed.
	begunPatience = 5 * time.Minute
	// writersPatience is how long a switch waits for pages that are being written. By
	// then every attempt has ended. A page that still looks begun was left by a worker
	// that died, and must not hold the switch for ever.
	writersPatience = begunPatience + PageTime + time.Minute
)

// switchPause is how long to wait before asking again whether a switch allows
// writes.
const switchPause = 2 * time.Second

const lockUnfinishedRuns = `
SELECT id FROM sync_run WHERE connection_id = $1 AND finished_at IS NULL AND program <> $2 ORDER BY id FOR UPDATE`

const selectAnySending = `
SELECT now() < $2 AND EXISTS (SELECT 1 FROM staged_participant WHERE run_id = ANY ($1) AND state = 'sending')`

// StopWriters ends all runs under the old program. While a page of them is being
// written it returns a pending error, because HubSpot would get the old program's
// values after the switch. Ended runs lose nothing: the next report exports the
// same rows. It may run twice.
func (s *Store) StopWriters(ctx context.Context, switchID int64) error {
	err := s.inSwitch(ctx, switchID, func(tx pgx.Tx, sw ProgramSwitch) error {
		if sw.State != SwitchHolding {
			return nil
		}
		runs, err := lockRuns(ctx, tx, sw.ConnectionID, sw.To)
		if err != nil {
			return err
		}
		var sending bool
		if err := tx.QueryRow(ctx, selectAnySending, runs, sw.CreatedAt.Add(writersPatience)).Scan(&sending); err != nil {
			return err
		}
		if sending {
			return &bridge.Error{Kind: bridge.Pending, Op: "store.stop_writers", RetryAfter: busyPause,
				Err: errors.New("a page is being written")}
		}
		if err := endRuns(ctx, tx, runs); err != nil {
			return err
		}
		next := SwitchArchiving
		if sw.InPlace {
			next = SwitchCreating // properties that somebody removed have to be created as well
		}
		return setSwitchState(ctx, tx, sw.ID, next)
	})
	return wrap(err, "stop_writers for switch %d", switchID)
}

const selectMayWrite = `
SELECT c.program = $2, c.switching,
       EXISTS (SELECT 1 FROM staged_participant WHERE run_id = $3 AND page = $4 AND state = 'sending')
       AND NOT EXISTS (SELECT 1 FROM program_switch s
                        WHERE s.connection_id = c.id AND s.finished_at IS NULL AND s.created_at < now() - $5::interval)
  FROM connection c WHERE c.id = $1`

// refuseOldProgram refuses to begin a page during a switch. A page that was begun
// before may be finished while the switch is sure to wait for it. The caller holds
// the run's lock.
func refuseOldProgram(ctx context.Context, tx pgx.Tx, run Run, page int) error {
	var connected, switching, begun bool
	err := tx.QueryRow(ctx, selectMayWrite, run.ConnectionID, run.ProgramID, run.ID, page, begunPatience).Scan(&connected, &switching, &begun)
	switch {
	case err != nil || begun:
		return err
	case !connected:
		return &bridge.Error{Kind: bridge.NotFound, Op: "store.mark_sending", Err: errors.New("another program was connected")}
	case switching:
		return &bridge.Error{Kind: bridge.Pending, Op: "store.mark_sending", RetryAfter: switchPause,
			Err: errors.New("the program is being changed")}
	default:
		return nil
	}
}

// lockRuns locks the connection's unfinished runs under other programs.
func lockRuns(ctx context.Context, tx pgx.Tx, connectionID, program string) ([]int64, error) {
	rows, err := tx.Query(ctx, lockUnfinishedRuns, connectionID, program)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

func endRuns(ctx context.Context, tx pgx.Tx, runs []int64) error {
	for _, id := range runs {
		if err := end(ctx, tx, id, RunAborted, "another program was connected"); err != nil {
			return err
		}
	}
	return nil
}

func setSwitchState(ctx context.Context, tx pgx.Tx, id int64, state SwitchState) error {
	_, err := tx.Exec(ctx, "UPDATE program_switch SET state = $2 WHERE id = $1", id, state)
	return err
}

// HubSpot's refusal stays recorded until the property exists.
const updateSwitched = `
UPDATE program_switch_property p
   SET outcome = n.outcome, words = n.words, changed_at = now()
  FROM unnest($2::text[], $3::text[], $4::text[]) AS n (name, outcome, words)
 WHERE p.switch_id = $1 AND p.name = n.name AND (p.outcome, p.words) <> (n.outcome, n.words)`

// RecordProperties stores the outcomes for properties.
func (s *Store) RecordProperties(ctx context.Context, switchID int64, properties []SwitchedProperty) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error { return recordProperties(ctx, tx, switchID, properties) })
	return wrap(err, "record properties of switch %d", switchID)
}

func recordProperties(ctx context.Context, tx pgx.Tx, switchID int64, properties []SwitchedProperty) error {
	names, outcomes, words := make([]string, len(properties)), make([]string, len(properties)), make([]string, len(properties))
	for i, p := range properties {
		names[i], outcomes[i], words[i] = p.Name, string(p.Outcome), storable(p.VendorMessage)
	}
	_, err := tx.Exec(ctx, updateSwitched, switchID, names, outcomes, words)
	return err
}

// PropertiesArchived records that all properties are removed, so that they may be
// created again. It may run twice.
func (s *Store) PropertiesArchived(ctx context.Context, switchID int64, properties []SwitchedProperty) error {
	err := s.inSwitch(ctx, switchID, func(tx pgx.Tx, sw ProgramSwitch) error {
		if sw.State != SwitchArchiving {
			return nil
		}
		if err := recordProperties(ctx, tx, sw.ID, properties); err != nil {
			return err
		}
		return setSwitchState(ctx, tx, sw.ID, SwitchCreating)
	})
	return wrap(err, "properties archived in switch %d", switchID)
}

// RefuseSwitch gives up a switch whose properties cannot all be removed: the
// removed ones have to be restored. It may run twice. Once all are removed it is
// too late, and it changes nothing.
func (s *Store) RefuseSwitch(ctx context.Context, switchID int64, reason string, properties []SwitchedProperty) error {
	err := s.inSwitch(ctx, switchID, func(tx pgx.Tx, sw ProgramSwitch) error {
		if sw.State != SwitchArchiving {
			return nil
		}
		if err := recordProperties(ctx, tx, sw.ID, properties); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE program_switch SET state = $2, reason = $3 WHERE id = $1", sw.ID, SwitchRestoring, reason)
		return err
	})
	return wrap(err, "refuse switch %d", switchID)
}

// ConnectProgram allows writes again, once all properties exist: under the new
// program, or under the old one if the switch is refused. Unless nothing was
// removed, it clears what we know of the contacts' values, because they are gone.
// It may run twice.
func (s *Store) ConnectProgram(ctx context.Context, switchID int64) (sw ProgramSwitch, err error) {
	err = s.inSwitch(ctx, switchID, func(tx pgx.Tx, sw ProgramSwitch) error {
		switch sw.State {
		case SwitchCreating:
			return connectNew(ctx, tx, sw)
		case SwitchRestoring:
			return keepOld(ctx, tx, sw)
		default:
			return nil
		}
	})
	if err == nil {
		sw, err = s.Switch(ctx, switchID)
	}
	return sw, wrap(err, "connect program of switch %d", switchID)
}

const connectProgram = `
UPDATE connection SET program = $2, switching = false, updated_at = now() WHERE id = $1`

const forgetWritten = `
UPDATE contact_ledger SET written_hash = NULL WHERE connection_id = $1 AND written_hash IS NOT NULL`

// ForgetWritten clears what HubSpot last accepted for the contacts of a portal, so
// that their next sync writes again. A portal that is not connected has none.
func (s *Store) ForgetWritten(ctx context.Context, portalID int64) error {
	err := s.Bulk().inTx(ctx, func(tx pgx.Tx) error {
		var connectionID string
		err := tx.QueryRow(ctx, "SELECT id FROM connection WHERE portal_id = $1", portalID).Scan(&connectionID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err == nil {
			err = excludeWriters(ctx, tx, connectionID)
		}
		if err == nil {
			_, err = tx.Exec(ctx, forgetWritten, connectionID)
		}
		return err
	})
	return wrap(err, "forget_written in portal %d", portalID)
}

// excludeWriters waits until nobody is recording what HubSpot accepted, and keeps
// others from doing so until the transaction ends. Those who record share this
// lock.
func excludeWriters(ctx context.Context, tx pgx.Tx, connectionID string) error {
	_, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock("+erasureLock+")", connectionID)
	return err
}

func connectNew(ctx context.Context, tx pgx.Tx, sw ProgramSwitch) error {
	// A run may have begun meanwhile, but no page of it.
	runs, err := lockRuns(ctx, tx, sw.ConnectionID, sw.To)
	if err != nil {
		return err
	}
	if err := endRuns(ctx, tx, runs); err != nil {
		return err
	}
	// Whoever records a write has either done so, or will see the new program.
	if err := excludeWriters(ctx, tx, sw.ConnectionID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, connectProgram, sw.ConnectionID, sw.To); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, forgetWritten, sw.ConnectionID); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE program_switch SET state = $2, connected_at = now() WHERE id = $1", sw.ID, SwitchRefreshing)
	return err
}

const selectRestored = `
SELECT EXISTS (SELECT 1 FROM program_switch_property WHERE switch_id = $1 AND outcome = 'restored')`

func keepOld(ctx context.Context, tx pgx.Tx, sw ProgramSwitch) error {
	if err := excludeWriters(ctx, tx, sw.ConnectionID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, connectProgram, sw.ConnectionID, sw.From); err != nil {
		return err
	}
	var restored bool
	if err := tx.QueryRow(ctx, selectRestored, sw.ID).Scan(&restored); err != nil {
		return err
	}
	if !restored {
		return finishSwitch(ctx, tx, sw, 0)
	}
	// The values of a removed property may be gone.
	if _, err := tx.Exec(ctx, forgetWritten, sw.ConnectionID); err != nil {
		return err
	}
	return setSwitchState(ctx, tx, sw.ID, SwitchRefreshing)
}

const insertRefresh = `
INSERT INTO sync_run (connection_id, kind, program, mapped_only)
SELECT id, 'mass', program, $2 FROM connection WHERE id = $1
ON CONFLICT (connection_id, kind) WHERE finished_at IS NULL AND kind <> 'retry' DO NOTHING
RETURNING ` + runColumns

// BeginRefresh begins the mass sync that gives the contacts the connected program's
// values: all participants if that was requested, else those who are mapped. It
// returns the one that was begun before, unless that was abandoned, or one that an
// operator has begun meanwhile. While a dry run is under way it returns a pending
// error.
func (s *Store) BeginRefresh(ctx context.Context, switchID int64) (run Run, err error) {
	err = s.inSwitch(ctx, switchID, func(tx pgx.Tx, sw ProgramSwitch) error {
		if sw.RefreshRun != 0 {
			run, err = oneRun(ctx, tx, "SELECT "+runColumns+" FROM sync_run WHERE id = $1", sw.RefreshRun)
			if err != nil || run.State != RunAborted {
				return err
			}
		}
		if sw.State != SwitchRefreshing {
			return &bridge.Error{Kind: bridge.Invalid, Op: "store.begin_refresh", Err: errors.New("the switch is " + string(sw.State))}
		}
		mappedOnly := !sw.MassSync || sw.Reason != ""
		run, err = oneRun(ctx, tx, insertRefresh, sw.ConnectionID, mappedOnly)
		switch {
		case err == nil:
			_, err = tx.Exec(ctx, "INSERT INTO mass_wish (run_id) VALUES ($1)", run.ID)
		case errors.Is(err, pgx.ErrNoRows):
			run, err = oneRun(ctx, tx, selectUnfinishedSteered, sw.ConnectionID, RunMass)
		}
		if err != nil {
			return err
		}
		if run.DryRun {
			return &bridge.Error{Kind: bridge.Pending, Op: "store.begin_refresh", RetryAfter: switchPause,
				Err: errors.New("a mass sync is being rehearsed")}
		}
		_, err = tx.Exec(ctx, "UPDATE program_switch SET refresh_run = $2 WHERE id = $1", sw.ID, run.ID)
		return err
	})
	return run, wrap(err, "begin refresh of switch %d", switchID)
}

// revisitLate requests a sync of the contacts whose write of another program's values
// is recorded only now: that write may have come after the refresh.
var revisitLate = resyncOf(`
SELECT c.id, w.contact_id
  FROM connection c CROSS JOIN unnest($2::text[], $3::text[]) AS w (contact_id, program)
 WHERE c.id = $1 AND c.program <> w.program`)

// revisit requests a sync of the contacts that are not known to have the right
// values.
var revisit = resyncOf(`
SELECT m.connection_id, m.contact_id
  FROM mapping m
  LEFT JOIN contact_ledger l ON l.connection_id = m.connection_id AND l.contact_id = m.contact_id
 WHERE m.connection_id = $1 AND l.written_hash IS NULL`)

// FinishSwitch ends a switch whose contacts were refreshed. With revisitOthers, the
// contacts that were not reached are synced by their own workflows: their
// participants have left the tenant, or HubSpot refused the write. It may run
// twice.
func (s *Store) FinishSwitch(ctx context.Context, switchID int64, revisitOthers bool) (sw ProgramSwitch, err error) {
	err = s.inSwitch(ctx, switchID, func(tx pgx.Tx, sw ProgramSwitch) error {
		if sw.State != SwitchRefreshing {
			return nil
		}
		if !revisitOthers {
			return finishSwitch(ctx, tx, sw, 0)
		}
		left, err := tx.Exec(ctx, revisit, sw.ConnectionID)
		if err != nil {
			return err
		}
		return finishSwitch(ctx, tx, sw, left.RowsAffected())
	})
	if err == nil {
		sw, err = s.Switch(ctx, switchID)
	}
	return sw, wrap(err, "finish switch %d", switchID)
}

func finishSwitch(ctx context.Context, tx pgx.Tx, sw ProgramSwitch, revisited int64) error {
	_, err := tx.Exec(ctx, `
UPDATE program_switch
   SET state = CASE reason WHEN '' THEN 'done' ELSE 'refused' END, revisited = $2, finished_at = now()
 WHERE id = $1`, sw.ID, revisited)
	return err
}
