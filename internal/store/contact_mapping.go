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
SELECT m.connection_id, m.contact_id, m.account_id, m.user_id, m.by_email, m.email_hash, $5
  FROM unnest($2::text[], $3::text[], $4::text[]) AS l (contact_id, account_id, user_id)
  JOIN mapping m ON m.connection_id = $1 AND m.contact_id = l.contact_id
 WHERE (m.account_id, m.user_id) <> (l.account_id, l.user_id) AND m.by_email
 ORDER BY m.contact_id
   FOR UPDATE OF m
ON CONFLICT (connection_id, contact_id, account_id, user_id) DO UPDATE
   SET by_email = true, email_hash = coalesce(excluded.email_hash, former_mapping.email_hash),
       ending = excluded.ending, ended_at = excluded.ended_at`

// A mapping that was matched by email keeps that mark, and the email's hash, if ids
// later name the same participant. A mapping that somebody else has changed since the
// decision stays as it is.
const upsertMapping = `
INSERT INTO mapping (connection_id, contact_id, account_id, user_id, by_email, email_hash)
SELECT $1, l.contact_id, l.account_id, l.user_id, l.by_email, l.email_hash
  FROM unnest($2::text[], $3::text[], $4::text[], $5::boolean[], $6::bytea[]) AS l (contact_id, account_id, user_id, by_email, email_hash)
 ORDER BY l.contact_id
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET account_id = excluded.account_id, user_id = excluded.user_id, updated_at = now(),
       by_email = excluded.by_email OR mapping.by_email
                  AND (mapping.account_id, mapping.user_id) = (excluded.account_id, excluded.user_id),
       email_hash = CASE WHEN (mapping.account_id, mapping.user_id) = (excluded.account_id, excluded.user_id)
                          AND (mapping.by_email OR NOT excluded.by_email)
                         THEN coalesce(mapping.email_hash, excluded.email_hash)
                         ELSE excluded.email_hash END
 WHERE (mapping.account_id, mapping.user_id) = (excluded.account_id, excluded.user_id)
    OR EXISTS (SELECT FROM unnest($2::text[], $7::text[], $8::text[]) AS r (contact_id, account_id, user_id)
                WHERE (r.contact_id, r.account_id, r.user_id) = (mapping.contact_id, mapping.account_id, mapping.user_id))`

const forgetFormer = `
DELETE FROM former_mapping f
 USING unnest($2::text[], $3::text[], $4::text[]) AS l (contact_id, account_id, user_id)
 WHERE f.connection_id = $1 AND f.contact_id = l.contact_id
   AND (f.ending = 'deleted' OR (f.account_id, f.user_id) = (l.account_id, l.user_id))`

const upsertLinked = `
INSERT INTO contact_ledger (connection_id, contact_id, state, sent_hash, email_hash)
SELECT $1, l.contact_id, 'mapped', l.sent_hash, l.email_hash
  FROM unnest($2::text[], $3::bytea[], $4::bytea[]) AS l (contact_id, sent_hash, email_hash)
 ORDER BY l.contact_id
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET state = 'mapped',
       sent_hash = coalesce(excluded.sent_hash, contact_ledger.sent_hash),
       email_hash = coalesce(excluded.email_hash, contact_ledger.email_hash)`

const resolveParticipants = `
UPDATE parked_item p SET closed_at = now(), outcome = 'resolved'
  FROM (SELECT DISTINCT * FROM unnest($2::text[], $3::text[])) AS l (account_id, user_id)
 WHERE p.connection_id = $1 AND p.contact_id = '' AND (p.account_id, p.user_id) = (l.account_id, l.user_id) AND p.closed_at IS NULL`

// Link records that a contact and a participant are one person, replacing the
// contact's earlier mapping. A contact that was deleted counts as restored. Items
// that were parked for the participant while it had no contact are resolved. If the
// person was erased, Link changes nothing and returns a do_not_track error. If
// somebody else has mapped the contact to another participant since the decision,
// it returns a pending error.
func (s *Store) Link(ctx context.Context, l Linking) error {
	return s.LinkAll(ctx, l.Mapping.ConnectionID, []Linking{l})
}

// LinkAll does what Link does for several contacts of a connection, each named once.
// If one of them cannot be linked it changes nothing, and the error may be any one's.
func (s *Store) LinkAll(ctx context.Context, connectionID string, links []Linking) error {
	cols := linkingColumns(links)
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := refuseErased(ctx, tx, connectionID, s.keysOf(links)...); err != nil {
			return err
		}
		var batch pgx.Batch
		batch.Queue(keepRemapped, connectionID, cols.contacts, cols.accounts, cols.users, EndedRemapped)
		batch.Queue(upsertMapping, connectionID, cols.contacts, cols.accounts, cols.users, cols.byEmail, cols.theirEmails,
			cols.oldAccounts, cols.oldUsers).Exec(mustMap(len(links)))
		batch.Queue(forgetFormer, connectionID, cols.contacts, cols.accounts, cols.users)
		batch.Queue(upsertLinked, connectionID, cols.contacts, cols.sent, cols.emails)
		batch.Queue(resolveParticipants, connectionID, cols.accounts, cols.users)
		if accounts, users := replaced(links); len(accounts) > 0 {
			batch.Queue(resyncTaken, connectionID, accounts, users)
		}
		return tx.SendBatch(ctx, &batch).Close()
	})
	return wrap(err, "link %s in %s", someContacts(cols.contacts), connectionID)
}

// keysOf returns the hashes of all keys by which the linked people may be known as
// erased.
func (s *Store) keysOf(links []Linking) [][]byte {
	var keys [][]byte
	for _, l := range links {
		keys = append(keys, s.hasher.ContactID(l.Mapping.ContactID), s.hasher.Identity(l.Mapping.Identity()), l.EmailHash)
	}
	return keys
}

// replaced returns the ids of the participants that the contacts leave.
func replaced(links []Linking) (accounts, users []string) {
	for _, l := range links {
		if l.Replaces != (bridge.Identity{}) {
			accounts, users = append(accounts, l.Replaces.AccountID), append(users, l.Replaces.UserID)
		}
	}
	return accounts, users
}

// linked are the columns of linkings.
type linked struct {
	contacts, accounts, users, oldAccounts, oldUsers []string
	byEmail                                          []bool
	sent, emails, theirEmails                        [][]byte
}

func linkingColumns(links []Linking) (c linked) {
	for _, l := range links {
		m := l.Mapping
		c.contacts, c.accounts, c.users = append(c.contacts, m.ContactID), append(c.accounts, m.AccountID), append(c.users, m.UserID)
		c.oldAccounts, c.oldUsers = append(c.oldAccounts, l.Replaces.AccountID), append(c.oldUsers, l.Replaces.UserID)
		c.byEmail = append(c.byEmail, l.ByEmail)
		c.sent, c.emails, c.theirEmails = append(c.sent, l.SentHash), append(c.emails, l.EmailHash), append(c.theirEmails, l.ParticipantEmailHash)
	}
	return c
}

// mustMap returns a pending error if the statement changed fewer mappings than asked.
func mustMap(asked int) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() >= int64(asked) {
			return nil
		}
		return &bridge.Error{Kind: bridge.Pending, Op: "store.link", RetryAfter: busyPause,
			Err: errors.New("the contact was mapped to another participant meanwhile")}
	}
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
