package store

import (
	"context"
	"fmt"
	"maps"
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
SELECT asked.contact_id, m.account_id, m.user_id, coalesce(m.by_email, false), m.email_hash,
       coalesce(l.state, ''), coalesce(l.reason, ''), coalesce(l.awaited_as_new, false), l.sent_hash, l.written_hash, l.decided_at,
       l.email_hash, coalesce(l.write_seq, 0),
       EXISTS (SELECT 1 FROM tombstone t WHERE t.connection_id = $1 AND t.key_hash = asked.key_hash AND NOT t.provisional),
       (SELECT array_agg(e.email_hash ORDER BY e.email_hash) FROM contact_email e
         WHERE e.connection_id = $1 AND e.contact_id = asked.contact_id),
       f.account_ids, f.user_ids, f.by_emails, f.email_hashes, f.endings, f.ended_ats, p.hints
  FROM unnest($2::text[], $3::bytea[]) AS asked (contact_id, key_hash)
  LEFT JOIN mapping m ON m.connection_id = $1 AND m.contact_id = asked.contact_id
  LEFT JOIN contact_ledger l ON l.connection_id = $1 AND l.contact_id = asked.contact_id
 CROSS JOIN LATERAL (
       SELECT array_agg(account_id) AS account_ids, array_agg(user_id) AS user_ids, array_agg(by_email) AS by_emails,
              array_agg(email_hash) AS email_hashes,
              array_agg(ending) AS endings, array_agg(ended_at) AS ended_ats
         FROM (SELECT * FROM former_mapping
                WHERE connection_id = $1 AND contact_id = asked.contact_id
                ORDER BY ended_at DESC, account_id, user_id) AS ordered) AS f
 CROSS JOIN LATERAL (
       SELECT coalesce(jsonb_agg(hints), '[]') AS hints
         FROM parked_item
        WHERE connection_id = $1 AND contact_id = asked.contact_id AND closed_at IS NULL
          AND contact_id <> '' AND tracked_event_id IS NULL AND cause <> $4) AS p`

// Known returns everything we know of a contact. An unknown contact is no error.
func (s *Store) Known(ctx context.Context, connectionID, contactID string) (Known, error) {
	known, err := s.KnownAll(ctx, connectionID, contactID)
	return known[contactID], err
}

// KnownAll returns everything we know of contacts, in one round trip. Unknown
// contacts are no error.
func (s *Store) KnownAll(ctx context.Context, connectionID string, contactIDs ...string) (map[string]Known, error) {
	keys := make([][]byte, len(contactIDs))
	for i, id := range contactIDs {
		keys[i] = s.hasher.ContactID(id)
	}
	rows, err := s.pool.Query(ctx, selectKnown, connectionID, contactIDs, keys, bridge.CauseErasureDoubted)
	if err != nil {
		return nil, wrap(err, "known of %s", connectionID)
	}
	all := make(map[string]Known, len(contactIDs))
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		contactID, known, err := scanKnown(row, connectionID)
		all[contactID] = known
		return struct{}{}, err
	})
	return all, wrap(err, "known of %s", connectionID)
}

func scanKnown(row pgx.CollectableRow, connectionID string) (contactID string, k Known, err error) {
	var (
		account, user *string
		decidedAt     *time.Time
		former        formerColumns
		given         []bridge.Hints
	)
	l := &k.Ledger
	err = row.Scan(&contactID, &account, &user, &k.ByEmail, &k.ParticipantEmailHash,
		&l.State, &l.Reason, &l.AwaitedAsNew, &l.SentHash, &l.WrittenHash, &decidedAt, &k.EmailHash, &k.WriteSeq, &k.Erased, &k.OtherEmails,
		&former.accounts, &former.users, &former.byEmails, &former.emailHashes, &former.endings, &former.endedAts, &given)
	if err != nil {
		return "", Known{}, err
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
	return contactID, k, nil
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
SELECT $1, o.contact_id, o.state, o.reason, o.awaited_as_new, o.sent_hash,
       (SELECT o.written_hash FROM connection WHERE id = $1 AND program = o.program), o.email_hash, now(),
       CASE WHEN o.written_hash IS NOT NULL THEN now() END, CASE WHEN o.written_hash IS NOT NULL THEN 1 ELSE 0 END
  FROM unnest($2::text[], $3::text[], $4::text[], $5::boolean[], $6::bytea[], $7::bytea[], $8::bytea[], $9::text[])
    AS o (contact_id, state, reason, awaited_as_new, sent_hash, written_hash, email_hash, program)
 ORDER BY o.contact_id
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET state = CASE WHEN contact_ledger.contact_id = ANY ($11::text[]) AND contact_ledger.state = 'erased' THEN contact_ledger.state ELSE excluded.state END,
       reason = excluded.reason, awaited_as_new = excluded.awaited_as_new,
       sent_hash = coalesce(excluded.sent_hash, contact_ledger.sent_hash),
       written_hash = CASE WHEN excluded.written_as_of IS NULL THEN contact_ledger.written_hash
                           WHEN contact_ledger.write_seq <> (SELECT k.seq FROM unnest($2::text[], $10::bigint[]) AS k (contact_id, seq)
                                                              WHERE k.contact_id = contact_ledger.contact_id) THEN NULL
                           ELSE excluded.written_hash END,
       write_seq = contact_ledger.write_seq + excluded.write_seq,
       email_hash = coalesce(excluded.email_hash, contact_ledger.email_hash),
       decided_at = excluded.decided_at,
       written_as_of = coalesce(excluded.written_as_of, contact_ledger.written_as_of)`

// revisitOverwritten requests another sync of the contacts that a page has written to
// since they were read: the sequence has then moved by more than this settlement's own
// step.
const revisitOverwritten = `
INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo)
SELECT l.connection_id, l.contact_id, 'resync', '', now(), 'overwritten/' || l.contact_id || '/' || l.write_seq, false
  FROM unnest($2::text[], $3::bigint[]) AS k (contact_id, seq)
  JOIN contact_ledger l ON l.connection_id = $1 AND l.contact_id = k.contact_id
 WHERE l.write_seq > k.seq + 1
 ORDER BY l.contact_id
ON CONFLICT (connection_id, dedupe_key) DO NOTHING`

const dropOtherEmails = "DELETE FROM contact_email WHERE connection_id = $1 AND contact_id = $2 AND email_hash <> ALL ($3)"

const addOtherEmails = `
INSERT INTO contact_email (connection_id, contact_id, email_hash)
SELECT DISTINCT $1, $2, hash FROM unnest($3::bytea[]) AS e (hash) ORDER BY hash
ON CONFLICT (connection_id, contact_id, email_hash) DO NOTHING`

const resolveOthers = `
UPDATE parked_item p SET closed_at = now(), outcome = 'resolved'
 WHERE p.connection_id = $1 AND p.contact_id = ANY ($2) AND p.tracked_event_id IS NULL AND p.closed_at IS NULL
   AND NOT EXISTS (SELECT FROM unnest($3::text[], $4::text[]) AS still (contact_id, cause)
                    WHERE still.contact_id = p.contact_id AND still.cause = p.cause)`

// Settle records the outcome of one sync of a contact. The sync covers the whole
// contact: its item is parked, if it has one, and every other open item of the
// contact is resolved, except warnings to keep and items that only a person closes.
// For an erased contact it records no hashes, ids or messages.
func (s *Store) Settle(ctx context.Context, connectionID, contactID string, out Settlement) error {
	return s.SettleAll(ctx, connectionID, map[string]Settlement{contactID: out})
}

// SettleAll does what Settle does for several contacts, all or none.
func (s *Store) SettleAll(ctx context.Context, connectionID string, outs map[string]Settlement) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		erased, err := s.contactsErased(ctx, tx, connectionID, slices.Collect(maps.Keys(outs))...)
		if err != nil {
			return err
		}
		return settle(ctx, tx, connectionID, outs, erased)
	})
	return wrap(err, "settle %s in %s", someContacts(slices.Collect(maps.Keys(outs))), connectionID)
}

