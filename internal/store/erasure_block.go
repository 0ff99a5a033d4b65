package store

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// BlockErasure blocks the person whose privacy deletion was heard of a contact:
// from then on nobody makes the person on either side, by any path. The block is
// provisional until VerifyErasure, and LiftErasure takes it away. It stands under
// everything that the database knows of the person, so it needs no vendor. What
// has become known since is added when it is called again. Without an open
// erasure of the contact there is nobody to block.
func (s *Store) BlockErasure(ctx context.Context, connectionID, contactID string) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error { return s.blockErasures(ctx, tx, connectionID, []string{contactID}) })
	return wrap(err, "block_erasure of contact %s/%s", connectionID, contactID)
}

// blockLock keeps the lifting of a block from taking away what another erasure
// asks for at the same moment.
const blockLock = "hashtextextended('erasure block/' || $1, 0)"

// Everything that is known of the people: the contacts, and those merged into them.
const selectPeople = `
WITH RECURSIVE person (root, id) AS (
     SELECT contact_id, contact_id FROM erasure WHERE connection_id = $1 AND contact_id = ANY ($2) AND` + openErasure + `
      UNION
     SELECT person.root, m.contact_id FROM person JOIN merged_contact m ON m.connection_id = $1 AND m.heir_id = person.id)
SELECT root, NULL::bytea, '', '' FROM person
 UNION
SELECT p.root, l.email_hash, '', '' FROM person p JOIN contact_ledger l ON l.connection_id = $1 AND l.contact_id = p.id
 UNION
SELECT p.root, e.email_hash, '', '' FROM person p JOIN contact_email e ON e.connection_id = $1 AND e.contact_id = p.id
 UNION
SELECT p.root, m.email_hash, m.account_id, m.user_id FROM person p JOIN mapping m ON m.connection_id = $1 AND m.contact_id = p.id
 UNION
SELECT p.root, f.email_hash, f.account_id, f.user_id FROM person p JOIN former_mapping f ON f.connection_id = $1 AND f.contact_id = p.id`

// A tombstone that is there already stays what it is, and stays until the
// transaction ends. The order keeps two erasures from waiting for each other.
const insertBlock = `
WITH asked AS (SELECT * FROM unnest($2::text[], $3::bytea[]) AS a (contact_id, key_hash)),
     noted AS (
     INSERT INTO erasure_block (connection_id, contact_id, key_hash)
     SELECT DISTINCT $1, contact_id, key_hash FROM asked ORDER BY contact_id, key_hash
     ON CONFLICT (connection_id, contact_id, key_hash) DO NOTHING)
INSERT INTO tombstone (connection_id, key_hash, provisional)
SELECT DISTINCT $1, key_hash, true FROM asked ORDER BY key_hash
ON CONFLICT (connection_id, key_hash) DO UPDATE SET provisional = tombstone.provisional`

const setBlocked = `
UPDATE erasure SET blocked_at = coalesce(blocked_at, now()) WHERE connection_id = $1 AND contact_id = ANY ($2) AND` + openErasure

// blockErasures waits for nobody but other erasures of the connection.
func (s *Store) blockErasures(ctx context.Context, tx pgx.Tx, connectionID string, contactIDs []string) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock_shared("+blockLock+")", connectionID); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, selectPeople, connectionID, contactIDs)
	if err != nil {
		return err
	}
	var (
		root     string
		email    []byte
		identity bridge.Identity
		contacts []string
		keys     [][]byte
	)
	add := func(key []byte) { contacts, keys = append(contacts, root), append(keys, key) }
	if _, err := pgx.ForEachRow(rows, []any{&root, &email, &identity.AccountID, &identity.UserID}, func() error {
		add(s.hasher.ContactID(root))
		if email != nil {
			add(append([]byte(nil), email...))
		}
		if identity.Complete() {
			add(s.hasher.Identity(identity))
		}
		return nil
	}); err != nil || len(keys) == 0 {
		return err
	}
	if _, err := tx.Exec(ctx, insertBlock, connectionID, contacts, keys); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, setBlocked, connectionID, contactIDs)
	return err
}

// VerifyErasure records that HubSpot does not show a contact whose privacy
// deletion was heard. From here on the contact itself tells that its erasure is
// to be completed: its tombstone, under the contact's id, is lasting.
func (s *Store) VerifyErasure(ctx context.Context, connectionID, contactID string) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := addTombstones(ctx, tx, connectionID, [][]byte{s.hasher.ContactID(contactID)}); err != nil {
			return err
		}
		if err := s.blockErasures(ctx, tx, connectionID, []string{contactID}); err != nil {
			return err
		}
		return stepErasure(ctx, tx, connectionID, contactID, ErasureVerified)
	})
	return wrap(err, "verify_erasure of contact %s/%s", connectionID, contactID)
}

// keepBlocks makes the tombstones of carried-out erasures lasting.
func keepBlocks(ctx context.Context, tx pgx.Tx, connectionID string, contactIDs []string) error {
	_, err := tx.Exec(ctx, `
WITH verified AS (DELETE FROM erasure_block WHERE connection_id = $1 AND contact_id = ANY ($2) RETURNING key_hash)
UPDATE tombstone t SET provisional = false
  FROM (SELECT DISTINCT key_hash FROM verified) AS v
 WHERE t.connection_id = $1 AND t.key_hash = v.key_hash AND t.provisional`, connectionID, contactIDs)
	return err
}

