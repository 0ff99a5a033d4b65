package store

import (
	"context"
	"slices"
	"time"

	"advocatesync/internal/bridge"
)

// SyncRequest asks for a contact to be synced again, as if its hints had just been
// heard. It goes through the inbox, so it survives the death of this process.
type SyncRequest struct {
	ContactID string
	Hints     bridge.Hints
	After     time.Duration // how long it waits first; 0: it does not
	Bulk      bool          // one of many that nobody waits for: it goes by the page
}

// A waiting request absorbs the new one, unless a relay has claimed it.
const onRequested = `
ON CONFLICT (connection_id, contact_id, kind) WHERE requested AND relayed_at IS NULL DO UPDATE
   SET occurred_at = greatest(inbox.occurred_at, excluded.occurred_at),
       not_before = least(inbox.not_before, excluded.not_before), received_at = least(inbox.received_at, excluded.received_at),
       bulk = inbox.bulk AND excluded.bulk`

// A request counts as received when it is due, so that it adds no lag before.
const insertRequests = `
INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo, requested, bulk, received_at, not_before)
SELECT $1, r.contact_id, r.kind, '', max(r.occurred_at), 'requested/' || gen_random_uuid(), false, true, bool_and(r.bulk),
       now() + min(r.after), now() + min(r.after)
  FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::interval[], $6::boolean[]) AS r (contact_id, kind, occurred_at, after, bulk)
 GROUP BY r.contact_id, r.kind
 ORDER BY r.contact_id, r.kind` + onRequested

// resyncOf returns the statement that requests a resync of each contact that a
// query selects (connection_id, contact_id). Several are bulk: somebody may wait for
// one contact, and nobody for each of many.
func resyncOf(contacts string) string {
	return `
INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo, requested, bulk)
SELECT r.connection_id, r.contact_id, 'resync', '', now(), 'requested/' || gen_random_uuid(), false, true, count(*) OVER () > 1
  FROM (SELECT DISTINCT * FROM (` + contacts + `) AS c) AS r (connection_id, contact_id)
 ORDER BY r.connection_id, r.contact_id` + onRequested
}

// RequestSync requests a sync of contacts of a connection, all or none.
func (s *Store) RequestSync(ctx context.Context, connectionID string, requests ...SyncRequest) error {
	return wrap(requestSync(ctx, s.pool, connectionID, requests), "request_sync in %s", connectionID)
}

// RequestResync requests a resync of contacts of a connection, all or none.
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
		bulk            []bool
	)
	for _, r := range requests {
		for _, heard := range eventsOf(r.Hints) {
			contacts, kinds = append(contacts, r.ContactID), append(kinds, string(heard.kind))
			occurred, after, bulk = append(occurred, heard.at), append(after, r.After), append(bulk, r.Bulk)
		}
	}
	if len(contacts) == 0 {
		return nil
	}
	_, err := q.Exec(ctx, insertRequests, connectionID, contacts, kinds, occurred, after, bulk)
	return err
}

// heardEvent is one event within hints.
type heardEvent struct {
	kind EventKind
	at   time.Time
}

// eventsOf returns the events that fold into the given hints.
func eventsOf(hints bridge.Hints) []heardEvent {
	return slices.DeleteFunc([]heardEvent{
		{EventCreated, hints.CreatedAt}, {EventUpdated, hints.UpdatedAt}, {EventResync, hints.ResyncAt},
		{EventDeleted, hints.DeletedAt}, {EventErased, hints.ErasedAt}, {EventRestored, hints.RestoredAt}, {EventMerged, hints.MergedAt},
	}, func(e heardEvent) bool { return e.at.IsZero() })
}
