package store

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
	"advocatesync/internal/seal"
)

var stagedColumns = []string{
	"run_id", "ordinal", "account_id", "user_id", "email", "first_name", "last_name",
	"referral_code", "share_link", "contact_id_hint", "date_created",
	"row_hash", "shared_hash", "email_hash", "identity_hash",
}

// If an export lists a participant twice, the last row counts. COPY cannot know, so
// the earlier rows are deleted afterwards. The list of them is computed first and
// separately: in a join it would be computed for every row whenever the planner
// believes that the run has only a few.
const deleteRepeated = `
DELETE FROM staged_participant
 WHERE ctid = ANY (ARRAY (
       SELECT o.ctid
         FROM (SELECT ctid, lead(ordinal) OVER (PARTITION BY identity_hash ORDER BY ordinal) AS later
                 FROM staged_participant WHERE run_id = $1) AS o
        WHERE o.later IS NOT NULL))`

const (
	// stageChunk is how many rows are staged in one transaction: few enough to hold
	// its locks for a fraction of a second.
	stageChunk = 5000
	// manyRows is the number of rows from which a new run needs an ANALYZE. Autovacuum
	// comes later, and until then the planner assumes that there are no rows, which
	// makes joins with them take hours.
	manyRows = 1000
)

// blankPerson deletes the personal data of a staged row. The hashes stay: by them
// the row is planned, or left out of its page, as blocked.
const blankPerson = `account_id = '', user_id = '', email = '', first_name = '', last_name = '',
       referral_code = '', share_link = '', contact_id_hint = '' `

// The export may be older than the erasure of somebody in it.
const blankErased = `
UPDATE staged_participant s
   SET ` + blankPerson + `
 WHERE s.run_id = $1 AND s.ordinal BETWEEN $3 AND $4
   AND EXISTS (SELECT 1 FROM tombstone t WHERE t.connection_id = $2 AND t.key_hash IN (s.identity_hash, s.email_hash))`

// Stage puts the rows of a run's export into the database and returns how many
// participants there are. It takes the same little memory for any number of rows,
// and no transaction is open while it waits for one. Rows that cannot be read
// (*bridge.UnreadableRowError) are counted as parked; any other error of rows ends
// staging and is returned as it is. No personal data of erased people is stored.
//
// A new attempt replaces the rows of an unfinished one, which gets pending errors
// from then on. Staging a staged run again is no error; staging a planned one is an
// invalid error.
func (s *Store) Stage(ctx context.Context, runID int64, program bridge.Program,
	rows iter.Seq2[bridge.Participant, error],
) (int64, error) {
	st, err := s.beginStaging(ctx, runID, program)
	if err != nil || st.run.State == RunStaged {
		return st.total, wrap(err, "stage run %d", runID)
	}
	for p, err := range rows {
		if _, unreadable := errors.AsType[*bridge.UnreadableRowError](err); unreadable {
			st.unreadable++
			continue
		}
		if err == nil {
			err = st.add(ctx, p)
		}
		if err != nil {
			return 0, wrap(err, "stage run %d", runID)
		}
	}
	n, err := st.finish(ctx)
	return n, wrap(err, "stage run %d", runID)
}

// staging is one attempt at staging a run.
type staging struct {
	store      *Store
	run        Run
	program    bridge.Program
	attempt    int64
	last       int64 // ordinal of the last stored row
	chunk      []bridge.Participant
	unreadable int64
	total      int64 // participants, if the run is staged already
}

func (s *Store) beginStaging(ctx context.Context, runID int64, program bridge.Program) (*staging, error) {
	st := &staging{store: s, program: program}
	err := s.inTx(ctx, func(tx pgx.Tx) (err error) {
		if st.run, err = lockRun(ctx, tx, runID); err != nil {
			return err
		}
		switch st.run.State {
		case RunRequested:
		case RunStaged:
			return tx.QueryRow(ctx, "SELECT total - parked FROM sync_run WHERE id = $1", runID).Scan(&st.total)
		default:
			return st.run.refused("stage")
		}
		if program.ID != st.run.ProgramID {
			return &bridge.Error{Kind: bridge.Invalid, Op: "store.stage", Err: errors.New("another program than the run's")}
		}
		if _, err := tx.Exec(ctx, "DELETE FROM staged_participant WHERE run_id = $1", runID); err != nil {
			return err
		}
		return tx.QueryRow(ctx, "UPDATE sync_run SET staging = staging + 1 WHERE id = $1 RETURNING staging", runID).Scan(&st.attempt)
	})
	return st, err
}