// someContacts names contacts in an error.
func someContacts(ids []string) string {
	if len(ids) == 1 {
		return "contact " + ids[0]
	}
	return fmt.Sprintf("%d contacts", len(ids))
}

// settled are the columns of settlements.
type settled struct {
	contacts, states, reasons, programs []string
	awaitedAsNew                        []bool
	sent, written, emails               [][]byte
	seqs                                []*int64

	stillContacts, stillCauses []string // parked items that stay open
}

func (c *settled) add(contactID string, out Settlement) {
	c.contacts, c.states, c.reasons = append(c.contacts, contactID), append(c.states, string(out.State)), append(c.reasons, string(out.Reason))
	c.awaitedAsNew, c.programs = append(c.awaitedAsNew, out.AwaitedAsNew), append(c.programs, out.Program)
	c.sent, c.written, c.emails = append(c.sent, out.SentHash), append(c.written, out.WrittenHash), append(c.emails, out.EmailHash)
	c.seqs = append(c.seqs, out.KnownSeq)
	still := []bridge.Cause{bridge.CauseErasureDoubted} // independent of the contact's current state
	if out.KeepWarnings {
		still = append(still, bridge.Warnings()...)
	}
	for _, item := range out.Parked {
		still = append(still, item.Cause)
	}
	for _, cause := range still {
		c.stillContacts, c.stillCauses = append(c.stillContacts, contactID), append(c.stillCauses, string(cause))
	}
}

