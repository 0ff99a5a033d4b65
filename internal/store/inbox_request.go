package store

import (
	"context"
	"slices"
	"time"

	"advocatesync/internal/bridge"
)

// SyncRequest asks for a contact to be synced again, as if its hints had just
// been heard. It goes through the inbox, so it happens whatever becomes of this
// process.
type SyncRequest struct {
	ContactID string
	Hints     bridge.Hints
	After     time.Duration // how long it waits first; 0: not at all
}

// A request that waits already takes the new one in, unless a relay has claimed it.
const onRequested = `
ON CONFLICT (connection_id, contact_id, kind) WHERE requested AND relayed_at IS NULL DO UPDATE
   SET occurred_at = greatest(inbox.occurred_at, excluded.occurred_at),
       not_before = least(inbox.not_before, excluded.not_before), received_at = least(inbox.received_at, excluded.received_at)`

// A request counts as received when it is due: until then nothing lags.
const insertRequests = `
INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo, requested, received_at, not_before)
SELECT $1, r.contact_id, r.kind, '', max(r.occurred_at), 'requested/' || gen_random_uuid(), false, true,
       now() + min(r.after), now() + min(r.after)
  FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::interval[]) AS r (contact_id, kind, occurred_at, after)
 GROUP BY r.contact_id, r.kind
 ORDER BY r.contact_id, r.kind` + onRequested

// resyncOf is the statement that asks for a resync of each contact that a query
// selects (connection_id, contact_id): the database knows whom.
func resyncOf(contacts string) string {
	return `
INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo, requested)
SELECT r.connection_id, r.contact_id, 'resync', '', now(), 'requested/' || gen_random_uuid(), false, true
  FROM (SELECT DISTINCT * FROM (` + contacts + `) AS c) AS r (connection_id, contact_id)
 ORDER BY r.connection_id, r.contact_id` + onRequested
}

// RequestSync has contacts of a connection synced again, all or none.
func (s *Store) RequestSync(ctx context.Context, connectionID string, requests ...SyncRequest) error {
	return wrap(requestSync(ctx, s.pool, connectionID, requests), "request_sync in %s", connectionID)
}

// RequestResync has contacts of a connection synced again now, whatever is known
// of them, all or none.
func (s *Store) RequestResync(ctx context.Context, connectionID string, contactIDs ...string) error {
	return wrap(requestResync(ctx, s.pool, connectionID, contactIDs), "request_resync in %s", connectionID)
}

var resyncContacts = resyncOf("SELECT $1::text, unnest($2::text[])")

func requestResync(ctx context.Context, q queryer, connectionID string, contactIDs []string) error {
	if len(contactIDs) == 0 {
		return nil
	}
	_, err := q.Exec(ctx, resyncContacts, connectionID, contactIDs)
	return err
}

func requestSync(ctx context.Context, q queryer, connectionID string, requests []SyncRequest) error {
	var (
		contacts, kinds []string
		occurred        []time.Time
		after           []time.Duration
	)
	for _, r := range requests {
		for _, heard := range eventsOf(r.Hints) {
			contacts, kinds = append(contacts, r.ContactID), append(kinds, string(heard.kind))
			occurred, after = append(occurred, heard.at), append(after, r.After)
		}
	}
	if len(contacts) == 0 {
		return nil
	}
	_, err := q.Exec(ctx, insertRequests, connectionID, contacts, kinds, occurred, after)
	return err
}

// heardEvent is one of the things that hints say.
type heardEvent struct {
	kind EventKind
	at   time.Time
}

// eventsOf are the events that, folded, say what the hints say.
func eventsOf(hints bridge.Hints) []heardEvent {
	return slices.DeleteFunc([]heardEvent{
		{EventCreated, hints.CreatedAt}, {EventUpdated, hints.UpdatedAt}, {EventResync, hints.ResyncAt},
		{EventDeleted, hints.DeletedAt}, {EventErased, hints.ErasedAt}, {EventRestored, hints.RestoredAt}, {EventMerged, hints.MergedAt},
	}, func(e heardEvent) bool { return e.at.IsZero() })
}
