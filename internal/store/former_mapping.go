package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// EndedRemapped is the ending of a mapping that another participant replaced.
const EndedRemapped bridge.Ending = "remapped"

// FormerMapping is a mapping of a contact that has ended.
type FormerMapping struct {
	bridge.Mapping
	ByEmail   bool   // matched by the contact's own email
	EmailHash []byte // of the participant's email when it was mapped; nil: it had none
	Ending    bridge.Ending
	EndedAt   time.Time
}

// formerColumns are the former mappings of one contact, as a query returns them.
type formerColumns struct {
	accounts, users []string
	byEmails        []bool
	emailHashes     [][]byte
	endings         []bridge.Ending
	endedAts        []time.Time
}

func (c formerColumns) of(connectionID, contactID string) []FormerMapping {
	var former []FormerMapping
	for i := range c.accounts {
		former = append(former, FormerMapping{
			Mapping: bridge.Mapping{ConnectionID: connectionID, ContactID: contactID, AccountID: c.accounts[i], UserID: c.users[i]},
			ByEmail: c.byEmails[i], EmailHash: c.emailHashes[i], Ending: c.endings[i], EndedAt: c.endedAts[i],
		})
	}
	return former
}

const endMapping = `
WITH ended AS (
     DELETE FROM mapping WHERE connection_id = $1 AND contact_id = $2
     RETURNING connection_id, contact_id, account_id, user_id, by_email, email_hash)
INSERT INTO former_mapping (connection_id, contact_id, account_id, user_id, by_email, email_hash, ending)
SELECT connection_id, contact_id, account_id, user_id, by_email, email_hash, $3 FROM ended
ON CONFLICT (connection_id, contact_id, account_id, user_id) DO UPDATE
   SET by_email = excluded.by_email, email_hash = coalesce(excluded.email_hash, former_mapping.email_hash), ending = excluded.ending, ended_at = excluded.ended_at
RETURNING account_id, user_id`

// Without a mapping, neither side has any values from us.
const clearHashes = `
UPDATE contact_ledger SET sent_hash = NULL, written_hash = NULL WHERE connection_id = $1 AND contact_id = $2`

// EndMapping ends a contact's mapping, stores it as a former one, and settles the
// contact as Settle does. Of the hashes it keeps only the email's. A contact
// without a mapping is only settled.
func (s *Store) EndMapping(ctx context.Context, connectionID, contactID string, ending bridge.Ending, out Settlement) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		erased, err := s.contactsErased(ctx, tx, connectionID, contactID)
		if err != nil {
			return err
		}
		if err := unmap(ctx, tx, connectionID, contactID, ending); err != nil {
			return err
		}
		return settle(ctx, tx, connectionID, map[string]Settlement{contactID: out}, erased)
	})
	return wrap(err, "end_mapping of contact %s/%s", connectionID, contactID)
}

// unmap turns a contact's mapping into a former one, if there is one.
func unmap(ctx context.Context, tx pgx.Tx, connectionID, contactID string, ending bridge.Ending) error {
	others, err := contactIDs(ctx, tx, lockSharing, connectionID, contactID)
	if err != nil {
		return err
	}
	var id bridge.Identity
	err = tx.QueryRow(ctx, endMapping, connectionID, contactID, ending).Scan(&id.AccountID, &id.UserID)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if ending == bridge.EndedRemoved { // the other contacts mapped to it are synced, too
		others = slices.DeleteFunc(others, func(id string) bool { return id == contactID })
		if err := requestResync(ctx, tx, connectionID, others); err != nil {
			return err
		}
	}
	var batch pgx.Batch
	batch.Queue(clearHashes, connectionID, contactID)
	batch.Queue(resyncTaken, connectionID, []string{id.AccountID}, []string{id.UserID})
	return tx.SendBatch(ctx, &batch).Close()
}

// lockSharing locks the mappings of a contact's participant, in order, so that two
// contacts that leave it at the same time know of each other.
const lockSharing = `
SELECT other.contact_id
  FROM mapping m
  JOIN mapping other ON other.connection_id = m.connection_id AND other.account_id = m.account_id AND other.user_id = m.user_id
 WHERE m.connection_id = $1 AND m.contact_id = $2
 ORDER BY other.contact_id
   FOR UPDATE OF other`

const selectMapping = "SELECT account_id, user_id FROM mapping WHERE connection_id = $1 AND contact_id = $2"

const inheritMapping = `
INSERT INTO mapping (connection_id, contact_id, account_id, user_id, by_email, email_hash)
SELECT connection_id, $3, account_id, user_id, by_email, email_hash FROM mapping WHERE connection_id = $1 AND contact_id = $2
ON CONFLICT (connection_id, contact_id) DO NOTHING`

// The survivor got properties of the other contact, so it is compared again.
const inheritLedger = `
INSERT INTO contact_ledger (connection_id, contact_id, state, reason, email_hash)
SELECT $1, $3, 'mapped', $4, (SELECT email_hash FROM contact_ledger WHERE connection_id = $1 AND contact_id = $2)
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET state = excluded.state, reason = excluded.reason, sent_hash = NULL, written_hash = NULL,
       email_hash = coalesce(contact_ledger.email_hash, excluded.email_hash), decided_at = now()`

