package intake

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// objectEvent is what we store of one event about a record that triggers may watch.
type objectEvent struct {
	portalID   int64
	objectType bridge.ObjectType
	objectID   string // decimal
	kind       store.ObjectEventKind
	property   string
	occurredAt time.Time
	key        string // the same for every event about one change
	imported   bool   // an import made it
}

func (e objectEvent) stored(connectionID string) store.ObjectEvent {
	return store.ObjectEvent{
		ConnectionID: connectionID,
		ObjectType:   e.objectType,
		ObjectID:     e.objectID,
		Kind:         e.kind,
		Property:     e.property,
		OccurredAt:   e.occurredAt,
		DedupeKey:    e.key,
		Imported:     e.imported,
	}
}

// watched reports whether one of the triggers needs the event. Every trigger of the
// record's type may wait for a new association.
func (e objectEvent) watched(watches []trigger.Watch) bool {
	return slices.ContainsFunc(watches, func(w trigger.Watch) bool {
		if w.Object != e.objectType {
			return false
		}
		return e.kind == store.ObjectRecheck || e.kind == store.ObjectCreated && w.Created || e.property != "" && e.property == w.Property
	})
}

// object reduces an event to what triggers need; ok is false if they need nothing
// of it. Our own writes do not count.
func (p parser) object(wire wireEvent, portalID int64) (e objectEvent, ok bool) {
	objectType, change, known := watchable(wire.subscription())
	if !known || wire.ChangeSource == "INTEGRATION" && p.appID != "" && string(wire.SourceID) == p.appID {
		return objectEvent{}, false
	}
	e = objectEvent{portalID: portalID, objectType: objectType, occurredAt: p.occurredAt(wire.OccurredAt)}
	about := string(wire.ObjectID)
	var other string
	switch change {
	case "creation":
		e.kind = store.ObjectCreated
	case "propertyChange":
		e.kind, e.property = store.ObjectChanged, string(wire.PropertyName)
		if e.property == "" {
			return objectEvent{}, false
		}
	case "associationChange":
		e.kind = store.ObjectRecheck
		if e.objectType, about, other, ok = wire.newContact(objectType); !ok {
			return objectEvent{}, false
		}
	default:
		return objectEvent{}, false
	}
	n, err := strconv.ParseInt(about, 10, 64)
	if err != nil || n <= 0 {
		return objectEvent{}, false
	}
	e.objectID = strconv.FormatInt(n, 10)
	e.key = e.dedupeKey(wire, other)
	// A recheck is no change.
	e.imported = wire.ChangeSource == "IMPORT" && e.kind != store.ObjectRecheck
	return e, true
}

// watchable parses a subscription about a record type that triggers can watch.
func watchable(subscription string) (objectType bridge.ObjectType, change string, known bool) {
	singular, change, _ := strings.Cut(subscription, ".")
	return bridge.ObjectType(singular), change, slices.Contains(bridge.ObjectTypes(), bridge.ObjectType(singular))
}

// newContact returns the deal or company that was associated with a contact, from
// either side: HubSpot sends an event for each direction.
func (w wireEvent) newContact(from bridge.ObjectType) (objectType bridge.ObjectType, id, contact string, ok bool) {
	if w.AssociationRemoved == "true" {
		return "", "", "", false
	}
	to, known := objectTypes[string(w.ToObjectTypeID)]
	if !known {
		_, name, _ := strings.Cut(string(w.AssociationType), "_TO_")
		to = bridge.ObjectType(strings.ToLower(name))
	}
	switch {
	case from != bridge.ObjectContact && to == bridge.ObjectContact:
		return from, string(w.FromObjectID), string(w.ToObjectID), true
	case from == bridge.ObjectContact && (to == bridge.ObjectDeal || to == bridge.ObjectCompany):
		return to, string(w.ToObjectID), string(w.FromObjectID), true
	default:
		return "", "", "", false
	}
}

// dedupeKey identifies the change, as event.dedupeKey does. other is the contact
// that the record was associated with.
func (e objectEvent) dedupeKey(wire wireEvent, other string) string {
	return factKey(e.portalID, string(e.objectType), e.objectID, string(e.kind), e.property, moment(e.occurredAt, wire), other)
}
