package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// Result is the result of a staged row.
type Result string

const (
	ResultCreated   Result = "created"
	ResultMatched   Result = "matched"
	ResultUpdated   Result = "updated"
	ResultUnchanged Result = "unchanged"
	ResultBlocked   Result = "blocked"
	ResultNoEmail   Result = "no_email"
	ResultParked    Result = "parked"
)

// StagedRow is one participant of a run about which there is something to do in
// HubSpot.
type StagedRow struct {
	Ordinal     int64
	Participant bridge.Participant
	Plan        bridge.Plan // update or match_or_create, by the current mapping
	Planned     bridge.Plan // the plan when the run was planned

	// Sending: an earlier attempt has called MarkSending, so HubSpot may have its
	// writes already.
	Sending bool

	// Outdated: the participant is unmapped, and another run has seen newer values of
	// it since this run's export.
	Outdated bool

	RowHash    []byte
	SharedHash []byte
	Contacts   []MappedContact // currently mapped, ascending by id
	ReadAt     time.Time       // by the database's clock
}

// MappedContact is a contact that a participant is mapped to.
type MappedContact struct {
	ContactID   string
	WrittenHash []byte // of the SharedProperties that HubSpot last accepted; nil: none yet
	WriteSeq    int64  // number of recorded writes
	Newer       bool   // its last written values are newer than the run's export
}

// Pages returns how many pages a planned run has. Pages are numbered from 1.
func (s *Store) Pages(ctx context.Context, runID int64) (int, error) {
	var n int
	err := s.pool.QueryRow(ctx, "SELECT pages FROM sync_run WHERE id = $1", runID).Scan(&n)
	return n, wrap(err, "pages of run %d", runID)
}

const selectPage = `
SELECT s.ordinal, s.account_id, s.user_id, s.email, s.first_name, s.last_name, s.referral_code, s.share_link,
       s.contact_id_hint, coalesce(s.date_created, '0001-01-01Z'), s.plan, s.state = 'sending', s.row_hash, s.shared_hash,
       EXISTS (SELECT 1 FROM tombstone t
                WHERE t.connection_id = r.connection_id AND t.key_hash IN (s.email_hash, s.identity_hash)),
       EXISTS (SELECT 1 FROM former_mapping f
                WHERE f.connection_id = r.connection_id AND f.account_id = s.account_id AND f.user_id = s.user_id
                  AND f.ending = 'deleted' AND f.ended_at >= coalesce(s.date_created, '-infinity')),
       ARRAY (SELECT m.contact_id FROM mapping m
               WHERE m.connection_id = r.connection_id AND m.account_id = s.account_id AND m.user_id = s.user_id
               ORDER BY m.contact_id),
       ARRAY (SELECT l.written_hash FROM mapping m
                LEFT JOIN contact_ledger l ON l.connection_id = m.connection_id AND l.contact_id = m.contact_id
               WHERE m.connection_id = r.connection_id AND m.account_id = s.account_id AND m.user_id = s.user_id
               ORDER BY m.contact_id),
       ARRAY (SELECT coalesce(l.write_seq, 0) FROM mapping m
                LEFT JOIN contact_ledger l ON l.connection_id = m.connection_id AND l.contact_id = m.contact_id
               WHERE m.connection_id = r.connection_id AND m.account_id = s.account_id AND m.user_id = s.user_id
               ORDER BY m.contact_id),
       ARRAY (SELECT l.written_hash IS NOT NULL AND l.written_as_of IS NOT NULL AND l.written_as_of > coalesce(r.as_of, r.created_at)
                FROM mapping m
                LEFT JOIN contact_ledger l ON l.connection_id = m.connection_id AND l.contact_id = m.contact_id
               WHERE m.connection_id = r.connection_id AND m.account_id = s.account_id AND m.user_id = s.user_id
               ORDER BY m.contact_id),
       EXISTS (SELECT 1 FROM participant_ledger pl
                WHERE pl.connection_id = r.connection_id AND pl.identity_hash = s.identity_hash
                  AND pl.row_hash <> s.row_hash AND pl.handled_at > coalesce(r.as_of, r.created_at)),
       now()
  FROM sync_run r
  JOIN staged_participant s ON s.run_id = r.id
 WHERE r.id = $1 AND s.page = $2 AND s.state IN ('planned', 'sending')
 ORDER BY s.ordinal`

// Page returns the rows of a page that have no result yet, brought up to date:
// a row whose participant was mapped since the run was planned is an update,
// and the rows of people who were erased, or deleted with their contact, since
// are not returned but settled as blocked.
func (s *Store) Page(ctx context.Context, runID int64, page int) ([]StagedRow, error) {
	rows, err := s.pool.Query(ctx, selectPage, runID, page)
	if err != nil {
		return nil, wrap(err, "page %d of run %d", page, runID)
	}
	var (
		left    []StagedRow
		blocked []RowResult
	)
	all, err := pgx.CollectRows(rows, scanStaged)
	if err != nil {
		return nil, wrap(err, "page %d of run %d", page, runID)
	}
	for _, row := range all {
		if row.blocked {
			blocked = append(blocked, RowResult{Ordinal: row.Ordinal, Result: ResultBlocked})
			continue
		}
		left = append(left, row.StagedRow)
	}
	if len(blocked) > 0 {
		err = s.FinishPage(ctx, runID, page, blocked)
	}
	return left, err
}

