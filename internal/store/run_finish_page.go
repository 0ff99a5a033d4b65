package store

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// RowResult is the result of one row of a page.
type RowResult struct {
	Ordinal  int64
	Result   Result
	Contacts []RowContact       // the contacts that have the participant's values now
	Parked   *bridge.ParkedItem // with ResultParked; without a contact id, the subject is the row's participant
}

// RowContact is a contact that was written from a row, or had its values already.
type RowContact struct {
	ContactID   string
	SentHash    []byte // of what Advocate has from it; nil: nothing new
	WrittenHash []byte // of the SharedProperties that HubSpot accepted; nil: nothing new
	KnownHash   []byte // MappedContact.WrittenHash before the write
	KnownSeq    *int64 // MappedContact.WriteSeq before the write; nil: the contact was not mapped

	// Unsure: another run may have written at the same time, so nobody knows whose
	// values HubSpot has.
	Unsure bool
}

// FinishPage records the results of a page's rows: it maps their contacts, stores
// the hashes and parks what needs a person. A contact that belongs to another
// participant stays with it, and erased people are not mapped. If somebody else
// wrote to a contact at the same time, nobody knows whose values it has: its hash
// is cleared, and its own workflow syncs it. Rows that have a result keep it, so
// FinishPage may run twice. For a dry run it records only the results. It returns a
// not_found error if the run has ended.
func (s *Store) FinishPage(ctx context.Context, runID int64, page int, results []RowResult) error {
	err := s.inPageTx(ctx, func(tx pgx.Tx) error {
		run, err := lockRun(ctx, tx, runID)
		if err != nil {
			return err
		}
		if run.State != RunPlanned {
			return run.refused("finish_page")
		}
		if err := awaitErasure(ctx, tx, run.ConnectionID); err != nil {
			return err
		}
		f := pageFinisher{tx: tx, run: run}
		if results, err = f.settleRows(ctx, page, results); err != nil {
			return err
		}
		if !run.DryRun {
			if err := s.mapContacts(ctx, tx, run, results); err != nil {
				return err
			}
			if err := f.parkItems(ctx, results); err != nil {
				return err
			}
		}
		return f.count(ctx, results)
	})
	return wrap(err, "finish page %d of run %d", page, runID)
}

// pageFinisher holds what the steps of FinishPage share.
type pageFinisher struct {
	tx  pgx.Tx
	run Run
}

const settleRows = `
UPDATE staged_participant s
   SET state = CASE d.result WHEN 'parked' THEN 'parked' ELSE 'done' END, result = d.result
  FROM unnest($3::bigint[], $4::text[]) AS d (ordinal, result)
 WHERE s.run_id = $1 AND s.page = $2 AND s.ordinal = d.ordinal AND s.state IN ('planned', 'sending')
RETURNING s.ordinal, s.account_id, s.user_id`

// settleRows records the rows' results and returns those of rows that had none.
func (f pageFinisher) settleRows(ctx context.Context, page int, results []RowResult) ([]RowResult, error) {
	ordinals, kinds := make([]int64, len(results)), make([]string, len(results))
	for i, r := range results {
		ordinals[i], kinds[i] = r.Ordinal, string(r.Result)
	}
	rows, err := f.tx.Query(ctx, settleRows, f.run.ID, page, ordinals, kinds)
	if err != nil {
		return nil, err
	}
	var (
		open    = map[int64]bridge.Identity{}
		ordinal int64
		id      bridge.Identity
	)
	if _, err := pgx.ForEachRow(rows, []any{&ordinal, &id.AccountID, &id.UserID}, func() error {
		open[ordinal] = id
		return nil
	}); err != nil {
		return nil, err
	}
	var settled []RowResult
	for _, r := range results {
		id, wasOpen := open[r.Ordinal]
		if !wasOpen {
			continue
		}
		delete(open, r.Ordinal)
		if r.Parked != nil {
			item := *r.Parked
			item.ConnectionID = f.run.ConnectionID
			if item.ContactID == "" {
				item.AccountID, item.UserID = id.AccountID, id.UserID
			}
			r.Parked = &item
		}
		settled = append(settled, r)
	}
	return settled, nil
}

