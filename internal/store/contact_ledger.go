package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// Known is what we know of one contact.
type Known struct {
	Mapping              *bridge.Mapping // nil: unmapped
	ByEmail              bool            // mapped: the contact was matched by its own email
	ParticipantEmailHash []byte          // mapped: of the participant's email at that time; nil: it had none
	Former               []FormerMapping // ended mappings, the latest first
	Ledger               bridge.Ledger   // zero: never synced
	EmailHash            []byte          // of the email it last had; nil: none known
	OtherEmails          [][]byte        // hashes of the other emails that it last had, ascending
	WriteSeq             int64           // number of recorded writes to HubSpot
	Erased               bool            // there is a tombstone for its contact id
	Unfinished           bridge.Hints    // hints of its parked items, except doubted erasures
}

// Seen reports whether the contact was synced before, so HubSpot showed it once.
func (k Known) Seen() bool {
	return k.Mapping != nil || len(k.Former) > 0 || k.Ledger.State != bridge.StateNew && k.Ledger.Reason != bridge.Reason(bridge.CauseNotReadable)
}

// HalfErased reports whether the contact's erasure began and did not end: only an
// erasure of its own puts a tombstone on a contact's id, and it ends in this state.
func (k Known) HalfErased() bool { return k.Erased && k.Ledger.State != bridge.StateErased }

const selectKnown = `
SELECT m.account_id, m.user_id, coalesce(m.by_email, false), m.email_hash,
       coalesce(l.state, ''), coalesce(l.reason, ''), coalesce(l.awaited_as_new, false), l.sent_hash, l.written_hash, l.decided_at,
       l.email_hash, coalesce(l.write_seq, 0),
       EXISTS (SELECT 1 FROM tombstone t WHERE t.connection_id = asked.connection_id AND t.key_hash = $3 AND NOT t.provisional),
       (SELECT array_agg(e.email_hash ORDER BY e.email_hash) FROM contact_email e
         WHERE e.connection_id = asked.connection_id AND e.contact_id = asked.contact_id),
       f.account_ids, f.user_ids, f.by_emails, f.email_hashes, f.endings, f.ended_ats, p.hints
  FROM (VALUES ($1::text, $2::text)) AS asked (connection_id, contact_id)
  LEFT JOIN mapping m ON m.connection_id = asked.connection_id AND m.contact_id = asked.contact_id
  LEFT JOIN contact_ledger l ON l.connection_id = asked.connection_id AND l.contact_id = asked.contact_id
 CROSS JOIN LATERAL (
       SELECT array_agg(account_id) AS account_ids, array_agg(user_id) AS user_ids, array_agg(by_email) AS by_emails,
              array_agg(email_hash) AS email_hashes,
              array_agg(ending) AS endings, array_agg(ended_at) AS ended_ats
         FROM (SELECT * FROM former_mapping
                WHERE connection_id = asked.connection_id AND contact_id = asked.contact_id
                ORDER BY ended_at DESC, account_id, user_id) AS ordered) AS f
 CROSS JOIN LATERAL (
       SELECT coalesce(jsonb_agg(hints), '[]') AS hints
         FROM parked_item
        WHERE connection_id = asked.connection_id AND contact_id = asked.contact_id AND closed_at IS NULL
          AND contact_id <> '' AND tracked_event_id IS NULL AND cause <> $4) AS p`

// Known returns everything we know of a contact, in one round trip. An unknown
// contact is no error.
func (s *Store) Known(ctx context.Context, connectionID, contactID string) (Known, error) {
	var (
		k             Known
		account, user *string
		decidedAt     *time.Time
		former        formerColumns
		given         []bridge.Hints
	)
	l := &k.Ledger
	err := s.pool.QueryRow(ctx, selectKnown, connectionID, contactID, s.hasher.ContactID(contactID), bridge.CauseErasureDoubted).Scan(&account, &user, &k.ByEmail, &k.ParticipantEmailHash,
		&l.State, &l.Reason, &l.AwaitedAsNew, &l.SentHash, &l.WrittenHash, &decidedAt, &k.EmailHash, &k.WriteSeq, &k.Erased, &k.OtherEmails,
		&former.accounts, &former.users, &former.byEmails, &former.emailHashes, &former.endings, &former.endedAts, &given)
	if err != nil {
		return Known{}, wrap(err, "known contact %s/%s", connectionID, contactID)
	}
	if account != nil && user != nil {
		k.Mapping = &bridge.Mapping{ConnectionID: connectionID, ContactID: contactID, AccountID: *account, UserID: *user}
	}
	if decidedAt != nil {
		l.DecidedAt = *decidedAt
	}
	for _, hints := range given {
		k.Unfinished = k.Unfinished.Merge(hints)
	}
	k.Former = former.of(connectionID, contactID)
	return k, nil
}

