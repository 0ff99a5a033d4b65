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

// Persons who were erased meanwhile get no values, and rows without values are not
// written.
const blockUnfilled = `
WITH blocked AS (
     UPDATE staged_participant SET state = 'done', result = 'blocked'
      WHERE run_id = $1 AND account_id = '' AND state = 'planned'
     RETURNING 1)
UPDATE sync_run SET blocked = blocked + (SELECT count(*) FROM blocked) WHERE id = $1`

var errOtherFile = errors.New("the export is not the one that was compared")

// Fill stores the values that the pages of a reconcile write. rows is the run's
// export once more. Only rows that are on a page get values.
func (s *Store) Fill(ctx context.Context, run Run, rows iter.Seq2[bridge.Participant, error]) error {
	f := filler{store: s, run: run}
	if err := f.fill(ctx, rows); err != nil {
		return wrap(err, "fill run %d", run.ID)
	}
	_, err := s.pool.Exec(ctx, blockUnfilled, run.ID)
	return wrap(err, "fill run %d", run.ID)
}

// filler walks through an export and the rows that need values, both in the order
// of the export.
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
		if _, unreadable := errors.AsType[*bridge.UnreadableRowError](err); unreadable {
			continue // staging gave it no ordinal
		}
		if err != nil {
			return err
		}
		ordinal++
		if ordinal != f.wanted[0].ordinal {
			continue
		}
		p, err := storableParticipant(p)
		if err != nil {
			return err
		}
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

// An item that a person discarded is not parked again unless the contact has
// changed since: nobody wants to answer about a copied portal every day.
const parkFindings = `
WITH due AS (
     SELECT DISTINCT f.contact_id
       FROM reconcile_finding f
       LEFT JOIN reconcile_contact c ON c.run_id = f.run_id AND c.contact_id = f.contact_id
      WHERE f.run_id = $1 AND f.class = $2 AND f.repair = 'park' AND f.contact_id <> ''
        AND NOT EXISTS (SELECT FROM parked_item d
                         WHERE d.connection_id = $3 AND d.contact_id = f.contact_id AND d.cause = $4 AND d.outcome = 'discarded'
                           AND d.closed_at > coalesce(c.updated_at, '-infinity')))
INSERT INTO parked_item (connection_id, contact_id, account_id, user_id, cause, advice, words)
SELECT $3, contact_id, '', '', $4, $5, '' FROM due
 ORDER BY contact_id
ON CONFLICT (connection_id, contact_id, cause) WHERE closed_at IS NULL AND contact_id <> '' AND tracked_event_id IS NULL
DO UPDATE SET advice = excluded.advice`

// A difference that is no longer found has been resolved.
const resolveFindings = `
UPDATE parked_item i SET closed_at = now(), outcome = 'resolved'
 WHERE i.connection_id = $2 AND i.cause = $4 AND i.closed_at IS NULL AND i.contact_id <> '' AND i.tracked_event_id IS NULL
   AND NOT EXISTS (SELECT FROM reconcile_finding f WHERE f.run_id = $1 AND f.class = $3 AND f.contact_id = i.contact_id)`

// A contact that waits for a person may never have been read by its own workflow. Its
// email is all that an erasure could keep its person out by.
const noteEmails = `
INSERT INTO contact_email (connection_id, contact_id, email_hash)
SELECT DISTINCT $2, c.contact_id, c.email_hash
  FROM reconcile_finding f
  JOIN reconcile_contact c ON c.run_id = f.run_id AND c.contact_id = f.contact_id
 WHERE f.run_id = $1 AND f.repair = 'park' AND c.email_hash IS NOT NULL
 ORDER BY c.contact_id, c.email_hash
ON CONFLICT (connection_id, contact_id, email_hash) DO NOTHING`

// The deletion guard has to know of all deletions of participants before it decides
// about the first.
const noteDeletions = `
INSERT INTO due_deletion (connection_id, contact_id, state)
SELECT $2, f.contact_id, 'due'
  FROM reconcile_finding f
  JOIN mapping m ON m.connection_id = $2 AND m.contact_id = f.contact_id
 WHERE f.run_id = $1 AND f.repair = 'deleted'
 ORDER BY f.contact_id
ON CONFLICT (connection_id, contact_id) DO UPDATE SET state = 'due', kind = 'deletion', heard_at = now(), waiting_since = NULL WHERE due_deletion.state = 'done'`

// ParkFindings parks the differences that only a person can resolve, one item for
// each contact, and closes items of earlier reconciles whose difference is gone.
func (s *Store) ParkFindings(ctx context.Context, run Run) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		for _, class := range bridge.Classes() {
			cause, parks := class.Cause()
			if !parks {
				continue
			}
			if _, err := tx.Exec(ctx, parkFindings, run.ID, class, run.ConnectionID, cause, cause.Advice()); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, resolveFindings, run.ID, run.ConnectionID, class, cause); err != nil {
				return err
			}
		}
		for _, note := range []string{noteEmails, noteDeletions, noteInferred} {
			if _, err := tx.Exec(ctx, note, run.ID, run.ConnectionID); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `
UPDATE reconcile_finding SET outcome = 'parked' WHERE run_id = $1 AND repair IN ('park', 'none') AND outcome IS NULL`, run.ID)
		return err
	})
	return wrap(err, "park_findings of run %d", run.ID)
}