func settle(ctx context.Context, tx pgx.Tx, connectionID string, outs map[string]Settlement, erased map[string]bool) error {
	var (
		all, written settled
		freed        []string // contacts whose participant is no longer taken
		perContact   pgx.Batch
	)
	for _, contactID := range slices.Sorted(maps.Keys(outs)) {
		out := outs[contactID]
		if erased[contactID] {
			out = out.withoutPerson()
		}
		free, err := lockTaken(ctx, tx, connectionID, out.Parked)
		if err != nil {
			return err
		}
		if free {
			freed = append(freed, contactID)
		}
		all.add(contactID, out)
		if out.WrittenHash != nil {
			written.add(contactID, out)
		}
		addPerContact(&perContact, connectionID, contactID, out)
	}
	var batch pgx.Batch
	batch.Queue(upsertSettlement, connectionID, all.contacts, all.states, all.reasons, all.awaitedAsNew, all.sent, all.written, all.emails, all.programs,
		all.seqs, slices.Sorted(maps.Keys(erased)))
	batch.Queue(addDecisions, connectionID, all.contacts)
	if len(written.contacts) > 0 {
		batch.Queue(revisitOverwritten, connectionID, written.contacts, written.seqs)
		batch.Queue(revisitLate, connectionID, written.contacts, written.programs)
	}
	batch.QueuedQueries = append(batch.QueuedQueries, perContact.QueuedQueries...)
	if len(freed) > 0 {
		batch.Queue(resyncContacts, connectionID, freed)
	}
	batch.Queue(resolveOthers, connectionID, all.contacts, all.stillContacts, all.stillCauses)
	return tx.SendBatch(ctx, &batch).Close()
}

// addPerContact queues what few contacts need.
func addPerContact(batch *pgx.Batch, connectionID, contactID string, out Settlement) {
	if out.OtherEmails != nil {
		batch.Queue(dropOtherEmails, connectionID, contactID, out.OtherEmails)
		batch.Queue(addOtherEmails, connectionID, contactID, out.OtherEmails)
	}
	for _, item := range out.Parked {
		item.ConnectionID, item.ContactID = connectionID, contactID
		statement, args := parking(item)
		batch.Queue(statement, args...)
	}
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