// Settlement is the outcome of one sync of a contact.
type Settlement struct {
	State        bridge.State
	Reason       bridge.Reason
	AwaitedAsNew bool
	SentHash     []byte              // what Advocate accepted; nil: nothing new
	WrittenHash  []byte              // what HubSpot accepted; nil: nothing new
	Program      string              // with WrittenHash: the program of the values
	KnownSeq     *int64              // with WrittenHash: Known.WriteSeq before the write; nil: not compared
	EmailHash    []byte              // of the contact's email; nil: nothing new
	OtherEmails  [][]byte            // of its other emails; nil: nothing new
	Parked       []bridge.ParkedItem // none: the contact is in order
	KeepWarnings bool                // nothing was sent, so the warnings about the last upsert stay open
}

// withoutPerson returns what may be recorded about an erased person.
func (out Settlement) withoutPerson() Settlement {
	out.SentHash, out.WrittenHash, out.EmailHash, out.OtherEmails = nil, nil, nil, nil
	out.Parked = slices.Clone(out.Parked)
	for i := range out.Parked {
		out.Parked[i].AccountID, out.Parked[i].UserID, out.Parked[i].VendorMessage = "", "", ""
	}
	return out
}

// An erased contact stays erased, even if another outcome arrives late. Values of a
// program that is no longer connected do not count as written. If a page has
// recorded a write since the contact was read, nobody knows whose values came last,
// so the hash is cleared.
const upsertSettlement = `
INSERT INTO contact_ledger (connection_id, contact_id, state, reason, awaited_as_new, sent_hash, written_hash, email_hash, decided_at,
       written_as_of, write_seq)
VALUES ($1, $2, $3, $4, $5, $6, (SELECT $7::bytea FROM connection WHERE id = $1 AND program = $10), $8, now(),
       CASE WHEN $7::bytea IS NOT NULL THEN now() END, CASE WHEN $7::bytea IS NOT NULL THEN 1 ELSE 0 END)
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET state = CASE WHEN $9 AND contact_ledger.state = 'erased' THEN contact_ledger.state ELSE excluded.state END,
       reason = excluded.reason, awaited_as_new = excluded.awaited_as_new,
       sent_hash = coalesce(excluded.sent_hash, contact_ledger.sent_hash),
       written_hash = CASE WHEN $7 IS NULL THEN contact_ledger.written_hash
                           WHEN contact_ledger.write_seq <> $11 THEN NULL
                           ELSE excluded.written_hash END,
       write_seq = contact_ledger.write_seq + excluded.write_seq,
       email_hash = coalesce(excluded.email_hash, contact_ledger.email_hash),
       decided_at = excluded.decided_at,
       written_as_of = coalesce(excluded.written_as_of, contact_ledger.written_as_of)`

// revisitOverwritten requests another sync of a contact that a page has written to
// since it was read: the sequence has then moved by more than this settlement's own
// step.
const revisitOverwritten = `
INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo)
SELECT connection_id, contact_id, 'resync', '', now(), 'overwritten/' || contact_id || '/' || write_seq, false
  FROM contact_ledger
 WHERE connection_id = $1 AND contact_id = $2 AND write_seq > $3
ON CONFLICT (connection_id, dedupe_key) DO NOTHING`

const dropOtherEmails = "DELETE FROM contact_email WHERE connection_id = $1 AND contact_id = $2 AND email_hash <> ALL ($3)"

