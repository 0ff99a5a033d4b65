package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// Known is what we know of one contact.
type Known struct {
	Mapping *bridge.Mapping // nil: unmapped
	Ledger  bridge.Ledger   // zero: never looked at
	Erased  bool            // under a tombstone by its contact id
}

const selectKnown = `
SELECT m.account_id, m.user_id,
       coalesce(l.state, ''), coalesce(l.reason, ''), coalesce(l.awaited_as_new, false), l.sent_hash, l.written_hash, l.decided_at,
       EXISTS (SELECT 1 FROM tombstone t WHERE t.connection_id = asked.connection_id AND t.key_hash = $3)
  FROM (VALUES ($1::text, $2::text)) AS asked (connection_id, contact_id)
  LEFT JOIN mapping m ON m.connection_id = asked.connection_id AND m.contact_id = asked.contact_id
  LEFT JOIN contact_ledger l ON l.connection_id = asked.connection_id AND l.contact_id = asked.contact_id`

// Known returns everything we know of a contact, in one round trip. A contact
// we never heard of is no error.
func (s *Store) Known(ctx context.Context, connectionID, contactID string) (Known, error) {
	var (
		k             Known
		account, user *string
		decidedAt     *time.Time
	)
	l := &k.Ledger
	err := s.pool.QueryRow(ctx, selectKnown, connectionID, contactID, s.hasher.ContactID(contactID)).Scan(&account, &user,
		&l.State, &l.Reason, &l.AwaitedAsNew, &l.SentHash, &l.WrittenHash, &decidedAt, &k.Erased)
	if err != nil {
		return Known{}, wrap(err, "known contact %s/%s", connectionID, contactID)
	}
	if account != nil && user != nil {
		k.Mapping = &bridge.Mapping{ConnectionID: connectionID, ContactID: contactID, AccountID: *account, UserID: *user}
	}
	if decidedAt != nil {
		l.DecidedAt = *decidedAt
	}
	return k, nil
}

// Settlement is the outcome of one look at a contact.
type Settlement struct {
	State        bridge.State
	Reason       bridge.Reason
	AwaitedAsNew bool
	SentHash     []byte             // what Advocate accepted; nil: nothing new
	WrittenHash  []byte             // what HubSpot took; nil: nothing new
	Parked       *bridge.ParkedItem // nil: nothing is in the way any more
}

const upsertSettlement = `
INSERT INTO contact_ledger (connection_id, contact_id, state, reason, awaited_as_new, sent_hash, written_hash, decided_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, now())
ON CONFLICT (connection_id, contact_id) DO UPDATE
   SET state = excluded.state, reason = excluded.reason, awaited_as_new = excluded.awaited_as_new,
       sent_hash = coalesce(excluded.sent_hash, contact_ledger.sent_hash),
       written_hash = coalesce(excluded.written_hash, contact_ledger.written_hash),
       decided_at = excluded.decided_at`

// Settle records the outcome of one look at a contact. The look speaks for the
// contact as a whole: its item is parked, if it has one, and every other open
// item of the contact is resolved.
func (s *Store) Settle(ctx context.Context, connectionID, contactID string, out Settlement) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, upsertSettlement, connectionID, contactID,
			out.State, out.Reason, out.AwaitedAsNew, out.SentHash, out.WrittenHash); err != nil {
			return err
		}
		var still bridge.Cause // empty: none
		if out.Parked != nil {
			item := *out.Parked
			item.ConnectionID, item.ContactID = connectionID, contactID
			still = item.Cause
			if _, err := park(ctx, tx, item); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `
UPDATE parked_item SET closed_at = now(), outcome = 'resolved'
 WHERE connection_id = $1 AND contact_id = $2 AND closed_at IS NULL AND cause <> $3`, connectionID, contactID, still)
		return err
	})
	return wrap(err, "settle contact %s/%s", connectionID, contactID)
}
