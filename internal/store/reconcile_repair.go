package store

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// fillChunk is how many rows get their values at a time.
const fillChunk = 1000

const selectUnfilled = `
SELECT ordinal, identity_hash FROM staged_participant
 WHERE run_id = $1 AND ordinal > $2 AND account_id = '' AND state = 'planned'
 ORDER BY ordinal
 LIMIT $3`

const fillRows = `
UPDATE staged_participant s
   SET account_id = d.account_id, user_id = d.user_id, email = d.email, first_name = d.first_name, last_name = d.last_name,
       referral_code = d.referral_code, share_link = d.share_link, contact_id_hint = d.contact_id_hint
  FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[])
    AS d (ordinal, account_id, user_id, email, first_name, last_name, referral_code, share_link, contact_id_hint)
 WHERE s.run_id = $1 AND s.ordinal = d.ordinal
   AND NOT EXISTS (SELECT FROM tombstone t WHERE t.connection_id = $2 AND t.key_hash IN (s.email_hash, s.identity_hash))`

// Who was erased meanwhile gets no values, and nothing is written of nobody.
const blockUnfilled = `
WITH blocked AS (
     UPDATE staged_participant SET state = 'done', result = 'blocked'
      WHERE run_id = $1 AND account_id = '' AND state = 'planned'
     RETURNING 1)
UPDATE sync_run SET blocked = blocked + (SELECT count(*) FROM blocked) WHERE id = $1`

var errOtherFile = errors.New("the export is not the one that was compared")

// Fill gives the planned rows of a reconcile the values that their pages write.
// rows is the run's export once more. Only rows that are on a page are kept.
func (s *Store) Fill(ctx context.Context, run Run, rows iter.Seq2[bridge.Participant, error]) error {
	f := filler{store: s, run: run}
	if err := f.fill(ctx, rows); err != nil {
		return wrap(err, "fill run %d", run.ID)
	}
	_, err := s.pool.Exec(ctx, blockUnfilled, run.ID)
	return wrap(err, "fill run %d", run.ID)
}

// filler walks through an export and the rows that want values, both in the
// order of the export.
type filler struct {
	store *Store
	run   Run

	wanted []wantedRow // the next ones, ascending
	filled []bridge.Participant
	places []int64 // their ordinals
	last   int64   // wanted up to here
}

type wantedRow struct {
	ordinal  int64
	identity []byte
}

func (f *filler) fill(ctx context.Context, rows iter.Seq2[bridge.Participant, error]) error {
	if err := f.more(ctx); err != nil || len(f.wanted) == 0 {
		return err
	}
	ordinal := int64(0)
	for p, err := range rows {
		if err != nil {
			return err
		}
		ordinal++
		if ordinal != f.wanted[0].ordinal {
			continue
		}
		p = storableParticipant(p)
		if !bytes.Equal(f.wanted[0].identity, f.store.hasher.Identity(p.Identity())) {
			return &bridge.Error{Kind: bridge.Unavailable, Op: "store.fill", Err: errOtherFile}
		}
		f.filled, f.places = append(f.filled, p), append(f.places, ordinal)
		if f.wanted = f.wanted[1:]; len(f.wanted) > 0 {
			continue
		}
		if err := f.flush(ctx); err != nil {
			return err
		}
		if err := f.more(ctx); err != nil || len(f.wanted) == 0 {
			return err
		}
	}
	return f.flush(ctx)
}

func (f *filler) more(ctx context.Context) error {
	rows, err := f.store.pool.Query(ctx, selectUnfilled, f.run.ID, f.last, fillChunk)
	if err != nil {
		return err
	}
	var w wantedRow
	_, err = pgx.ForEachRow(rows, []any{&w.ordinal, &w.identity}, func() error {
		f.wanted, f.last = append(f.wanted, wantedRow{w.ordinal, bytes.Clone(w.identity)}), w.ordinal
		return nil
	})
	return err
}

func (f *filler) flush(ctx context.Context) error {
	n := len(f.filled)
	var columns [8][]string
	for i := range columns {
		columns[i] = make([]string, n)
	}
	for i, p := range f.filled {
		for c, value := range []string{p.AccountID, p.UserID, p.Email, p.FirstName, p.LastName, p.ReferralCode, p.ShareLink, p.HubSpotContactID} {
			columns[c][i] = value
		}
	}
	args := []any{f.run.ID, f.run.ConnectionID, f.places}
	for _, column := range columns {
		args = append(args, column)
	}
	f.filled, f.places = nil, nil
	_, err := f.store.pool.Exec(ctx, fillRows, args...)
	return err
}

// ParkAdvice says what a person can do about what is parked for a cause.
type ParkAdvice map[bridge.Cause]string

