package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// One row for each contact that seems to differ. Contacts are left out that we have
// synced since the export was made, or are about to sync or erase: the next
// reconcile sees the outcome.
const compareContacts = `
DECLARE compared NO SCROLL CURSOR FOR
SELECT c.contact_id, coalesce(p.ordinal, 0), c.presence,
       CASE WHEN c.half_pair THEN 'half' WHEN c.named_hash IS NULL THEN 'none' WHEN c.named_hash = c.mapped_hash THEN 'mapped' ELSE 'other' END,
       c.mapped_hash IS NOT NULL, l.email_hash IS NOT NULL, coalesce(l.state, ''),
       p.ordinal IS NOT NULL, n.ordinal IS NOT NULL,
       coalesce(c.shared_hash = p.shared_hash, false),
       coalesce(l.written_hash = c.shared_hash AND l.written_as_of > r.as_of, false),
       l.sent_hash IS NOT NULL AND c.inputs_hash IS DISTINCT FROM l.sent_hash AND c.plain_inputs_hash IS DISTINCT FROM l.sent_hash,
       coalesce(p.contact_id_hint <> c.contact_id AND named.contact_id IS NULL
                AND (p.contact_id_hint <> '' OR coalesce(l.reason, '') <> ''), false),
       c.email_hash IS NOT NULL, coalesce(l.email_hash <> c.email_hash, false), c.has_inputs,
       coalesce(c.created_at >= conn.created_at, false),
       EXISTS (SELECT FROM former_mapping f WHERE f.connection_id = r.connection_id AND f.contact_id = c.contact_id AND f.ending = 'deleted'),
       EXISTS (SELECT FROM tombstone t WHERE t.connection_id = r.connection_id AND t.key_hash = c.contact_hash AND NOT t.provisional),
       coalesce(other.erased, false)
       OR EXISTS (SELECT FROM tombstone t WHERE t.connection_id = r.connection_id AND t.key_hash IN (c.email_hash, c.mapped_hash, p.email_hash) AND NOT t.provisional),
       EXISTS (SELECT FROM parked_item i
                WHERE i.connection_id = r.connection_id AND i.contact_id = c.contact_id AND i.closed_at IS NULL
                  AND i.tracked_event_id IS NULL AND i.cause <> ALL ($2::text[])),
       coalesce(c.updated_at > l.decided_at, true),
       clock_timestamp() - greatest(l.decided_at, m.updated_at, before.created_at, conn.created_at)
  FROM sync_run r
  JOIN connection conn ON conn.id = r.connection_id
  JOIN reconcile_contact c ON c.run_id = r.id
  LEFT JOIN staged_participant p ON p.run_id = r.id AND p.identity_hash = c.mapped_hash
  LEFT JOIN staged_participant n ON n.run_id = r.id AND n.identity_hash = c.named_hash
  LEFT JOIN reconcile_contact named ON named.run_id = r.id AND named.contact_id = p.contact_id_hint AND named.mapped_hash = p.identity_hash
  LEFT JOIN contact_ledger l ON l.connection_id = r.connection_id AND l.contact_id = c.contact_id
  LEFT JOIN mapping m ON m.connection_id = r.connection_id AND m.contact_id = c.contact_id
  LEFT JOIN (SELECT e.contact_id, bool_or(t.provisional) AS blocked, bool_or(NOT t.provisional) AS erased
               FROM sync_run s
               JOIN reconcile_email e ON e.run_id = s.id
               JOIN tombstone t ON t.connection_id = s.connection_id AND t.key_hash = e.email_hash
              WHERE s.id = $1
              GROUP BY e.contact_id) other ON other.contact_id = c.contact_id
  LEFT JOIN LATERAL (SELECT max(o.created_at) AS created_at FROM sync_run o
                      WHERE o.connection_id = r.connection_id AND o.kind = 'reconcile' AND o.state = 'done' AND NOT o.dry_run) before ON true
 WHERE r.id = $1
   AND NOT EXISTS (SELECT FROM tombstone t WHERE t.connection_id = r.connection_id AND t.provisional
                     AND t.key_hash IN (c.contact_hash, c.email_hash, c.mapped_hash, c.named_hash, p.email_hash))
   AND NOT coalesce(other.blocked, false)
   AND coalesce(l.decided_at < r.as_of, true) AND coalesce(m.updated_at < r.as_of, true)
   AND NOT EXISTS (SELECT FROM inbox i WHERE i.connection_id = r.connection_id AND i.contact_id = c.contact_id AND i.relayed_at IS NULL)`