// A mapping that the survivor has as well continues with the survivor, matched by
// the email of either.
const joinMappings = `
WITH gone AS (
     DELETE FROM mapping gone
      USING mapping survivor
      WHERE gone.connection_id = $1 AND gone.contact_id = $2 AND survivor.connection_id = $1 AND survivor.contact_id = $3
        AND (gone.account_id, gone.user_id) = (survivor.account_id, survivor.user_id)
     RETURNING gone.by_email)
UPDATE mapping SET by_email = true
  FROM gone
 WHERE gone.by_email AND connection_id = $1 AND contact_id = $3`

// MoveMapping moves the mapping of a merged-away contact to the survivor, and moved
// is true, unless the survivor has a mapping, which then stays. In both cases the
// mapping of the merged-away contact ends; it is stored as a former one only if the
// survivor has another participant. If there is no mapping, it does nothing. If
// either contact or the participant was erased, it changes nothing and returns a
// do_not_track error.
func (s *Store) MoveMapping(ctx context.Context, connectionID, fromContactID, toContactID string) (moved bool, err error) {
	if fromContactID == toContactID {
		return false, &bridge.Error{Kind: bridge.Invalid, Op: "store.move_mapping", Err: errors.New("a contact cannot merge into itself")}
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if err := awaitErasure(ctx, tx, connectionID); err != nil {
			return err
		}
		var id bridge.Identity
		err := tx.QueryRow(ctx, selectMapping, connectionID, fromContactID).Scan(&id.AccountID, &id.UserID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := refuseErased(ctx, tx, connectionID,
			s.hasher.Identity(id), s.hasher.ContactID(fromContactID), s.hasher.ContactID(toContactID)); err != nil {
			return err
		}
		if moved, err = moveMapping(ctx, tx, connectionID, fromContactID, toContactID); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, resyncTaken, connectionID, []string{id.AccountID}, []string{id.UserID})
		return err
	})
	if err != nil {
		return false, wrap(err, "move_mapping of contact %s/%s", connectionID, fromContactID)
	}
	return moved, nil
}

func moveMapping(ctx context.Context, tx pgx.Tx, connectionID, from, to string) (moved bool, err error) {
	tag, err := tx.Exec(ctx, inheritMapping, connectionID, from, to)
	if err != nil {
		return false, err
	}
	if moved = tag.RowsAffected() > 0; moved {
		if _, err := tx.Exec(ctx, inheritLedger, connectionID, from, to, bridge.ReasonMerged); err != nil {
			return false, err
		}
	}
	var batch pgx.Batch
	batch.Queue(joinMappings, connectionID, from, to)
	batch.Queue(endMapping, connectionID, from, bridge.EndedMerged)
	batch.Queue(clearHashes, connectionID, from)
	return moved, tx.SendBatch(ctx, &batch).Close()
}

// The email is deleted together with the ids if the contact is gone. A merged-away
// contact counts as gone only once its survivor is: until then, an erasure of the
// survivor needs what is known of it.
const purgeFormer = `
WITH RECURSIVE line (connection_id, contact_id, heir_id) AS (
     SELECT connection_id, contact_id, heir_id FROM merged_contact
      UNION
     SELECT line.connection_id, line.contact_id, m.heir_id
       FROM line JOIN merged_contact m ON m.connection_id = line.connection_id AND m.contact_id = line.heir_id),
     living AS (
     SELECT DISTINCT line.connection_id, line.contact_id
       FROM line
       LEFT JOIN contact_ledger l ON l.connection_id = line.connection_id AND l.contact_id = line.heir_id
      WHERE NOT EXISTS (SELECT 1 FROM merged_contact m WHERE m.connection_id = line.connection_id AND m.contact_id = line.heir_id)
        AND (coalesce(l.state, '') NOT IN ('deleted', 'erased') OR l.decided_at >= $1)),
     purged AS (
     DELETE FROM former_mapping f
      WHERE f.ended_at < $1
        AND NOT EXISTS (SELECT 1 FROM living WHERE living.connection_id = f.connection_id AND living.contact_id = f.contact_id)
     RETURNING 1),
     forgotten AS (
     UPDATE contact_ledger l SET email_hash = NULL
      WHERE l.email_hash IS NOT NULL AND l.state IN ('deleted', 'merged_away') AND l.decided_at < $1
        AND NOT EXISTS (SELECT 1 FROM mapping m WHERE m.connection_id = l.connection_id AND m.contact_id = l.contact_id)
        AND NOT EXISTS (SELECT 1 FROM living WHERE living.connection_id = l.connection_id AND living.contact_id = l.contact_id)
        AND NOT EXISTS (SELECT 1 FROM former_mapping f
                         WHERE f.connection_id = l.connection_id AND f.contact_id = l.contact_id AND f.ended_at >= $1)
     RETURNING l.connection_id, l.contact_id),
     forgotten_too AS (
     DELETE FROM contact_email e USING forgotten
      WHERE e.connection_id = forgotten.connection_id AND e.contact_id = forgotten.contact_id)
SELECT count(*) FROM purged`

// PurgeFormer deletes former mappings that ended before a time, and the emails of
// contacts that have been gone since before then, except those that were merged
// into a live contact. It returns the number of mappings. A contact that is
// restored later counts as new.
func (s *Store) PurgeFormer(ctx context.Context, olderThan time.Time) (n int64, err error) {
	err = s.pool.QueryRow(ctx, purgeFormer, olderThan).Scan(&n)
	return n, wrap(err, "purge_former")
}
