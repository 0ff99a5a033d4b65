package store

import (
	"context"
	"time"

	"advocatesync/internal/bridge"
)

// EventKind is what HubSpot says happened to a contact.
type EventKind string

const (
	EventCreated  EventKind = "created"
	EventUpdated  EventKind = "updated"
	EventDeleted  EventKind = "deleted"  // archived, or merged away: HubSpot tells of both alike
	EventErased   EventKind = "erased"   // deleted for privacy
	EventRestored EventKind = "restored" // taken out of the recycle bin
	EventMerged   EventKind = "merged"   // took part in a merge, as the survivor or not
	EventResync   EventKind = "resync"   // an operator asked; not from HubSpot
)

// Event is one event about a contact, without any value.
type Event struct {
	ConnectionID string
	ContactID    string
	Kind         EventKind
	MergedInto   string // with EventMerged: the survivor; empty if the contact is the survivor, or HubSpot does not say
	Property     string // the property that changed; empty where none did
	OccurredAt   time.Time
	DedupeKey    string // the same for every delivery of one event; unique within a connection
	Echo         bool   // our own write coming back: recorded, never relayed
}

func (e Event) hints() bridge.Hints {
	switch e.Kind {
	case EventCreated:
		return bridge.Hints{CreatedAt: e.OccurredAt}
	case EventDeleted:
		return bridge.Hints{DeletedAt: e.OccurredAt}
	case EventErased:
		return bridge.Hints{ErasedAt: e.OccurredAt}
	case EventRestored:
		return bridge.Hints{RestoredAt: e.OccurredAt}
	case EventMerged:
		return bridge.Hints{MergedAt: e.OccurredAt}
	case EventResync:
		return bridge.Hints{ResyncAt: e.OccurredAt}
	default: // EventUpdated
		return bridge.Hints{UpdatedAt: e.OccurredAt}
	}
}

// Two deliveries of one batch may arrive at once. Inserting in the order of the
// unique key lets the second wait for the first instead of deadlocking with it.
const insertEvents = `
WITH merged AS (
     INSERT INTO merged_contact (connection_id, contact_id, heir_id)
     SELECT DISTINCT ON (e.connection_id, e.contact_id) e.connection_id, e.contact_id, e.heir_id
       FROM unnest($1::text[], $2::text[], $8::text[]) AS e (connection_id, contact_id, heir_id)
      WHERE e.heir_id <> ''
      ORDER BY e.connection_id, e.contact_id
     ON CONFLICT (connection_id, contact_id) DO NOTHING)
INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo, relayed_at)
SELECT e.connection_id, e.contact_id, e.kind, e.property, e.occurred_at, e.dedupe_key, e.echo, CASE WHEN e.echo THEN now() END
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::boolean[])
    AS e (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo)
 ORDER BY e.connection_id, e.dedupe_key
ON CONFLICT (connection_id, dedupe_key) DO NOTHING`

// AppendEvents makes events durable, all or none, and who was merged into whom
// with them. It returns how many were not known yet. A duplicate is success.
func (s *Store) AppendEvents(ctx context.Context, events []Event) (int, error) {
	var (
		n           = len(events)
		connections = make([]string, n)
		contacts    = make([]string, n)
		kinds       = make([]string, n)
		properties  = make([]string, n)
		occurred    = make([]time.Time, n)
		keys        = make([]string, n)
		echoes      = make([]bool, n)
		survivors   = make([]string, n)
	)
	for i, e := range events {
		connections[i], contacts[i], kinds[i], properties[i] = e.ConnectionID, e.ContactID, string(e.Kind), e.Property
		occurred[i], keys[i], echoes[i] = e.OccurredAt, e.DedupeKey, e.Echo
		survivors[i] = e.MergedInto
	}
	tag, err := s.pool.Exec(ctx, insertEvents, connections, contacts, kinds, properties, occurred, keys, echoes, survivors)
	return int(tag.RowsAffected()), wrap(err, "append_events")
}

// PurgeInbox deletes the events that were relayed before a time. From then on a
// duplicate of them counts as new.
func (s *Store) PurgeInbox(ctx context.Context, olderThan time.Time) (int64, error) {
	return s.purgeInbox(ctx, contactInbox, olderThan)
}

func (s *Store) purgeInbox(ctx context.Context, from inbox, olderThan time.Time) (int64, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM "+from.table+" WHERE relayed_at < $1", olderThan)
	return tag.RowsAffected(), wrap(err, "purge_%s", from.table)
}

// InboxLag returns how long the oldest event has been waiting for its relay; 0
// means that none is waiting. Events of a suspended connection do not count, nor
// requests that are not due yet.
func (s *Store) InboxLag(ctx context.Context) (time.Duration, error) {
	return s.inboxLag(ctx, contactInbox)
}

func (s *Store) inboxLag(ctx context.Context, of inbox) (time.Duration, error) {
	var lag time.Duration
	err := s.pool.QueryRow(ctx, `
SELECT greatest(coalesce(clock_timestamp() - min(i.received_at), interval '0'), interval '0')
  FROM connection c JOIN `+of.table+` i ON i.connection_id = c.id
 WHERE i.relayed_at IS NULL AND`+mayWork).Scan(&lag)
	return lag, wrap(err, "%s_lag", of.table)
}