// These were matched by the email that both have.
const insertMappings = `
INSERT INTO mapping (connection_id, contact_id, account_id, user_id, by_email, email_hash)
SELECT DISTINCT ON (c.contact_id) $1, c.contact_id, s.account_id, s.user_id, true, s.email_hash
  FROM unnest($3::bigint[], $4::text[], $5::bytea[]) AS c (ordinal, contact_id, contact_hash)
  JOIN staged_participant s ON s.run_id = $2 AND s.ordinal = c.ordinal
 WHERE NOT EXISTS (SELECT 1 FROM tombstone t
                    WHERE t.connection_id = $1 AND t.key_hash IN (s.identity_hash, s.email_hash, c.contact_hash) AND NOT t.provisional)
 ORDER BY c.contact_id, c.ordinal
ON CONFLICT (connection_id, contact_id) DO NOTHING
RETURNING contact_id`

// As in Link: a contact that was deleted is back.
const forgetFormerOfAdded = `
DELETE FROM former_mapping f
 USING mapping m
 WHERE m.connection_id = $1 AND m.contact_id = ANY ($2) AND f.connection_id = m.connection_id AND f.contact_id = m.contact_id
   AND (f.ending = 'deleted' OR (f.account_id, f.user_id) = (m.account_id, m.user_id))`

// Only for contacts of this participant. A contact that was mapped before keeps its
// state, which may say more than "mapped".
const upsertWritten = `
INSERT INTO contact_ledger (connection_id, contact_id, state, sent_hash, written_hash, write_seq, written_as_of, email_hash)
SELECT DISTINCT ON (m.contact_id) $1, m.contact_id, 'mapped', c.sent_hash, c.written_hash,
       CASE WHEN c.written_hash IS NOT NULL THEN 1 ELSE 0 END,
       CASE WHEN c.written_hash IS NOT NULL THEN (SELECT coalesce(as_of, created_at) FROM sync_run WHERE id = $2) END,
       CASE WHEN m.contact_id = ANY ($7) THEN s.email_hash END
  FROM unnest($3::bigint[], $4::text[], $5::bytea[], $6::bytea[]) AS c (ordinal, contact_id, sent_hash, written_hash)
  JOIN staged_participant s ON s.run_id = $2 AND s.ordinal = c.ordinal
  JOIN mapping m ON m.connection_id = $1 AND m.contact_id = c.contact_id
                AND m.account_id = s.account_id AND m.user_id = s.user_id
 ORDER BY m.contact_id
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET state = CASE WHEN contact_ledger.contact_id = ANY ($7) THEN 'mapped' ELSE contact_ledger.state END,
       sent_hash = coalesce(excluded.sent_hash, contact_ledger.sent_hash),
       written_hash = coalesce(excluded.written_hash, contact_ledger.written_hash),
       write_seq = contact_ledger.write_seq + excluded.write_seq,
       written_as_of = greatest(excluded.written_as_of, contact_ledger.written_as_of),
       email_hash = coalesce(excluded.email_hash, contact_ledger.email_hash),
       decided_at = excluded.decided_at`

// Contacts that somebody else has written to since the page was read. The sequence
// shows that; for writers of an older release, which do not advance it, the hash
// does.
const forgetContested = `
WITH contested AS (
     SELECT l.contact_id
       FROM unnest($2::text[], $3::bytea[], $4::bytea[], $5::bigint[], $6::boolean[])
              AS c (contact_id, written_hash, known_hash, known_seq, unsure)
       JOIN contact_ledger l ON l.connection_id = $1 AND l.contact_id = c.contact_id
      WHERE c.unsure
         OR c.written_hash IS NOT NULL
            AND (l.write_seq <> c.known_seq
                 OR l.written_hash IS DISTINCT FROM c.written_hash AND l.written_hash IS DISTINCT FROM c.known_hash)
      ORDER BY l.contact_id
        FOR UPDATE OF l)
UPDATE contact_ledger l SET written_hash = NULL
  FROM contested
 WHERE l.connection_id = $1 AND l.contact_id = contested.contact_id
RETURNING l.contact_id`

// contactColumns are the contacts of a page's results.
type contactColumns struct {
	ordinals                     []int64
	ids                          []string
	hashes, sent, written, known [][]byte
	seqs                         []*int64
	unsure                       []bool
}