// causes of the classes that only a person can resolve.
var causes = map[bridge.Class]bridge.Cause{
	bridge.ClassVanishedContact:  bridge.CauseVanishedContact,
	bridge.ClassErasedPresent:    bridge.CauseErasedPresent,
	bridge.ClassForeignIDs:       bridge.CauseForeignIDs,
	bridge.ClassContestedContact: bridge.CauseContestedContact,
}

const parkFindings = `
WITH due AS (
     SELECT DISTINCT contact_id FROM reconcile_finding
      WHERE run_id = $1 AND class = $2 AND repair = 'park' AND contact_id <> '')
INSERT INTO parked_item (connection_id, contact_id, account_id, user_id, cause, advice, words)
SELECT $3, contact_id, '', '', $4, $5, '' FROM due
 ORDER BY contact_id
ON CONFLICT (connection_id, contact_id, cause) WHERE closed_at IS NULL AND contact_id <> '' AND tracked_event_id IS NULL
DO UPDATE SET advice = excluded.advice`

// What is not found any more has been resolved by somebody.
const resolveFindings = `
UPDATE parked_item i SET closed_at = now(), outcome = 'resolved'
 WHERE i.connection_id = $2 AND i.cause = $4 AND i.closed_at IS NULL AND i.contact_id <> '' AND i.tracked_event_id IS NULL
   AND NOT EXISTS (SELECT FROM reconcile_finding f WHERE f.run_id = $1 AND f.class = $3 AND f.contact_id = i.contact_id)`

// The guard of deletions in numbers has to know all of them before the first.
const noteDeletions = `
INSERT INTO due_deletion (connection_id, contact_id, state)
SELECT $2, contact_id, 'due' FROM reconcile_finding WHERE run_id = $1 AND repair = 'deleted'
 ORDER BY contact_id
ON CONFLICT (connection_id, contact_id) DO UPDATE SET state = 'due', heard_at = now(), waiting_since = NULL WHERE due_deletion.state = 'done'`

// ParkFindings parks what only a person can resolve, one item for each contact,
// and closes the items of former reconciles that nothing was found for.
func (s *Store) ParkFindings(ctx context.Context, run Run, advice ParkAdvice) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		for _, class := range bridge.Classes() {
			cause, parks := causes[class]
			if !parks {
				continue
			}
			if _, err := tx.Exec(ctx, parkFindings, run.ID, class, run.ConnectionID, cause, advice[cause]); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, resolveFindings, run.ID, run.ConnectionID, class, cause); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, noteDeletions, run.ID, run.ConnectionID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
UPDATE reconcile_finding SET outcome = 'parked' WHERE run_id = $1 AND repair IN ('park', 'none') AND outcome IS NULL`, run.ID)
		return err
	})
	return wrap(err, "park_findings of run %d", run.ID)
}

// The contact's life compares what the record has with what we believe. Where
// that belief was found wrong it has to go first, or nothing would happen.
const hintFindings = `
WITH due AS (
     SELECT f.id, f.contact_id, f.repair, f.class, c.created_at
       FROM reconcile_finding f
       LEFT JOIN reconcile_contact c ON c.run_id = f.run_id AND c.contact_id = f.contact_id
      WHERE f.run_id = $1 AND f.hinted_at IS NULL AND f.outcome IS NULL AND f.repair NOT IN ('page', 'park', 'none')
      ORDER BY f.id
      LIMIT $3),
     wrong AS (
     SELECT l.contact_id, due.class
       FROM due JOIN contact_ledger l ON l.connection_id = $2 AND l.contact_id = due.contact_id
      WHERE due.class IN ('contact_values', 'wrong_contact_id', 'participant_gone')
      ORDER BY l.contact_id
        FOR UPDATE OF l),
     distrust AS (
     UPDATE contact_ledger l
        SET sent_hash = CASE WHEN wrong.class = 'contact_values' THEN l.sent_hash ELSE ` + distrusted + ` END,
            written_hash = CASE WHEN wrong.class = 'wrong_contact_id' THEN l.written_hash ELSE ` + distrusted + ` END
       FROM wrong
      WHERE l.connection_id = $2 AND l.contact_id = wrong.contact_id),
     hinted AS (
     UPDATE reconcile_finding f SET hinted_at = clock_timestamp() FROM due WHERE f.run_id = $1 AND f.id = due.id)
INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo)
SELECT $2, due.contact_id, due.repair, '', CASE WHEN due.repair = 'created' THEN coalesce(due.created_at, now()) ELSE now() END,
       'reconcile ' || $1::bigint || '/' || due.repair || '/' || due.contact_id, false
  FROM due
 ORDER BY due.contact_id
