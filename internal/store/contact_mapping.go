package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"advocatesync/internal/bridge"
)

// Linking says that a contact and a participant are one person, and how they were
// matched.
type Linking struct {
	Mapping   bridge.Mapping
	Replaces  bridge.Identity // what the contact was mapped to at the time of the decision; zero: nothing
	ByEmail   bool            // matched by the contact's own email, not by ids that somebody wrote
	SentHash  []byte          // what Advocate last accepted from the contact; nil: nothing new
	EmailHash []byte          // of the contact's email; nil: nothing new

	ParticipantEmailHash []byte // of the participant's email; nil: none
}

// A participant that was matched by another email of the same contact still belongs
// to the person; one that was mapped by ids that somebody wrote and took back does
// not.
const keepRemapped = `
INSERT INTO former_mapping (connection_id, contact_id, account_id, user_id, by_email, email_hash, ending)
SELECT connection_id, contact_id, account_id, user_id, by_email, email_hash, $5
  FROM mapping
 WHERE connection_id = $1 AND contact_id = $2 AND (account_id, user_id) <> ($3, $4) AND by_email
   FOR UPDATE
ON CONFLICT (connection_id, contact_id, account_id, user_id) DO UPDATE
   SET by_email = true, email_hash = coalesce(excluded.email_hash, former_mapping.email_hash),
       ending = excluded.ending, ended_at = excluded.ended_at`

// A mapping that was matched by email keeps that mark, and the email's hash, if ids
// later name the same participant.
const upsertMapping = `
INSERT INTO mapping (connection_id, contact_id, account_id, user_id, by_email, email_hash)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET account_id = excluded.account_id, user_id = excluded.user_id, updated_at = now(),
       by_email = excluded.by_email OR mapping.by_email
                  AND (mapping.account_id, mapping.user_id) = (excluded.account_id, excluded.user_id),
       email_hash = CASE WHEN (mapping.account_id, mapping.user_id) = (excluded.account_id, excluded.user_id)
                          AND (mapping.by_email OR NOT excluded.by_email)
                         THEN coalesce(mapping.email_hash, excluded.email_hash)
                         ELSE excluded.email_hash END
 WHERE (mapping.account_id, mapping.user_id) IN (($7, $8), (excluded.account_id, excluded.user_id))`

const forgetFormer = `
DELETE FROM former_mapping
 WHERE connection_id = $1 AND contact_id = $2 AND (ending = 'deleted' OR (account_id, user_id) = ($3, $4))`

const upsertLinked = `
INSERT INTO contact_ledger (connection_id, contact_id, state, sent_hash, email_hash)
VALUES ($1, $2, 'mapped', $3, $4)
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET state = 'mapped',
       sent_hash = coalesce(excluded.sent_hash, contact_ledger.sent_hash),
       email_hash = coalesce(excluded.email_hash, contact_ledger.email_hash)`

const resolveParticipant = `
UPDATE parked_item SET closed_at = now(), outcome = 'resolved'
 WHERE connection_id = $1 AND contact_id = '' AND account_id = $2 AND user_id = $3 AND closed_at IS NULL`

// Link records that a contact and a participant are one person, replacing the
// contact's earlier mapping. A contact that was deleted counts as restored. Items
// that were parked for the participant while it had no contact are resolved. If the
// person was erased, Link changes nothing and returns a do_not_track error. If
// somebody else has mapped the contact to another participant since the decision,
// it returns a pending error.
func (s *Store) Link(ctx context.Context, l Linking) error {
	m := l.Mapping
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := refuseErased(ctx, tx, m.ConnectionID,
			s.hasher.ContactID(m.ContactID), s.hasher.Identity(m.Identity()), l.EmailHash); err != nil {
			return err
		}
		var batch pgx.Batch
		batch.Queue(keepRemapped, m.ConnectionID, m.ContactID, m.AccountID, m.UserID, EndedRemapped)
		batch.Queue(upsertMapping, m.ConnectionID, m.ContactID, m.AccountID, m.UserID, l.ByEmail, l.ParticipantEmailHash,
			l.Replaces.AccountID, l.Replaces.UserID).Exec(mustMap)
		batch.Queue(forgetFormer, m.ConnectionID, m.ContactID, m.AccountID, m.UserID)
		batch.Queue(upsertLinked, m.ConnectionID, m.ContactID, l.SentHash, l.EmailHash)
		batch.Queue(resolveParticipant, m.ConnectionID, m.AccountID, m.UserID)
		batch.Queue(resyncTaken, m.ConnectionID, []string{l.Replaces.AccountID}, []string{l.Replaces.UserID})
		return tx.SendBatch(ctx, &batch).Close()
	})
	return wrap(err, "link contact %s/%s", m.ConnectionID, m.ContactID)
}

// mustMap returns a pending error if the statement changed no mapping.
func mustMap(tag pgconn.CommandTag) error {
	if tag.RowsAffected() > 0 {
		return nil
	}
	return &bridge.Error{Kind: bridge.Pending, Op: "store.link", RetryAfter: busyPause,
		Err: errors.New("the contact was mapped to another participant meanwhile")}
}

// ContactsOf returns the ids of the contacts that are mapped to a participant.
func (s *Store) ContactsOf(ctx context.Context, connectionID string, id bridge.Identity) ([]string, error) {
	ids, err := contactIDs(ctx, s.pool, `
SELECT contact_id FROM mapping
 WHERE connection_id = $1 AND account_id = $2 AND user_id = $3
 ORDER BY contact_id`, connectionID, id.AccountID, id.UserID)
	return ids, wrap(err, "contacts_of in %s", connectionID)
}

// SharedWith returns the ids of the other contacts that are mapped to the
// participant of a contact; none for a contact that is not mapped.
func (s *Store) SharedWith(ctx context.Context, connectionID, contactID string) ([]string, error) {
	ids, err := contactIDs(ctx, s.pool, `
SELECT other.contact_id
  FROM mapping m
  JOIN mapping other ON other.connection_id = m.connection_id AND other.account_id = m.account_id AND other.user_id = m.user_id
 WHERE m.connection_id = $1 AND m.contact_id = $2 AND other.contact_id <> m.contact_id
 ORDER BY other.contact_id`, connectionID, contactID)
	return ids, wrap(err, "shared_with contact %s/%s", connectionID, contactID)
}

func contactIDs(ctx context.Context, q queryer, query string, args ...any) ([]string, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// MappedTo returns the participants of the mapped ones among the contacts, by
// contact id.
func (s *Store) MappedTo(ctx context.Context, connectionID string, contactIDs []string) (map[string]bridge.Identity, error) {
	rows, err := s.pool.Query(ctx, `
SELECT contact_id, account_id, user_id FROM mapping
 WHERE connection_id = $1 AND contact_id = ANY($2)`, connectionID, contactIDs)
	if err != nil {
		return nil, wrap(err, "mapped_to in %s", connectionID)
	}
	owners := map[string]bridge.Identity{}
	var contact string
	var id bridge.Identity
	_, err = pgx.ForEachRow(rows, []any{&contact, &id.AccountID, &id.UserID}, func() error {
		owners[contact] = id
		return nil
	})
	return owners, wrap(err, "mapped_to in %s", connectionID)
}