// A tombstone under the contact's id alone, from an erasure that broke off. One
// whose erasure was carried out keeps it.
const liftOwn = `
DELETE FROM tombstone t
 WHERE t.connection_id = $1 AND t.key_hash = $2
   AND NOT EXISTS (SELECT 1 FROM contact_ledger l WHERE l.connection_id = $1 AND l.contact_id = $3 AND l.state = 'erased')`

const liftBlock = `
WITH mine AS (DELETE FROM erasure_block WHERE connection_id = $1 AND contact_id = $2 RETURNING key_hash)
DELETE FROM tombstone t
 USING mine
 WHERE t.connection_id = $1 AND t.key_hash = mine.key_hash AND t.provisional
   AND NOT EXISTS (SELECT FROM erasure_block o WHERE o.connection_id = $1 AND o.key_hash = mine.key_hash AND o.contact_id <> $2)`

// Rows of the report that the block kept out are asked for again.
const rewindReport = `
UPDATE connection c SET report_watermark = e.blocked_at
  FROM erasure e
 WHERE c.id = $1 AND e.connection_id = c.id AND e.contact_id = $2 AND e.forgotten_at IS NULL AND e.doubted_at IS NULL
   AND c.report_watermark > e.blocked_at`

// resyncBlocked has the contacts synced that were parked because somebody with
// their email, or their participant, was to be erased.
var resyncBlocked = resyncOf(`
SELECT connection_id, contact_id FROM parked_item
 WHERE connection_id = $1 AND cause = 'erasure_pending' AND closed_at IS NULL AND contact_id <> ''`)

var resyncMapped = resyncOf("SELECT connection_id, contact_id FROM mapping WHERE connection_id = $1 AND contact_id = $2")

// LiftErasure ends a contact's erasure as doubted: HubSpot did not bear out the
// privacy deletion. The block goes, and what it kept from happening is made up
// for: contacts that it kept waiting are synced, and participants reported again.
func (s *Store) LiftErasure(ctx context.Context, connectionID, contactID string) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error { return s.liftErasure(ctx, tx, connectionID, contactID) })
	return wrap(err, "lift_erasure of contact %s/%s", connectionID, contactID)
}

func (s *Store) liftErasure(ctx context.Context, tx pgx.Tx, connectionID, contactID string) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock("+blockLock+")", connectionID); err != nil {
		return err
	}
	var batch pgx.Batch
	batch.Queue(liftOwn, connectionID, s.hasher.ContactID(contactID), contactID)
	batch.Queue(liftBlock, connectionID, contactID)
	batch.Queue(resyncBlocked, connectionID)
	batch.Queue(resyncMapped, connectionID, contactID)
	batch.Queue(rewindReport, connectionID, contactID)
	batch.Queue(doubtErasure, connectionID, contactID)
	return tx.SendBatch(ctx, &batch).Close()
}

// Block says whether somebody is kept from being made.
type Block int

// The blocks, the weakest first.
const (
	Unblocked   Block = iota
	Provisional       // somebody is to be erased, and HubSpot has not borne it out yet
	Lasting           // somebody was erased
)

// Blocked tells whether any of the keys belongs to a person who was erased, or
// is to be.
func (s *Store) Blocked(ctx context.Context, connectionID string, hashes ...[]byte) (Block, error) {
	blocks, err := s.Blocks(ctx, connectionID, hashes)
	return blocks[0], err
}

// Blocks does what Blocked does for several people at once.
func (s *Store) Blocks(ctx context.Context, connectionID string, people ...[][]byte) ([]Block, error) {
	blocks := make([]Block, len(people))
	rows, err := s.pool.Query(ctx, "SELECT key_hash, provisional FROM tombstone WHERE connection_id = $1 AND key_hash = ANY ($2)",
		connectionID, slices.Concat(people...))
	if err != nil {
		return blocks, wrap(err, "blocked in %s", connectionID)
	}
	found := map[string]Block{}
	var key []byte
	var provisional bool
	_, err = pgx.ForEachRow(rows, []any{&key, &provisional}, func() error {
		found[string(key)] = Lasting
		if provisional {
			found[string(key)] = Provisional
		}
		return nil
	})
	for i, keys := range people {
		for _, key := range keys {
			blocks[i] = max(blocks[i], found[string(key)])
		}
	}
	return blocks, wrap(err, "blocked in %s", connectionID)
}

// WithEmails returns the participants that had one of the emails when they were
// mapped, to whichever contact, or that were mapped to one before.
func (s *Store) WithEmails(ctx context.Context, connectionID string, emailHashes [][]byte) ([]bridge.Identity, error) {
	rows, err := s.pool.Query(ctx, `
SELECT account_id, user_id FROM mapping WHERE connection_id = $1 AND email_hash = ANY ($2)
 UNION
SELECT account_id, user_id FROM former_mapping WHERE connection_id = $1 AND email_hash = ANY ($2)
 ORDER BY 1, 2`, connectionID, emailHashes)
	if err != nil {
		return nil, wrap(err, "with_emails in %s", connectionID)
	}
	ids, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id bridge.Identity, err error) {
		err = row.Scan(&id.AccountID, &id.UserID)
		return id, err
	})
	return ids, wrap(err, "with_emails in %s", connectionID)
}