ON CONFLICT (connection_id, dedupe_key) DO NOTHING`

// A contact's life has answered once it has decided about the contact since.
const settleHints = `
UPDATE reconcile_finding f
   SET outcome = CASE WHEN l.state = 'awaiting_approval' THEN 'guarded'
                      WHEN EXISTS (SELECT FROM parked_item i
                                    WHERE i.connection_id = $2 AND i.contact_id = f.contact_id AND i.closed_at IS NULL
                                      AND i.tracked_event_id IS NULL AND i.cause <> ALL ($3)) THEN 'parked' ELSE 'repaired' END
  FROM contact_ledger l
 WHERE f.run_id = $1 AND f.hinted_at IS NOT NULL AND f.outcome IS NULL
   AND l.connection_id = $2 AND l.contact_id = f.contact_id AND l.decided_at >= f.hinted_at`

// Repairs says how far a reconcile's hints have come.
type Repairs struct {
	Hinted int64 `json:"hinted"` // answered or not
	Open   int64 `json:"open"`   // not answered yet
	Left   int64 `json:"left"`   // not given yet
}

// AdvanceHints notes which hints of a reconcile were answered, and gives so many
// more that at most window are open. Live work shares the portal with them.
func (s *Store) AdvanceHints(ctx context.Context, run Run, window int) (Repairs, error) {
	var r Repairs
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := lockRun(ctx, tx, run.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, settleHints, run.ID, run.ConnectionID, bridge.Warnings()); err != nil {
			return err
		}
		if err := countHints(ctx, tx, run.ID, &r); err != nil {
			return err
		}
		more := min(int64(window)-r.Open, r.Left)
		if more <= 0 {
			return nil
		}
		if _, err := tx.Exec(ctx, hintFindings, run.ID, run.ConnectionID, more); err != nil {
			return err
		}
		return countHints(ctx, tx, run.ID, &r)
	})
	return r, wrap(err, "advance_hints of run %d", run.ID)
}

func countHints(ctx context.Context, tx pgx.Tx, runID int64, r *Repairs) error {
	return tx.QueryRow(ctx, `
SELECT count(*) FILTER (WHERE hinted_at IS NOT NULL),
       count(*) FILTER (WHERE hinted_at IS NOT NULL AND outcome IS NULL),
       count(*) FILTER (WHERE hinted_at IS NULL AND outcome IS NULL)
  FROM reconcile_finding WHERE run_id = $1 AND repair NOT IN ('page', 'park', 'none')`, runID).Scan(&r.Hinted, &r.Open, &r.Left)
}

const settlePages = `
UPDATE reconcile_finding f
   SET outcome = CASE WHEN s.result = 'parked' THEN 'parked' ELSE 'repaired' END
  FROM staged_participant s
 WHERE f.run_id = $1 AND f.repair = 'page' AND f.outcome IS NULL AND s.run_id = $1 AND s.ordinal = f.ordinal AND s.state IN ('done', 'parked')`

const countFindings = `
INSERT INTO reconcile_count (run_id, class, outcome, n)
SELECT run_id, class, coalesce(outcome, CASE WHEN $2 THEN 'foretold' ELSE 'waiting' END), count(*)
  FROM reconcile_finding
 WHERE run_id = $1
 GROUP BY 1, 2, 3`

// Agreement needs that nothing differs but what a person has to decide.
const upsertAgreement = `
INSERT INTO agreement (connection_id, agreed_at, pairs, repaired, left_to_people)
SELECT r.connection_id, now(), c.pairs,
       coalesce((SELECT sum(n) FROM reconcile_count WHERE run_id = r.id AND outcome = 'repaired'), 0),
       coalesce((SELECT sum(n) FROM reconcile_count WHERE run_id = r.id AND outcome IN ('parked', 'guarded')), 0)
  FROM sync_run r JOIN reconcile c ON c.run_id = r.id
 WHERE r.id = $1 AND NOT r.dry_run
   AND NOT EXISTS (SELECT FROM reconcile_count WHERE run_id = r.id AND outcome NOT IN ('repaired', 'parked', 'guarded'))