// One row for each participant that no contact is mapped to.
const compareParticipants = `
DECLARE compared NO SCROLL CURSOR FOR
SELECT p.ordinal, CASE WHEN contested.contact_id IS NULL THEN '' ELSE p.contact_id_hint END,
       n.named_hash IS NOT NULL, contested.contact_id IS NOT NULL, p.email_hash IS NOT NULL,
       EXISTS (SELECT FROM tombstone t WHERE t.connection_id = r.connection_id AND t.key_hash IN (p.email_hash, p.identity_hash) AND NOT t.provisional),
       coalesce(ended.at >= coalesce(p.date_created, '-infinity'), false), coalesce(p.date_created >= conn.created_at, false),
       pl.row_hash IS NOT NULL, coalesce(pl.row_hash <> p.row_hash, false)
  FROM sync_run r
  JOIN connection conn ON conn.id = r.connection_id
  JOIN staged_participant p ON p.run_id = r.id
  LEFT JOIN (SELECT DISTINCT named_hash FROM reconcile_contact WHERE run_id = $1 AND presence = 'live') n ON n.named_hash = p.identity_hash
  LEFT JOIN reconcile_contact contested ON contested.run_id = r.id AND contested.contact_id = p.contact_id_hint
                                       AND contested.presence = 'live' AND contested.mapped_hash <> p.identity_hash
  LEFT JOIN participant_ledger pl ON pl.connection_id = r.connection_id AND pl.identity_hash = p.identity_hash
  LEFT JOIN (SELECT identity_hash, max(at) AS at FROM unnest($2::bytea[], $3::timestamptz[]) AS e (identity_hash, at) GROUP BY 1) ended
         ON ended.identity_hash = p.identity_hash
 WHERE r.id = $1
   AND NOT EXISTS (SELECT FROM tombstone t WHERE t.connection_id = r.connection_id AND t.provisional
                     AND t.key_hash IN (p.email_hash, p.identity_hash))
   AND NOT EXISTS (SELECT FROM reconcile_contact m WHERE m.run_id = r.id AND m.mapped_hash = p.identity_hash)`

// compareChunk is how many rows are compared at a time.
const compareChunk = 5000

// Compare finds every difference between the two sides of a reconcile, by the
// current rules, and prepares the repairs: participants whose values are needed go
// on pages of a hundred, all other staged rows are deleted. It does all or nothing,
// and nothing to a run that is compared already. It returns the number of pages, or
// a not_found error if the program was changed meanwhile.
func (s *Store) Compare(ctx context.Context, runID int64, inferred bridge.InferredErasure) (pages int, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		run, err := lockRun(ctx, tx, runID)
		if err != nil {
			return err
		}
		switch run.State {
		case RunStaged:
			c := comparer{tx: tx, run: run, inferred: inferred}
			if err := c.compare(ctx, s); err != nil {
				return err
			}
		case RunPlanned, RunDone:
		default:
			return run.refused("compare")
		}
		return tx.QueryRow(ctx, "SELECT pages FROM sync_run WHERE id = $1", runID).Scan(&pages)
	})
	return pages, wrap(err, "compare run %d", runID)
}

// comparer compares the two sides of one run.
type comparer struct {
	tx       pgx.Tx
	run      Run
	inferred bridge.InferredErasure
	rules    bridge.Rules
}

func (c comparer) compare(ctx context.Context, s *Store) error {
	var program string
	if err := c.tx.QueryRow(ctx, `
SELECT program, rule_participant_created, rule_participant_updated, rule_contact_created, rule_contact_updated
  FROM connection WHERE id = $1`, c.run.ConnectionID).Scan(&program, &c.rules.ParticipantCreated, &c.rules.ParticipantUpdated,
		&c.rules.ContactCreated, &c.rules.ContactUpdated); err != nil {
		return err
	}
	if program != c.run.ProgramID {
		return &bridge.Error{Kind: bridge.NotFound, Op: "store.compare", Err: errProgramChanged}
	}
	ended, endedAt, err := s.ended(ctx, c.tx, c.run.ConnectionID)
	if err != nil {
		return err
	}
	for _, table := range []string{"reconcile_contact", "reconcile_email", "staged_participant", "contact_ledger", "mapping"} {
		if _, err := c.tx.Exec(ctx, "ANALYZE "+table); err != nil {
			return err
		}
	}
	if err := c.each(ctx, c.contact, compareContacts, c.run.ID, stillReached()); err != nil {
		return fmt.Errorf("contacts: %w", err)
	}
	if err := c.each(ctx, c.participant, compareParticipants, c.run.ID, ended, endedAt); err != nil {
		return fmt.Errorf("participants: %w", err)
	}
	return c.prepare(ctx)
}

