package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// FormEntry is one submission that was dealt with.
type FormEntry struct {
	Submission  string // a keyed hash
	SubmittedAt time.Time
	Events      []Tracking // of the triggers that watch the form; none without a contact
}

// What nobody read for a day is gone, as HubSpot's webhooks are.
const touchCursor = `
INSERT INTO form_cursor AS c (connection_id, form, read_to) VALUES ($1, $2, $3)
ON CONFLICT (connection_id, form) DO UPDATE
   SET read_to = CASE WHEN c.polled_at < now() - interval '1 day' THEN greatest(c.read_to, excluded.read_to) ELSE c.read_to END,
       polled_at = now()
RETURNING read_to`

// FormCursor says how far a form has been read: everything submitted before
// readTo is dealt with, and of the rest what is in seen. A form that was not
// read for a day, or never, is read from a given time on.
func (s *Store) FormCursor(ctx context.Context, connectionID, form string, from time.Time) (readTo time.Time, seen map[string]bool, err error) {
	seen = map[string]bool{}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, touchCursor, connectionID, form, from).Scan(&readTo); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "SELECT submission FROM form_submission WHERE connection_id = $1 AND form = $2", connectionID, form)
		if err != nil {
			return err
		}
		var submission string
		_, err = pgx.ForEachRow(rows, []any{&submission}, func() error {
			seen[submission] = true
			return nil
		})
		return err
	})
	return readTo, seen, wrap(err, "form_cursor of %s", connectionID)
}

const insertSubmission = `
INSERT INTO form_submission (connection_id, form, submission, submitted_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (connection_id, form, submission) DO NOTHING`

// TakeSubmissions records that submissions of a form were dealt with, begins
// to track what triggers make of them, and notes how far the form has been
// read; all or nothing. Their records are looked at soon.
func (s *Store) TakeSubmissions(ctx context.Context, connectionID, form string, entries []FormEntry, readTo time.Time) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		for _, entry := range entries {
			if err := s.takeSubmission(ctx, tx, connectionID, form, entry); err != nil {
				return err
			}
		}
		var batch pgx.Batch
		batch.Queue("UPDATE form_cursor SET read_to = greatest(read_to, $3) WHERE connection_id = $1 AND form = $2", connectionID, form, readTo)
		batch.Queue("DELETE FROM form_submission WHERE connection_id = $1 AND form = $2 AND submitted_at < $3", connectionID, form, readTo)
		return tx.SendBatch(ctx, &batch).Close()
	})
	return wrap(err, "take_submissions in %s", connectionID)
}

func (s *Store) takeSubmission(ctx context.Context, tx pgx.Tx, connectionID, form string, entry FormEntry) error {
	tag, err := tx.Exec(ctx, insertSubmission, connectionID, form, entry.Submission, entry.SubmittedAt)
	if err != nil || tag.RowsAffected() == 0 {
		return err // another poll took it
	}
	for _, t := range entry.Events {
		id, err := s.track(ctx, tx, t)
		if err != nil {
			return err
		}
		if id == 0 {
			continue
		}
		if _, err := tx.Exec(ctx, recheckRecord, connectionID, t.ObjectType, t.ObjectID, "submission/"+t.TriggerID+"/"+entry.Submission); err != nil {
			return err
		}
	}
	return nil
}
