package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

const upsertMapping = `
INSERT INTO mapping (connection_id, contact_id, account_id, user_id)
VALUES ($1, $2, $3, $4)
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET account_id = excluded.account_id, user_id = excluded.user_id, updated_at = now()`

const upsertLinked = `
INSERT INTO contact_ledger (connection_id, contact_id, state, sent_hash)
VALUES ($1, $2, 'mapped', $3)
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET state = 'mapped', sent_hash = coalesce(excluded.sent_hash, contact_ledger.sent_hash)`

// Link records that a contact and a participant are one person, replacing what
// the contact was linked to before, and what Advocate last accepted from it
// (nil: leave that as it is). Items parked for the participant while it had no
// contact are resolved. It returns a do_not_track error, and changes nothing,
// if that person was erased.
func (s *Store) Link(ctx context.Context, m bridge.Mapping, sentHash []byte) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := s.refuseErased(ctx, tx, m); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, upsertMapping, m.ConnectionID, m.ContactID, m.AccountID, m.UserID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, upsertLinked, m.ConnectionID, m.ContactID, sentHash); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
UPDATE parked_item SET closed_at = now(), outcome = 'resolved'
 WHERE connection_id = $1 AND contact_id = '' AND account_id = $2 AND user_id = $3 AND closed_at IS NULL`,
			m.ConnectionID, m.AccountID, m.UserID)
		return err
	})
	return wrap(err, "link contact %s/%s", m.ConnectionID, m.ContactID)
}

// ContactsOf returns the ids of the contacts that are mapped to a participant.
func (s *Store) ContactsOf(ctx context.Context, connectionID string, id bridge.Identity) ([]string, error) {
	rows, err := s.pool.Query(ctx, `
SELECT contact_id FROM mapping
 WHERE connection_id = $1 AND account_id = $2 AND user_id = $3
 ORDER BY contact_id`, connectionID, id.AccountID, id.UserID)
	if err != nil {
		return nil, wrap(err, "contacts_of in %s", connectionID)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return ids, wrap(err, "contacts_of in %s", connectionID)
}