const addOtherEmails = `
INSERT INTO contact_email (connection_id, contact_id, email_hash)
SELECT DISTINCT $1, $2, hash FROM unnest($3::bytea[]) AS e (hash) ORDER BY hash
ON CONFLICT (connection_id, contact_id, email_hash) DO NOTHING`

const resolveOthers = `
UPDATE parked_item SET closed_at = now(), outcome = 'resolved'
 WHERE connection_id = $1 AND contact_id = $2 AND tracked_event_id IS NULL AND closed_at IS NULL AND cause <> ALL ($3)`

// Settle records the outcome of one sync of a contact. The sync covers the whole
// contact: its item is parked, if it has one, and every other open item of the
// contact is resolved, except warnings to keep and items that only a person closes.
// For an erased contact it records no hashes, ids or messages.
func (s *Store) Settle(ctx context.Context, connectionID, contactID string, out Settlement) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		erased, err := s.contactErased(ctx, tx, connectionID, contactID)
		if err != nil {
			return err
		}
		return settle(ctx, tx, connectionID, contactID, out, erased)
	})
	return wrap(err, "settle contact %s/%s", connectionID, contactID)
}

func settle(ctx context.Context, tx pgx.Tx, connectionID, contactID string, out Settlement, erased bool) error {
	if erased {
		out = out.withoutPerson()
	}
	free, err := lockTaken(ctx, tx, connectionID, out.Parked)
	if err != nil {
		return err
	}
	var batch pgx.Batch
	batch.Queue(upsertSettlement, connectionID, contactID,
		out.State, out.Reason, out.AwaitedAsNew, out.SentHash, out.WrittenHash, out.EmailHash, erased, out.Program, out.KnownSeq)
	batch.Queue(addDecision, connectionID, contactID)
	if out.WrittenHash != nil {
		if out.KnownSeq != nil {
			batch.Queue(revisitOverwritten, connectionID, contactID, *out.KnownSeq+1)
		}
		batch.Queue(revisitLate, connectionID, contactID, out.Program)
	}
	if out.OtherEmails != nil {
		batch.Queue(dropOtherEmails, connectionID, contactID, out.OtherEmails)
		batch.Queue(addOtherEmails, connectionID, contactID, out.OtherEmails)
	}
	still := []bridge.Cause{bridge.CauseErasureDoubted} // independent of the contact's current state
	if out.KeepWarnings {
		still = append(still, bridge.Warnings()...)
	}
	for _, item := range out.Parked {
		item.ConnectionID, item.ContactID = connectionID, contactID
		still = append(still, item.Cause)
		statement, args := parking(item)
		batch.Queue(statement, args...)
	}
	if free {
		batch.Queue(resyncContacts, connectionID, []string{contactID})
	}
	batch.Queue(resolveOthers, connectionID, contactID, still)
	return tx.SendBatch(ctx, &batch).Close()
}

const lockOwner = `
SELECT contact_id FROM mapping WHERE connection_id = $1 AND account_id = $2 AND user_id = $3 ORDER BY contact_id FOR KEY SHARE`

// lockTaken reports whether a participant that an item calls taken is free now. A
// taken one stays taken until the transaction ends, so that whoever frees it
// afterwards finds the item.
func lockTaken(ctx context.Context, tx pgx.Tx, connectionID string, items []bridge.ParkedItem) (free bool, err error) {
	for _, item := range items {
		if item.Cause != bridge.CauseTakenParticipant || item.UserID == "" {
			continue
		}
		owners, err := contactIDs(ctx, tx, lockOwner, connectionID, item.AccountID, item.UserID)
		if err != nil || len(owners) == 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// resyncTaken requests a sync of the contacts that wait for a participant to which
// no contact is mapped any more.
var resyncTaken = resyncOf(`
SELECT p.connection_id, p.contact_id
  FROM parked_item p
  JOIN unnest($2::text[], $3::text[]) AS freed (account_id, user_id) USING (account_id, user_id)
 WHERE p.connection_id = $1 AND p.cause = 'taken_participant' AND p.closed_at IS NULL AND p.contact_id <> ''
   AND NOT EXISTS (SELECT FROM mapping m WHERE m.connection_id = $1 AND m.account_id = p.account_id AND m.user_id = p.user_id)`)