// The contact's workflow compares the record with our ledger. If the ledger was
// found to be wrong, it has to be corrected first, or nothing would happen.
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
INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo, bulk)
SELECT $2, due.contact_id, due.repair, '', CASE WHEN due.repair = 'created' THEN coalesce(due.created_at, now()) ELSE now() END,
       'reconcile ' || $1::bigint || '/' || due.repair || '/' || due.contact_id, false, due.repair <> 'erased'
  FROM due
 ORDER BY due.contact_id
ON CONFLICT (connection_id, dedupe_key) DO NOTHING`

// A contact's workflow has answered once it has decided about the contact after the
// hint.
const settleHints = `
UPDATE reconcile_finding f
   SET outcome = CASE WHEN l.state = 'awaiting_approval' THEN 'guarded'
                      WHEN EXISTS (SELECT FROM parked_item i
                                    WHERE i.connection_id = $2 AND i.contact_id = f.contact_id AND i.closed_at IS NULL
                                      AND i.tracked_event_id IS NULL AND i.cause <> ALL ($3)) THEN 'parked' ELSE 'repaired' END
  FROM contact_ledger l
 WHERE f.run_id = $1 AND f.hinted_at IS NOT NULL AND f.outcome IS NULL
   AND l.connection_id = $2 AND l.contact_id = f.contact_id AND l.decided_at >= f.hinted_at`

// Repairs is the progress of a reconcile's hints.
type Repairs struct {
	Hinted int64 `json:"hinted"` // answered or not
	Open   int64 `json:"open"`   // not answered yet
	Left   int64 `json:"left"`   // not given yet
}

// AdvanceHints records which hints of a reconcile were answered, and sends more
// until window of them are open. They share the portal with live work.
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

// Agreement needs that everybody was listed, and that nothing differs but what a person
// has to decide.
const upsertAgreement = `
INSERT INTO agreement (connection_id, agreed_at, pairs, repaired, left_to_people)
SELECT r.connection_id, now(), c.pairs,
       coalesce((SELECT sum(n) FROM reconcile_count WHERE run_id = r.id AND outcome = 'repaired'), 0),
       coalesce((SELECT sum(n) FROM reconcile_count WHERE run_id = r.id AND outcome IN ('parked', 'guarded')), 0)
  FROM sync_run r JOIN reconcile c ON c.run_id = r.id
 WHERE r.id = $1 AND NOT r.dry_run
   AND NOT EXISTS (SELECT FROM reconcile_unlisted WHERE run_id = r.id)
   AND NOT EXISTS (SELECT FROM reconcile_count WHERE run_id = r.id AND outcome NOT IN ('repaired', 'parked', 'guarded'))
ON CONFLICT (connection_id) DO UPDATE
   SET agreed_at = excluded.agreed_at, pairs = excluded.pairs, repaired = excluded.repaired, left_to_people = excluded.left_to_people`

// FinishReconcile ends a reconcile: it stores the counts, and the agreement if both
// sides agree, and deletes the findings. It fails while pages are left to do,
// except in a dry run. It may run twice.
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

// ReconcileProgress is how far a reconcile is, also after its end.
type ReconcileProgress struct {
	Progress
	Step     ReconcileStep
	Contacts int64 // live ones that were listed
	Archived int64 // of the recycle bin, that were listed
	Expected int64 // contacts that the last finished reconcile listed; 0: there was none
	Pairs    int64 // mapped contacts that were compared; 0 before that
	Drift    []DriftCount

	// Unlisted is what HubSpot failed to show. The mapped contacts there were read one
	// by one; of the others nothing is known.
	Unlisted []bridge.Unlisted
}

// DriftCount counts the differences of a class with an outcome. While the reconcile
// is under way, those without one count as waiting.
type DriftCount struct {
	Class   bridge.Class
	Outcome bridge.DriftOutcome
	N       int64
}

// ReconcileProgress returns how far a reconcile of a connection is: the one named,
// or the latest for run 0. It returns a not_found error if there is none.
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
	if err == nil {
		p.Unlisted, err = s.unlisted(ctx, p.ID)
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

// Agreement says when both sides of a connection last agreed, except for
// differences that wait for a person.
type Agreement struct {
	At           time.Time
	Pairs        int64 // mapped contacts that were compared
	Repaired     int64 // differences that were repaired
	LeftToPeople int64 // differences that wait for a person
}

// Agreement returns a connection's last agreement, or a not_found error.
func (s *Store) Agreement(ctx context.Context, connectionID string) (Agreement, error) {
	var a Agreement
	err := s.pool.QueryRow(ctx, "SELECT agreed_at, pairs, repaired, left_to_people FROM agreement WHERE connection_id = $1", connectionID).
		Scan(&a.At, &a.Pairs, &a.Repaired, &a.LeftToPeople)
	return a, wrap(err, "agreement of %s", connectionID)
}

// DriftLeft returns the differences that a connection's latest finished reconcile
// left, by class and reason. Dry runs do not count.
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