ON CONFLICT (connection_id) DO UPDATE
   SET agreed_at = excluded.agreed_at, pairs = excluded.pairs, repaired = excluded.repaired, left_to_people = excluded.left_to_people`

// FinishReconcile ends a reconcile: it keeps the counts, and that both sides
// agree where they do, and deletes what was staged. It refuses while pages are
// left to do, unless the run is dry. Finishing a finished one is success.
func (s *Store) FinishReconcile(ctx context.Context, runID int64) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		run, err := lockRun(ctx, tx, runID)
		if err != nil || run.State == RunDone {
			return err
		}
		if run.State != RunPlanned {
			return run.refused("finish_reconcile")
		}
		if !run.DryRun {
			if err := noneLeft(ctx, tx, runID); err != nil {
				return err
			}
		}
		var batch pgx.Batch
		batch.Queue(settlePages, runID)
		batch.Queue(countFindings, runID, run.DryRun)
		batch.Queue(upsertAgreement, runID)
		if !run.DryRun {
			batch.Queue(upsertHandled, run.ConnectionID, runID, 0, int64(1<<62))
		}
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
			return err
		}
		return end(ctx, tx, runID, RunDone, "")
	})
	return wrap(err, "finish reconcile %d", runID)
}

// ReconcileProgress is where a reconcile stands, also after its end.
type ReconcileProgress struct {
	Progress
	Step     ReconcileStep
	Contacts int64 // live ones that were listed
	Archived int64 // that were listed
	Expected int64 // contacts that the last finished one listed; 0: there was none
	Pairs    int64 // mapped contacts that were compared; 0 before that
	Drift    []DriftCount
}

// DriftCount says how many differences of a class had an outcome. While the
// reconcile is under way, those without one are counted as waiting.
type DriftCount struct {
	Class   bridge.Class
	Outcome bridge.DriftOutcome
	N       int64
}

// ReconcileProgress returns where a reconcile of a connection stands: the one
// named, or the latest for run 0. It is a not_found error if there is none.
func (s *Store) ReconcileProgress(ctx context.Context, connectionID string, runID int64) (ReconcileProgress, error) {
	p := ReconcileProgress{}
	var err error
	if p.Progress, err = s.progress(ctx, selectProgress+`
 WHERE connection_id = $1 AND kind = 'reconcile' AND $2::bigint IN (0, id) ORDER BY id DESC LIMIT 1`, connectionID, runID); err == nil {
		err = s.pool.QueryRow(ctx, `
SELECT c.step, c.contacts, c.archived, c.pairs,
       coalesce((SELECT o.contacts + o.archived FROM reconcile o JOIN sync_run r ON r.id = o.run_id
                  WHERE r.connection_id = $2 AND r.state = 'done' AND r.id < $1 ORDER BY r.id DESC LIMIT 1), 0)
  FROM reconcile c WHERE c.run_id = $1`, p.ID, connectionID).Scan(&p.Step, &p.Contacts, &p.Archived, &p.Pairs, &p.Expected)
	}
	if err == nil {
		p.Drift, err = s.drift(ctx, p.ID)
	}
	return p, wrap(err, "reconcile_progress of %s", connectionID)
}

func (s *Store) drift(ctx context.Context, runID int64) ([]DriftCount, error) {
	rows, err := s.pool.Query(ctx, `
SELECT class, outcome, n FROM reconcile_count WHERE run_id = $1
 UNION ALL
SELECT class, coalesce(outcome, 'waiting'), count(*) FROM reconcile_finding WHERE run_id = $1 GROUP BY 1, 2
 ORDER BY 1, 2`, runID)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[DriftCount])
}

// Agreement says when both sides of a connection were last known to agree, but
// for what waits for a person.
type Agreement struct {
	At           time.Time
	Pairs        int64 // mapped contacts that were compared
	Repaired     int64 // differences that were found and repaired before
	LeftToPeople int64 // differences that wait for a person
}

// Agreement returns the last agreement of a connection, or a not_found error.
func (s *Store) Agreement(ctx context.Context, connectionID string) (Agreement, error) {
	var a Agreement
	err := s.pool.QueryRow(ctx, "SELECT agreed_at, pairs, repaired, left_to_people FROM agreement WHERE connection_id = $1", connectionID).
		Scan(&a.At, &a.Pairs, &a.Repaired, &a.LeftToPeople)
	return a, wrap(err, "agreement of %s", connectionID)
}

// DriftLeft returns what the latest reconcile of a connection that has ended left
// as it was, by class and reason. A dry run says nothing of that.
func (s *Store) DriftLeft(ctx context.Context, connectionID string) ([]DriftCount, error) {
	rows, err := s.pool.Query(ctx, `
SELECT class, outcome, n FROM reconcile_count
 WHERE run_id = (SELECT max(id) FROM sync_run WHERE connection_id = $1 AND kind = 'reconcile' AND state = 'done' AND NOT dry_run)
   AND outcome <> 'repaired'
 ORDER BY class, outcome`, connectionID)
	if err != nil {
		return nil, wrap(err, "drift_left of %s", connectionID)
	}
	left, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DriftCount])
	return left, wrap(err, "drift_left of %s", connectionID)
}
