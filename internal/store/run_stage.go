package store

import (
	"context"
	"errors"
	"fmt"
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

// An export that lists a participant twice means the last one. COPY cannot tell,
// so the earlier ones go afterwards. The list of them is made first and on its
// own: joined, it would be made anew for every row wherever the planner believes
// that the run has only a few.
const deleteRepeated = `
DELETE FROM staged_participant
 WHERE ctid = ANY (ARRAY (
       SELECT o.ctid
         FROM (SELECT ctid, lead(ordinal) OVER (PARTITION BY identity_hash ORDER BY ordinal) AS later
                 FROM staged_participant WHERE run_id = $1) AS o
        WHERE o.later IS NOT NULL))`

// manyRows is from how many rows on the planner has to be told of a new run. It
// learns of one by itself only later, and believes until then that there are no
// rows, which makes joins with them take hours.
const manyRows = 1000

// blankPerson takes the person out of a staged row. The hashes stay, by which
// the row is planned, or left out of its page, as blocked.
const blankPerson = `account_id = '', user_id = '', email = '', first_name = '', last_name = '',
       referral_code = '', share_link = '', contact_id_hint = '' `

// The export may be older than the erasure of somebody in it.
const blankErased = `
UPDATE staged_participant s
   SET ` + blankPerson + `
 WHERE s.run_id = $1
   AND s.ordinal IN (
       SELECT i.ordinal FROM staged_participant i JOIN tombstone t ON t.connection_id = $2 AND t.key_hash = i.identity_hash
        WHERE i.run_id = $1
        UNION
       SELECT e.ordinal FROM staged_participant e JOIN tombstone t ON t.connection_id = $2 AND t.key_hash = e.email_hash
        WHERE e.run_id = $1)`

// Stage streams the rows of a run's export into the database, replacing what an
// earlier attempt left, and returns how many participants there are. Of people
// who were erased nothing personal is kept. It takes the same little memory for
// any number of rows. Once the run is planned its
// rows are safe from a late attempt: that is refused. An error of rows comes
// back as it is.
func (s *Store) Stage(ctx context.Context, runID int64, program bridge.Program,
	rows iter.Seq2[bridge.Participant, error],
) (n int64, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		run, err := lockRun(ctx, tx, runID)
		if err != nil {
			return err
		}
		if run.State != RunRequested && run.State != RunStaged {
			return run.refused("stage")
		}
		if program.ID != run.ProgramID {
			return &bridge.Error{Kind: bridge.Invalid, Op: "store.stage", Err: errors.New("another program than the run's")}
		}
		if n, err = s.copyRows(ctx, tx, run, program, rows); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE sync_run SET state = 'staged', total = $2 WHERE id = $1", runID, n)
		return err
	})
	if err != nil {
		return 0, wrap(err, "stage run %d", runID)
	}
	return n, nil
}

func (s *Store) copyRows(ctx context.Context, tx pgx.Tx, run Run, program bridge.Program,
	rows iter.Seq2[bridge.Participant, error],
) (int64, error) {
	if _, err := tx.Exec(ctx, "DELETE FROM staged_participant WHERE run_id = $1", run.ID); err != nil {
		return 0, err
	}
	source := &stagedSource{run: run.ID, program: program, hash: s.hasher, hashesOnly: run.Kind == RunReconcile}
	next, stop := iter.Pull2(rows)
	defer stop()
	source.pull = next
	n, err := tx.CopyFrom(ctx, pgx.Identifier{"staged_participant"}, stagedColumns, source)
	if source.err != nil {
		return 0, source.err // COPY would report it as a text of PostgreSQL's
	}
	if err != nil {
		return 0, err
	}
	if n >= manyRows {
		if _, err := tx.Exec(ctx, "ANALYZE staged_participant (run_id, ordinal)"); err != nil {
			return 0, err
		}
	}
	repeated, err := tx.Exec(ctx, deleteRepeated, run.ID)
	if err != nil {
		return 0, err
	}
	// Only now: an erasure should not wait for the download.
	if err := awaitErasure(ctx, tx, run.ConnectionID); err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, blankErased, run.ID, run.ConnectionID)
	return n - repeated.RowsAffected(), err
}

// stagedSource feeds COPY, one row at a time. It is a pgx.CopyFromSource.
type stagedSource struct {
	run     int64
	program bridge.Program
	hash    *seal.Hasher
	pull    func() (bridge.Participant, error, bool)

	// hashesOnly: of everything but the contact id, which is no personal data.
	hashesOnly bool

	ordinal int64
	current bridge.Participant
	err     error
}

func (s *stagedSource) Next() bool {
	p, err, more := s.pull()
	if !more {
		return false
	}
	s.ordinal++
	s.current = storableParticipant(p)
	if err == nil && !p.Identity().Complete() {
		err = &bridge.Error{Kind: bridge.Invalid, Op: "store.stage",
			Err: fmt.Errorf("row %d of the export names no participant", s.ordinal)}
	}
	s.err = err
	return err == nil
}

func (s *stagedSource) Values() ([]any, error) {
	p := s.current
	var (
		emailHash []byte
		created   *time.Time
	)
	if email := bridge.NormalEmail(p.Email); email != "" {
		emailHash = s.hash.Email(email)
	}
	if !p.DateCreated.IsZero() {
		created = &p.DateCreated
	}
	row, shared, identity := s.hash.Row(p, s.program.ID), s.hash.Properties(bridge.SharedProperties(p, s.program)), s.hash.Identity(p.Identity())
	if s.hashesOnly {
		p = bridge.Participant{HubSpotContactID: p.HubSpotContactID, DateCreated: p.DateCreated}
	}
	return []any{
		s.run, s.ordinal, p.AccountID, p.UserID, p.Email, p.FirstName, p.LastName,
		p.ReferralCode, p.ShareLink, p.HubSpotContactID, created,
		row, shared, emailHash, identity,
	}, nil
}

func (s *stagedSource) Err() error { return s.err }

func storableParticipant(p bridge.Participant) bridge.Participant {
	for _, text := range []*string{&p.AccountID, &p.UserID, &p.Email, &p.FirstName, &p.LastName,
		&p.ReferralCode, &p.ShareLink, &p.HubSpotContactID} {
		*text = storable(*text)
	}
	return p
}
