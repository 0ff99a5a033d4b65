package store

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/jackc/pgx/v5"

	"advocatesync/internal/bridge"
)

// ObjectEventKind is what happened to a record that triggers watch.
type ObjectEventKind string

// Kinds of events.
const (
	ObjectCreated ObjectEventKind = "created"
	ObjectChanged ObjectEventKind = "changed" // one property
	ObjectRecheck ObjectEventKind = "recheck" // something arrived that the record may have waited for
)

// ObjectEvent is one event about a record, without any value.
type ObjectEvent struct {
	ConnectionID string
	ObjectType   bridge.ObjectType
	ObjectID     string
	Kind         ObjectEventKind
	Property     string // ObjectChanged only
	OccurredAt   time.Time
	DedupeKey    string // the same for every delivery of one change, unique within a connection
	Imported     bool   // an import made it
}

func (e ObjectEvent) hints() bridge.ObjectHints {
	var hints bridge.ObjectHints
	switch e.Kind {
	case ObjectCreated:
		hints.CreatedAt = e.OccurredAt
	case ObjectChanged:
		hints.Changed = map[string]time.Time{e.Property: e.OccurredAt}
	default: // ObjectRecheck
		hints.RecheckAt = e.OccurredAt
	}
	if e.Imported {
		hints.Imported = map[string]time.Time{e.Property: e.OccurredAt}
	}
	return hints
}

// ObjectHints are the hints about one record, folded from its events.
type ObjectHints struct {
	ConnectionID string
	ObjectType   bridge.ObjectType
	ObjectID     string
	Hints        bridge.ObjectHints
}

// In the order of the unique key, as for contacts. The journal does not say that an
// import made a change, but a webhook that arrives later does. One request may
// contain a change twice, and a statement may update a row only once.
const insertObjectEvents = `
INSERT INTO object_inbox (connection_id, object_type, object_id, kind, property, occurred_at, dedupe_key, imported)
SELECT e.connection_id, min(e.object_type), min(e.object_id), min(e.kind), min(e.property), min(e.occurred_at), e.dedupe_key, bool_or(e.imported)
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[], $8::boolean[])
    AS e (connection_id, object_type, object_id, kind, property, occurred_at, dedupe_key, imported)
 GROUP BY e.connection_id, e.dedupe_key
 ORDER BY e.connection_id, e.dedupe_key
ON CONFLICT (connection_id, dedupe_key) DO UPDATE SET imported = true
 WHERE excluded.imported AND NOT object_inbox.imported AND object_inbox.relayed_at IS NULL`

// AppendObjectEvents stores events, all or none, and returns how many were new. A
// duplicate is no error.
func (s *Store) AppendObjectEvents(ctx context.Context, events []ObjectEvent) (int, error) {
	var (
		n           = len(events)
		connections = make([]string, n)
		types       = make([]string, n)
		ids         = make([]string, n)
		kinds       = make([]string, n)
		properties  = make([]string, n)
		occurred    = make([]time.Time, n)
		keys        = make([]string, n)
		imported    = make([]bool, n)
	)
	for i, e := range events {
		connections[i], types[i], ids[i], kinds[i] = e.ConnectionID, string(e.ObjectType), e.ObjectID, string(e.Kind)
		properties[i], occurred[i], keys[i], imported[i] = e.Property, e.OccurredAt, e.DedupeKey, e.Imported
	}
	tag, err := s.pool.Exec(ctx, insertObjectEvents, connections, types, ids, kinds, properties, occurred, keys, imported)
	return int(tag.RowsAffected()), wrap(err, "append_object_events")
}

// RelayObjects is RelayHints for the records that triggers watch.
func (s *Store) RelayObjects(ctx context.Context, limit int, send func(ctx context.Context, batch []ObjectHints) []error) (relayed int, err error) {
	return relayInbox(ctx, s, objectInbox, limit, foldObjects, send)
}

const objectColumns = "e.id, e.connection_id, e.object_type, e.object_id, e.kind, e.property, e.occurred_at, e.imported"

func foldObjects(rows pgx.Rows) (batch []ObjectHints, ids [][]int64, err error) {
	type key struct{ connection, objectType, id string }
	var (
		index = map[key]int{}
		id    int64
		e     ObjectEvent
	)
	_, err = pgx.ForEachRow(rows, []any{&id, &e.ConnectionID, &e.ObjectType, &e.ObjectID, &e.Kind, &e.Property, &e.OccurredAt, &e.Imported}, func() error {
		k := key{e.ConnectionID, string(e.ObjectType), e.ObjectID}
		i, seen := index[k]
		if !seen {
			i = len(batch)
			index[k] = i
			batch = append(batch, ObjectHints{ConnectionID: e.ConnectionID, ObjectType: e.ObjectType, ObjectID: e.ObjectID})
			ids = append(ids, nil)
		}
		batch[i].Hints = batch[i].Hints.Merge(e.hints())
		ids[i] = append(ids[i], id)
		return nil
	})
	return batch, ids, err
}

// ObjectHintEvents returns events that fold into the given hints. Each counts as
// new.
func ObjectHintEvents(connectionID string, t bridge.ObjectType, objectID string, hints bridge.ObjectHints) []ObjectEvent {
	var events []ObjectEvent
	add := func(kind ObjectEventKind, property string, at time.Time) {
		if !at.IsZero() {
			events = append(events, ObjectEvent{
				ConnectionID: connectionID, ObjectType: t, ObjectID: objectID, Kind: kind, Property: property, OccurredAt: at,
				DedupeKey: "again/" + rand.Text(), Imported: kind != ObjectRecheck && hints.ByImport(property, at),
			})
		}
	}
	add(ObjectCreated, "", hints.CreatedAt)
	add(ObjectRecheck, "", hints.RecheckAt)
	for property, at := range hints.Changed {
		add(ObjectChanged, property, at)
	}
	return events
}

// PurgeObjectInbox deletes the events that were relayed before a time. From
// then on a duplicate of them counts as new.
func (s *Store) PurgeObjectInbox(ctx context.Context, olderThan time.Time) (int64, error) {
	return s.purgeInbox(ctx, objectInbox, olderThan)
}

// ObjectInboxLag returns how long the oldest event has waited for the relay; 0 if
// none waits.
func (s *Store) ObjectInboxLag(ctx context.Context) (time.Duration, error) {
	return s.inboxLag(ctx, objectInbox)
}