func (st *staging) add(ctx context.Context, p bridge.Participant) error {
	p, err := storableParticipant(p)
	if err != nil {
		return err
	}
	if st.chunk = append(st.chunk, p); len(st.chunk) < stageChunk {
		return nil
	}
	return st.flush(ctx)
}

// inTx runs fn in a transaction that locks the run, unless another attempt has
// replaced this one.
func (st *staging) inTx(ctx context.Context, fn func(tx pgx.Tx) error) error {
	return st.store.inTx(ctx, func(tx pgx.Tx) error {
		run, err := lockRun(ctx, tx, st.run.ID)
		if err != nil {
			return err
		}
		if run.State != RunRequested {
			return run.refused("stage")
		}
		var attempt int64
		if err := tx.QueryRow(ctx, "SELECT staging FROM sync_run WHERE id = $1", run.ID).Scan(&attempt); err != nil {
			return err
		}
		if attempt != st.attempt {
			return &bridge.Error{Kind: bridge.Pending, Op: "store.stage", RetryAfter: busyPause, Err: errors.New("another attempt stages the run")}
		}
		return fn(tx)
	})
}

// flush stores the rows of the chunk. An erasure that comes later blanks the rows
// itself.
func (st *staging) flush(ctx context.Context) error {
	if len(st.chunk) == 0 {
		return nil
	}
	first := st.last + 1
	err := st.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"staged_participant"}, stagedColumns,
			pgx.CopyFromSlice(len(st.chunk), func(i int) ([]any, error) {
				return stagedRow(st.run, first+int64(i), st.chunk[i], st.program, st.store.hasher), nil
			}))
		if err != nil {
			return err
		}
		if err := awaitErasure(ctx, tx, st.run.ConnectionID); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, blankErased, st.run.ID, st.run.ConnectionID, first, st.last+int64(len(st.chunk)))
		return err
	})
	st.last, st.chunk = st.last+int64(len(st.chunk)), st.chunk[:0]
	return err
}

func (st *staging) finish(ctx context.Context) (n int64, err error) {
	if err := st.flush(ctx); err != nil {
		return 0, err
	}
	err = st.inTx(ctx, func(tx pgx.Tx) error {
		if st.last >= manyRows {
			if _, err := tx.Exec(ctx, "ANALYZE staged_participant (run_id, ordinal)"); err != nil {
				return err
			}
		}
		repeated, err := tx.Exec(ctx, deleteRepeated, st.run.ID)
		if err != nil {
			return err
		}
		n = st.last - repeated.RowsAffected()
		_, err = tx.Exec(ctx, "UPDATE sync_run SET state = 'staged', total = $2::bigint + $3::bigint, parked = $3 WHERE id = $1", st.run.ID, n, st.unreadable)
		return err
	})
	return n, err
}

// stagedRow returns the values of stagedColumns. A reconcile keeps hashes only,
// and the contact id, which is no personal data.
func stagedRow(run Run, ordinal int64, p bridge.Participant, program bridge.Program, hash *seal.Hasher) []any {
	var (
		emailHash []byte
		created   *time.Time
	)
	if email := bridge.NormalEmail(p.Email); email != "" {
		emailHash = hash.Email(email)
	}
	if !p.DateCreated.IsZero() {
		created = &p.DateCreated
	}
	row, shared, identity := hash.Row(p, program.ID), hash.Properties(bridge.SharedProperties(p, program)), hash.Identity(p.Identity())
	if run.Kind == RunReconcile {
		p = bridge.Participant{HubSpotContactID: p.HubSpotContactID, DateCreated: p.DateCreated}
	}
	return []any{
		run.ID, ordinal, p.AccountID, p.UserID, p.Email, p.FirstName, p.LastName,
		p.ReferralCode, p.ShareLink, p.HubSpotContactID, created,
		row, shared, emailHash, identity,
	}
}

// storableParticipant drops from texts what the database does not accept. It
// refuses ids with such bytes, because a shortened id may be somebody else's.
func storableParticipant(p bridge.Participant) (bridge.Participant, error) {
	for _, id := range []string{p.AccountID, p.UserID, p.HubSpotContactID} {
		if storable(id) != id {
			return p, &bridge.Error{Kind: bridge.Invalid, Op: "store.stage", Err: errors.New("an id has characters that no id has")}
		}
	}
	if !p.Identity().Complete() {
		return p, &bridge.Error{Kind: bridge.Invalid, Op: "store.stage", Err: errors.New("a row names no participant")}
	}
	for _, text := range []*string{&p.Email, &p.FirstName, &p.LastName, &p.ReferralCode, &p.ShareLink} {
		*text = storable(*text)
	}
	return p, nil
}
