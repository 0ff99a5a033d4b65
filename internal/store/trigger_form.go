package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// FormEntry is one submission that was handled.
type FormEntry struct {
	Submission  string     // a keyed hash
	SubmittedAt time.Time  // if it has no time: when it was last seen
	Events      []Tracking // of the triggers that watch the form; none if there is no contact
}

// A form that was not read for a day starts afresh: what was submitted meanwhile is
// lost, as HubSpot's webhooks would be.
const touchCursor = `
INSERT INTO form_cursor AS c (connection_id, form, read_to) VALUES ($1, $2, $3)
ON CONFLICT (connection_id, form) DO UPDATE
   SET read_to = CASE WHEN c.polled_at < now() - interval '1 day' THEN greatest(c.read_to, excluded.read_to) ELSE c.read_to END,
       polled_at = now()
RETURNING read_to`

// FormCursor returns how far a form has been read: everything submitted before
// readTo is handled, and so are the later submissions in seen. A form that was
// never read, or not for a day, is read from the given time on.
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
ON CONFLICT (connection_id, form, submission) DO UPDATE SET submitted_at = excluded.submitted_at
 WHERE form_submission.submitted_at < excluded.submitted_at -- of one that has no time: it was met again`

// TakeSubmissions records submissions of a form as handled, starts their triggers'
// events, and moves the form's cursor; all or nothing. It requests an evaluation of
// their records.
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
		return err // an earlier poll handled it
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
