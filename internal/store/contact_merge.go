package store

import "context"

// A contact is merged once. If the merge is read late, its survivor may itself have
// been merged already; both records lead to the same survivor.
const insertMerge = `
INSERT INTO merged_contact (connection_id, contact_id, heir_id) VALUES ($1, $2, $3)
ON CONFLICT (connection_id, contact_id) DO NOTHING`

// AddMerge records that a contact was merged into another.
func (s *Store) AddMerge(ctx context.Context, connectionID, contactID, survivorID string) error {
	_, err := s.pool.Exec(ctx, insertMerge, connectionID, contactID, survivorID)
	return wrap(err, "add_merge of contact %s/%s", connectionID, contactID)
}

// Survivors returns the contacts that a contact was merged into, directly or
// through others, in no order.
func (s *Store) Survivors(ctx context.Context, connectionID, contactID string) ([]string, error) {
	ids, err := contactIDs(ctx, s.pool, `
WITH RECURSIVE survivor (id) AS (
     SELECT heir_id FROM merged_contact WHERE connection_id = $1 AND contact_id = $2
      UNION
     SELECT m.heir_id FROM survivor JOIN merged_contact m ON m.connection_id = $1 AND m.contact_id = survivor.id)
SELECT id FROM survivor WHERE id <> $2`, connectionID, contactID)
	return ids, wrap(err, "survivors of contact %s/%s", connectionID, contactID)
}

// MergedInto returns the contacts that were merged into a contact, directly or
// through others, in no order.
func (s *Store) MergedInto(ctx context.Context, connectionID, contactID string) ([]string, error) {
	ids, err := contactIDs(ctx, s.pool, `
WITH RECURSIVE merged (id) AS (
     SELECT contact_id FROM merged_contact WHERE connection_id = $1 AND heir_id = $2
      UNION
     SELECT m.contact_id FROM merged JOIN merged_contact m ON m.connection_id = $1 AND m.heir_id = merged.id)
SELECT id FROM merged WHERE id <> $2`, connectionID, contactID)
	return ids, wrap(err, "merged_into contact %s/%s", connectionID, contactID)
}
