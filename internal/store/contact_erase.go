package store

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
	"advocatesync/internal/seal"
)

// Erasure names a person to erase, by everything that identifies them to us.
type Erasure struct {
	ConnectionID string
	ContactIDs   []string          // the contact, and those that were merged into it
	Identities   []bridge.Identity // of the person's participants
	EmailHashes  [][]byte
	Deleted      int    // participants that Advocate deleted
	Advice       string // of the item parked for a contact that shared a participant
}

// keys returns the hashes by which the person could come back.
func (e Erasure) keys(h *seal.Hasher) [][]byte {
	keys := slices.Concat(e.EmailHashes, e.identityHashes(h))
	for _, id := range e.ContactIDs {
		keys = append(keys, h.ContactID(id))
	}
	return keys
}

func (e Erasure) identityHashes(h *seal.Hasher) [][]byte {
	var hashes [][]byte
	for _, id := range e.Identities {
		hashes = append(hashes, h.Identity(id))
	}
	return hashes
}

func (e Erasure) accountsAndUsers() (accounts, users []string) {
	for _, id := range e.Identities {
		accounts, users = append(accounts, id.AccountID), append(users, id.UserID)
	}
	return accounts, users
}

// Erase forgets a person: it adds the tombstones and deletes, or blanks,
// everything personal that any table holds, in one transaction. What stays are
// the contacts' ids with the state erased, and the records of their erasures, which
// end here. Other contacts that were mapped to
// one of the person's participants are unmapped, parked and returned, ascending.
// Erasing again finds nothing more to do.
//
// While a page of a run is being written that has the person on it, or a run
// is being planned or finished, Erase fails as pending and changes nothing.
func (s *Store) Erase(ctx context.Context, e Erasure) (orphaned []string, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		keys := e.keys(s.hasher)
		if err := addTombstones(ctx, tx, e.ConnectionID, keys); err != nil {
			return err
		}
		if err := keepBlocks(ctx, tx, e.ConnectionID, e.ContactIDs); err != nil {
			return err
		}
		if err := forgetRows(ctx, tx, e.ConnectionID, keys, e.identityHashes(s.hasher)); err != nil {
			return err
		}
		if orphaned, err = forgetMappings(ctx, tx, e); err != nil {
			return err
		}
		if err := settleErased(ctx, tx, e, orphaned); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, resyncBlocked, e.ConnectionID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, settleInferred, e.ConnectionID, e.ContactIDs); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, finishErasure, e.ConnectionID, e.ContactIDs, e.Deleted, len(orphaned))
		return err
	})
	if err != nil {
		return nil, wrap(err, "erase contact %s/%s", e.ConnectionID, strings.Join(e.ContactIDs, "+"))
	}
	return orphaned, nil
}

// What was carried out counts for an hour, and waits for nobody.
const settleInferred = `
UPDATE due_deletion SET state = 'done', waiting_since = NULL WHERE connection_id = $1 AND contact_id = ANY ($2)`

const blankStaged = `
WITH mine AS (
     SELECT s.run_id, s.ordinal
       FROM sync_run r
       JOIN staged_participant s ON s.run_id = r.id
      WHERE r.connection_id = $1 AND r.finished_at IS NULL AND (s.identity_hash = ANY ($2) OR s.email_hash = ANY ($2))
        FOR UPDATE OF s NOWAIT)
UPDATE staged_participant s SET ` + blankPerson + `
  FROM mine
 WHERE s.run_id = mine.run_id AND s.ordinal = mine.ordinal
RETURNING s.state = 'sending'`

const forgetHandled = `
WITH mine AS (
     SELECT identity_hash FROM participant_ledger
      WHERE connection_id = $1 AND identity_hash = ANY ($2)
        FOR UPDATE NOWAIT)
DELETE FROM participant_ledger
 WHERE connection_id = $1 AND identity_hash IN (SELECT identity_hash FROM mine)`