type scannedRow struct {
	StagedRow
	blocked bool
}

func scanStaged(row pgx.CollectableRow) (scannedRow, error) {
	var (
		r        scannedRow
		p        = &r.Participant
		contacts []string
		written  [][]byte
		seqs     []int64
		newer    []bool

		erased, deleted bool
	)
	err := row.Scan(&r.Ordinal, &p.AccountID, &p.UserID, &p.Email, &p.FirstName, &p.LastName, &p.ReferralCode, &p.ShareLink,
		&p.HubSpotContactID, &p.DateCreated, &r.Planned, &r.Sending, &r.RowHash, &r.SharedHash, &erased, &deleted,
		&contacts, &written, &seqs, &newer, &r.Outdated, &r.ReadAt)
	for i, id := range contacts {
		r.Contacts = append(r.Contacts, MappedContact{ContactID: id, WrittenHash: written[i], WriteSeq: seqs[i], Newer: newer[i]})
	}
	r.Plan = r.Planned
	if len(contacts) > 0 {
		r.Plan, r.Outdated = bridge.PlanUpdate, false // Newer says it for each contact
	}
	r.blocked = erased || deleted && len(contacts) == 0
	return r, err
}

const selectChangedOnPage = `
SELECT EXISTS (SELECT 1
                 FROM staged_participant s
                 JOIN tombstone t ON t.connection_id = $3 AND t.key_hash IN (s.email_hash, s.identity_hash)
                WHERE s.run_id = $1 AND s.page = $2 AND s.state IN ('planned', 'sending')),
       EXISTS (SELECT 1 FROM staged_participant WHERE run_id = $1 AND page = $2 AND state = 'sending')`

// readAgain refuses to have a page sent as it was read.
func readAgain(why string) error {
	return &bridge.Error{Kind: bridge.Pending, Op: "store.mark_sending", RetryAfter: busyPause, Err: errors.New(why)}
}

// MarkSending notes that the writes of a page are about to be sent, so that
// whoever takes over knows that some may have arrived, and so that no erasure
// happens while they are. It fails as pending, and no write may be sent, while the
// connection's program is being changed, or if somebody on the page was erased
// since it was read, or another attempt has begun to send it and the caller has not
// seen it begun: the page must be read again. sender names the attempt, and takes the
// page from every other one; see StillSending.
func (s *Store) MarkSending(ctx context.Context, runID int64, page int, sender string, seenBegun bool) error {
	err := s.inPageTx(ctx, func(tx pgx.Tx) error {
		run, err := lockRun(ctx, tx, runID)
		if err != nil {
			return err
		}
		if run.State != RunPlanned {
			return run.refused("mark_sending")
		}
		if err := awaitErasure(ctx, tx, run.ConnectionID); err != nil {
			return err
		}
		if err := refuseOldProgram(ctx, tx, run, page); err != nil {
			return err
		}
		var erased, begun bool
		if err := tx.QueryRow(ctx, selectChangedOnPage, runID, page, run.ConnectionID).Scan(&erased, &begun); err != nil {
			return err
		}
		switch {
		case erased:
			return readAgain("somebody on the page was erased")
		case begun && !seenBegun:
			return readAgain("another attempt has begun to send the page")
		}
		_, err = tx.Exec(ctx, `
UPDATE staged_participant SET state = 'sending', sender = $3
 WHERE run_id = $1 AND page = $2 AND state IN ('planned', 'sending')`, runID, page, sender)
		return err
	})
	return wrap(err, "mark_sending page %d of run %d", page, runID)
}

// StillSending fails as pending once another attempt has taken the page, or has
// settled all of it: the sender may send no further write.
func (s *Store) StillSending(ctx context.Context, runID int64, page int, sender string) error {
	var mine bool
	err := s.pool.QueryRow(ctx, `
SELECT coalesce(bool_and(sender = $3), false) FROM staged_participant
 WHERE run_id = $1 AND page = $2 AND state IN ('planned', 'sending')`, runID, page, sender).Scan(&mine)
	if err == nil && !mine {
		err = &bridge.Error{Kind: bridge.Pending, Op: "store.still_sending", RetryAfter: busyPause, Err: errPageTaken}
	}
	return wrap(err, "still_sending page %d of run %d", page, runID)
}

var errPageTaken = errors.New("another attempt has taken the page")

// ReleasePage takes back MarkSending for the rows of a page that have no result:
// the sender knows that no write of theirs was sent. Erasures and switches do not wait
// for such a page. One that another attempt has taken stays with that.
func (s *Store) ReleasePage(ctx context.Context, runID int64, page int, sender string) error {
	_, err := s.pool.Exec(ctx, `
UPDATE staged_participant SET state = 'planned' WHERE run_id = $1 AND page = $2 AND state = 'sending' AND sender = $3`, runID, page, sender)
	return wrap(err, "release page %d of run %d", page, runID)
}
