package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// EventKind is what HubSpot says happened to a contact.
type EventKind string

const (
	EventCreated  EventKind = "created"
	EventUpdated  EventKind = "updated"
	EventDeleted  EventKind = "deleted"  // archived or merged away: HubSpot reports both as a deletion
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
	MergedInto   string // with EventMerged: the survivor; empty if the contact is the survivor, or the survivor is unknown
	Property     string // the property that changed; empty where none did
	OccurredAt   time.Time
	DedupeKey    string // the same for every delivery of one event, unique within a connection
	Echo         bool   // our own write coming back: recorded, never relayed
	Bulk         bool   // one of many, such as an import's: nobody waits for it
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
// unique key makes the second wait for the first instead of deadlocking.
const insertEvents = `
WITH merged AS (
     INSERT INTO merged_contact (connection_id, contact_id, heir_id)
     SELECT DISTINCT ON (e.connection_id, e.contact_id) e.connection_id, e.contact_id, e.heir_id
       FROM unnest($1::text[], $2::text[], $8::text[]) AS e (connection_id, contact_id, heir_id)
      WHERE e.heir_id <> ''
      ORDER BY e.connection_id, e.contact_id
     ON CONFLICT (connection_id, contact_id) DO NOTHING)
INSERT INTO inbox (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo, bulk, relayed_at)
SELECT e.connection_id, e.contact_id, e.kind, e.property, e.occurred_at, e.dedupe_key, e.echo, e.bulk, CASE WHEN e.echo THEN now() END
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::boolean[], $9::boolean[])
    AS e (connection_id, contact_id, kind, property, occurred_at, dedupe_key, echo, bulk)
 ORDER BY e.connection_id, e.dedupe_key
ON CONFLICT (connection_id, dedupe_key) DO NOTHING`

// AppendEvents stores events, and the merges among them, all or none. It returns
// how many were new. A duplicate is no error.
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
		bulk        = make([]bool, n)
		survivors   = make([]string, n)
	)
	for i, e := range events {
		connections[i], contacts[i], kinds[i], properties[i] = e.ConnectionID, e.ContactID, string(e.Kind), e.Property
		occurred[i], keys[i], echoes[i] = e.OccurredAt, e.DedupeKey, e.Echo
		survivors[i], bulk[i] = e.MergedInto, e.Bulk
	}
	args := []any{connections, contacts, kinds, properties, occurred, keys, echoes, survivors, bulk}
	if erased := erasedContacts(events); len(erased) > 0 {
		n, err := s.appendErasures(ctx, erased, args)
		return n, wrap(err, "append_events")
	}
	tag, err := s.pool.Exec(ctx, insertEvents, args...)
	return int(tag.RowsAffected()), wrap(err, "append_events")
}

// erasedContacts returns the contacts whose privacy deletion is among the events,
// by connection.
func erasedContacts(events []Event) map[string][]string {
	erased := map[string][]string{}
	for _, e := range events {
		if e.Kind == EventErased {
			erased[e.ConnectionID] = append(erased[e.ConnectionID], e.ContactID)
		}
	}
	return erased
}

// appendErasures stores events and, in the same transaction, blocks the people
// whose privacy deletion is among them.
func (s *Store) appendErasures(ctx context.Context, erased map[string][]string, args []any) (n int, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, insertEvents, args...)
		if err != nil {
			return err
		}
		n = int(tag.RowsAffected())
		for _, connectionID := range slices.Sorted(maps.Keys(erased)) {
			if err := s.blockErasures(ctx, tx, connectionID, erased[connectionID]); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
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

// InboxLag returns how long the oldest event has waited for the relay; 0 if none
// waits. Events of a suspended connection do not count, nor do requests that are
// not due yet.
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