// stillReached returns the causes of parked items that do not concern the contact
// itself: reading it again may help.
func stillReached() []string {
	var causes []string
	for _, cause := range append(bridge.Warnings(), bridge.CauseUnreachable, bridge.CauseNotReadable) {
		causes = append(causes, string(cause))
	}
	return causes
}

// ended returns the participants whose last mapping has ended, and when: deleted
// with the contact, or kept without one on purpose.
func (s *Store) ended(ctx context.Context, tx pgx.Tx, connectionID string) (hashes [][]byte, at []time.Time, err error) {
	rows, err := tx.Query(ctx, "SELECT account_id, user_id, ended_at FROM former_mapping WHERE connection_id = $1", connectionID)
	if err != nil {
		return nil, nil, err
	}
	hashes, at = [][]byte{}, []time.Time{}
	var id bridge.Identity
	var endedAt time.Time
	_, err = pgx.ForEachRow(rows, []any{&id.AccountID, &id.UserID, &endedAt}, func() error {
		hashes, at = append(hashes, s.hasher.Identity(id)), append(at, endedAt)
		return nil
	})
	return hashes, at, err
}

// found is a finding with its subject.
type found struct {
	bridge.Finding
	contactID string
	ordinal   int64
}

// each runs a comparison row by row and stores the findings, a chunk at a time.
func (c comparer) each(ctx context.Context, compare func(pgx.CollectableRow) (*found, error), declare string, args ...any) error {
	// DECLARE takes no parameters, so they become part of its text.
	if _, err := c.tx.Exec(ctx, declare, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...); err != nil {
		return err
	}
	for {
		// Not a prepared statement: the two comparisons differ in their columns.
		rows, err := c.tx.Query(ctx, fmt.Sprintf("FETCH %d FROM compared", compareChunk), pgx.QueryExecModeSimpleProtocol)
		if err != nil {
			return err
		}
		chunk, err := pgx.CollectRows(rows, compare)
		if err != nil {
			return err
		}
		if err := c.keep(ctx, chunk); err != nil {
			return err
		}
		if len(chunk) < compareChunk {
			_, err := c.tx.Exec(ctx, "CLOSE compared")
			return err
		}
	}
}

func (c comparer) keep(ctx context.Context, chunk []*found) error {
	var rows [][]any
	for _, f := range chunk {
		if f == nil {
			continue
		}
		var ordinal *int64
		if f.ordinal != 0 {
			ordinal = &f.ordinal
		}
		rows = append(rows, []any{c.run.ID, string(f.Class), string(f.Repair), f.contactID, ordinal})
	}
	_, err := c.tx.CopyFrom(ctx, pgx.Identifier{"reconcile_finding"}, []string{"run_id", "class", "repair", "contact_id", "ordinal"},
		pgx.CopyFromRows(rows))
	return err
}

func (c comparer) contact(row pgx.CollectableRow) (*found, error) {
	facts := bridge.ContactComparison{Rules: c.rules, InferredErased: c.inferred}
	f := found{}
	if err := row.Scan(&f.contactID, &f.ordinal, &facts.Presence, &facts.Names, &facts.Mapped, &facts.Recognised, &facts.State,
		&facts.ParticipantExists, &facts.NamedExists, &facts.SameValues, &facts.NewerThanExport, &facts.Unsent, &facts.WrongContactID,
		&facts.HasEmail, &facts.EmailChanged, &facts.HasInputs, &facts.Young, &facts.FormerDeleted,
		&facts.OwnErasure, &facts.PersonErased, &facts.Parked, &facts.ChangedSince, &facts.UnseenFor); err != nil {
		return nil, err
	}
	var differs bool
	if f.Finding, differs = bridge.CompareContact(facts); !differs {
		return nil, nil //nolint:nilnil // nothing differs
	}
	if f.Repair != bridge.RepairPage {
		f.ordinal = 0
	}
	return &f, nil
}

func (c comparer) participant(row pgx.CollectableRow) (*found, error) {
	facts := bridge.ParticipantComparison{Rules: c.rules}
	f := found{}
	if err := row.Scan(&f.ordinal, &f.contactID, &facts.Named, &facts.Contested, &facts.HasEmail, &facts.Erased, &facts.Ended,
		&facts.Young, &facts.Handled, &facts.Changed); err != nil {
		return nil, err
	}
	var differs bool
	if f.Finding, differs = bridge.CompareParticipant(facts); !differs {
		return nil, nil //nolint:nilnil // nothing differs
	}
	return &f, nil
}