func (s *Store) contactColumns(results []RowResult) contactColumns {
	var cols contactColumns
	for _, r := range results {
		for _, c := range r.Contacts {
			cols.ordinals, cols.ids = append(cols.ordinals, r.Ordinal), append(cols.ids, c.ContactID)
			cols.hashes = append(cols.hashes, s.hasher.ContactID(c.ContactID))
			cols.sent, cols.written = append(cols.sent, c.SentHash), append(cols.written, c.WrittenHash)
			cols.known, cols.seqs = append(cols.known, c.KnownHash), append(cols.seqs, c.KnownSeq)
			cols.unsure = append(cols.unsure, c.Unsure)
		}
	}
	return cols
}

// unlearn drops the hashes of contacts for which none may be recorded.
func (cols contactColumns) unlearn(contacts []string) {
	for i, id := range cols.ids {
		if slices.Contains(contacts, id) {
			cols.written[i] = nil
		}
	}
}

func (s *Store) mapContacts(ctx context.Context, tx pgx.Tx, run Run, results []RowResult) error {
	cols := s.contactColumns(results)
	if len(cols.ids) == 0 {
		return nil
	}
	added, err := contactIDs(ctx, tx, insertMappings, run.ConnectionID, run.ID, cols.ordinals, cols.ids, cols.hashes)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, forgetFormerOfAdded, run.ConnectionID, added); err != nil {
		return err
	}
	contested, err := contactIDs(ctx, tx, forgetContested, run.ConnectionID, cols.ids, cols.written, cols.known, cols.seqs, cols.unsure)
	if err != nil {
		return err
	}
	if len(contested) > 0 {
		cols.unlearn(contested)
		if err := requestResync(ctx, tx, run.ConnectionID, contested); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, upsertWritten, run.ConnectionID, run.ID, cols.ordinals, cols.ids, cols.sent, cols.written, added)
	return err
}

// A row closes its participant's items as a settlement closes its contact's.
const resolveRows = `
UPDATE parked_item p
   SET closed_at = now(), outcome = CASE WHEN p.retry_run = $2 THEN 'retried' ELSE 'resolved' END
  FROM unnest($3::bigint[], $4::text[]) AS d (ordinal, cause)
  JOIN staged_participant s ON s.run_id = $2 AND s.ordinal = d.ordinal
 WHERE p.connection_id = $1 AND p.contact_id = '' AND p.account_id = s.account_id AND p.user_id = s.user_id
   AND p.closed_at IS NULL AND p.cause <> d.cause`

func (f pageFinisher) parkItems(ctx context.Context, results []RowResult) error {
	var (
		batch    pgx.Batch
		ordinals = make([]int64, len(results))
		causes   = make([]string, len(results))
	)
	for i, r := range results {
		ordinals[i] = r.Ordinal
		if r.Parked != nil {
			causes[i] = string(r.Parked.Cause)
			statement, args := parking(*r.Parked)
			batch.Queue(statement, args...)
		}
	}
	batch.Queue(resolveRows, f.run.ConnectionID, f.run.ID, ordinals, causes)
	return f.tx.SendBatch(ctx, &batch).Close()
}

// The rate is an exponential moving average over half a minute. It starts afresh
// after a minute without a row, when nobody was working.
const addCounts = `
UPDATE sync_run r
   SET created = created + $2, matched = matched + $3, updated = updated + $4, unchanged = unchanged + $5,
       blocked = blocked + $6, no_email = no_email + $7, parked = parked + $8,
       rate_since = CASE WHEN p.fresh THEN p.now ELSE r.rate_since END, rate_at = p.now,
       rate = CASE WHEN p.fresh THEN 0 ELSE r.rate * exp(-p.gap / 30) + $9 * (1 - exp(-p.gap / 30)) / p.gap END
  FROM (SELECT clock_timestamp() AS now,
               coalesce(rate_at < clock_timestamp() - '1 minute'::interval, true) AS fresh,
               greatest(extract(epoch FROM clock_timestamp() - rate_at), 0.001) AS gap
          FROM sync_run WHERE id = $1) AS p
 WHERE r.id = $1`

func (f pageFinisher) count(ctx context.Context, results []RowResult) error {
	n := map[Result]int64{}
	for _, r := range results {
		n[r.Result]++
	}
	_, err := f.tx.Exec(ctx, addCounts, f.run.ID, n[ResultCreated], n[ResultMatched], n[ResultUpdated], n[ResultUnchanged],
		n[ResultBlocked], n[ResultNoEmail], n[ResultParked], len(results))
	return err
}