// forgetRows blanks the person's rows of runs, and forgets those of the past.
// It does not wait for who works on them: that can take as long as a run.
func forgetRows(ctx context.Context, tx pgx.Tx, connectionID string, keys, identities [][]byte) error {
	rows, err := tx.Query(ctx, blankStaged, connectionID, keys)
	if err != nil {
		return err
	}
	sending, err := pgx.CollectRows(rows, pgx.RowTo[bool])
	if err != nil {
		return err
	}
	if slices.Contains(sending, true) {
		return errSending()
	}
	_, err = tx.Exec(ctx, forgetHandled, connectionID, identities)
	return err
}

const forgetMapped = `
DELETE FROM mapping
 WHERE connection_id = $1
   AND (contact_id = ANY ($2) OR (account_id, user_id) IN (SELECT * FROM unnest($3::text[], $4::text[])))
RETURNING contact_id`

const forgetFormerMapped = `
DELETE FROM former_mapping
 WHERE connection_id = $1
   AND (contact_id = ANY ($2) OR (account_id, user_id) IN (SELECT * FROM unnest($3::text[], $4::text[])))`

// forgetMappings returns the other contacts that lost their mapping.
func forgetMappings(ctx context.Context, tx pgx.Tx, e Erasure) (orphaned []string, err error) {
	accounts, users := e.accountsAndUsers()
	unmapped, err := contactIDs(ctx, tx, forgetMapped, e.ConnectionID, e.ContactIDs, accounts, users)
	if err != nil {
		return nil, err
	}
	for _, id := range unmapped {
		if !slices.Contains(e.ContactIDs, id) {
			orphaned = append(orphaned, id)
		}
	}
	slices.Sort(orphaned)
	_, err = tx.Exec(ctx, forgetFormerMapped, e.ConnectionID, e.ContactIDs, accounts, users)
	return orphaned, err
}

const settleForgotten = `
INSERT INTO contact_ledger (connection_id, contact_id, state, reason)
SELECT $1, id, 'erased', $3 FROM unnest($2::text[]) AS c (id)
 ORDER BY id
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET state = excluded.state, reason = excluded.reason, awaited_as_new = false,
       sent_hash = NULL, written_hash = NULL, email_hash = NULL, decided_at = excluded.decided_at`

const settleOrphans = `
UPDATE contact_ledger
   SET state = 'parked', reason = $3, sent_hash = NULL, written_hash = NULL, decided_at = now()
 WHERE connection_id = $1 AND contact_id = ANY ($2)`

const forgetOtherEmails = "DELETE FROM contact_email WHERE connection_id = $1 AND contact_id = ANY ($2)"

const forgetParked = `
DELETE FROM parked_item
 WHERE connection_id = $1
   AND (contact_id = ANY ($2) OR contact_id = '' AND (account_id, user_id) IN (SELECT * FROM unnest($3::text[], $4::text[])))`

const blankParked = `
UPDATE parked_item SET account_id = '', user_id = '', words = ''
 WHERE connection_id = $1 AND contact_id <> '' AND (account_id, user_id) IN (SELECT * FROM unnest($2::text[], $3::text[]))`

// settleErased leaves the contacts as erased, and the orphaned ones for a person
// to look at.
func settleErased(ctx context.Context, tx pgx.Tx, e Erasure, orphaned []string) error {
	accounts, users := e.accountsAndUsers()
	var batch pgx.Batch
	batch.Queue(settleForgotten, e.ConnectionID, e.ContactIDs, bridge.ReasonPrivacy)
	batch.Queue(settleOrphans, e.ConnectionID, orphaned, bridge.CauseParticipantErased)
	batch.Queue(resyncTaken, e.ConnectionID, accounts, users)
	batch.Queue(forgetParked, e.ConnectionID, e.ContactIDs, accounts, users)
	batch.Queue(forgetOtherEmails, e.ConnectionID, e.ContactIDs)
	batch.Queue(blankParked, e.ConnectionID, accounts, users)
	forgetTrackedEvents(&batch, e)
	for _, id := range orphaned {
		statement, args := parking(bridge.ParkedItem{ConnectionID: e.ConnectionID, ContactID: id,
			Cause: bridge.CauseParticipantErased, Advice: e.Advice})
		batch.Queue(statement, args...)
	}
	return tx.SendBatch(ctx, &batch).Close()
}