// Rows without a repair by page are deleted at once. The rest is the plan.
const keepRepairable = `
DELETE FROM staged_participant s
 WHERE s.run_id = $1
   AND NOT EXISTS (SELECT FROM reconcile_finding f WHERE f.run_id = $1 AND f.ordinal = s.ordinal AND f.repair = 'page')`

const planRepairs = `
WITH planned AS (
     SELECT ordinal, plan, dense_rank() OVER (ORDER BY plan, bucket) AS page
       FROM (SELECT s.ordinal, f.plan,
                    (row_number() OVER (PARTITION BY f.plan ORDER BY s.ordinal) - 1)
                    / CASE f.plan WHEN 'update' THEN $2::int ELSE $3::int END AS bucket
               FROM staged_participant s
               JOIN (SELECT ordinal, CASE WHEN bool_or(class = 'missing_contact') THEN 'match_or_create' ELSE 'update' END AS plan
                       FROM reconcile_finding WHERE run_id = $1 AND repair = 'page' GROUP BY ordinal) f ON f.ordinal = s.ordinal
              WHERE s.run_id = $1) AS bucketed)
UPDATE staged_participant s
   SET plan = planned.plan, page = planned.page, state = 'planned'
  FROM planned
 WHERE s.run_id = $1 AND s.ordinal = planned.ordinal`

const setCompared = `
WITH planned AS (
     SELECT count(*) AS n, count(*) FILTER (WHERE plan = 'update') AS updates, coalesce(max(page), 0) AS pages
       FROM staged_participant WHERE run_id = $1),
     compared AS (
     UPDATE reconcile
        SET step = 'compared', page_rows = planned.n,
            pairs = (SELECT count(*) FROM reconcile_contact WHERE run_id = $1 AND mapped_hash IS NOT NULL AND presence = 'live')
       FROM planned WHERE run_id = $1)
UPDATE sync_run
   SET state = 'planned', total = planned.n, pages = planned.pages, to_update = planned.updates, to_match_or_create = planned.n - planned.updates
  FROM planned
 WHERE id = $1`

// A pair in order shows what HubSpot has, whatever our ledger said.
const relearn = `
WITH equal AS (
     SELECT l.contact_id, c.shared_hash
       FROM reconcile_contact c
       JOIN staged_participant p ON p.run_id = c.run_id AND p.identity_hash = c.mapped_hash AND p.shared_hash = c.shared_hash
       JOIN contact_ledger l ON l.connection_id = $2 AND l.contact_id = c.contact_id
                            AND l.decided_at < c.read_at AND coalesce(l.written_as_of < c.read_at, true)
                            AND l.written_hash IS DISTINCT FROM c.shared_hash
      WHERE c.run_id = $1 AND c.presence = 'live'
      ORDER BY l.contact_id
        FOR UPDATE OF l)
UPDATE contact_ledger l SET written_hash = equal.shared_hash
  FROM equal
 WHERE l.connection_id = $2 AND l.contact_id = equal.contact_id`

// distrusted replaces the hash of values that HubSpot, or of inputs that Advocate,
// does not have although our ledger said so. It equals no hash, and does not mean
// "never written" either.
const distrusted = `''::bytea`

const distrustValues = `
WITH wrong AS (
     SELECT l.contact_id
       FROM reconcile_finding f
       JOIN contact_ledger l ON l.connection_id = $2 AND l.contact_id = f.contact_id
      WHERE f.run_id = $1 AND f.class = 'contact_values' AND f.repair = 'page'
      ORDER BY l.contact_id
        FOR UPDATE OF l)
UPDATE contact_ledger l SET written_hash = ` + distrusted + `
  FROM wrong
 WHERE l.connection_id = $2 AND l.contact_id = wrong.contact_id`

// prepare makes the plan of the repairs. In a dry run it leaves our own records as
// they are.
func (c comparer) prepare(ctx context.Context) error {
	// An erasure locks staged rows and our records in the other order.
	if err := awaitErasure(ctx, c.tx, c.run.ConnectionID); err != nil {
		return err
	}
	var batch pgx.Batch
	if !c.run.DryRun {
		batch.Queue(relearn, c.run.ID, c.run.ConnectionID)
		batch.Queue(distrustValues, c.run.ID, c.run.ConnectionID)
	}
	batch.Queue(keepRepairable, c.run.ID)
	batch.Queue(planRepairs, c.run.ID, updateRows, matchRows)
	batch.Queue(setCompared, c.run.ID)
	return c.tx.SendBatch(ctx, &batch).Close()
}
