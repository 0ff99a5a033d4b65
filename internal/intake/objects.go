package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// objectEvent is what we keep of one event about a record that triggers may
// watch.
type objectEvent struct {
	portalID   int64
	objectType bridge.ObjectType
	objectID   string // decimal
	kind       store.ObjectEventKind
	property   string
	occurredAt time.Time
	key        string // equal for everything that tells of the same change
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
	}
}

// watched tells whether one of the triggers needs the event. A new association
// may be what any trigger of the record's type waits for.
func (e objectEvent) watched(watches []trigger.Watch) bool {
	return slices.ContainsFunc(watches, func(w trigger.Watch) bool {
		if w.Object != e.objectType {
			return false
		}
		return e.kind == store.ObjectRecheck || e.kind == store.ObjectCreated && w.Created || e.property != "" && e.property == w.Property
	})
}

// object reduces an event to what triggers look at; ok is false where they look
// at nothing of it. Our own writes are no events of the portal's people.
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
	return e, true
}

// watchable takes a subscription apart that concerns a type of record which
// triggers can watch.
func watchable(subscription string) (objectType bridge.ObjectType, change string, known bool) {
	singular, change, _ := strings.Cut(subscription, ".")
	return bridge.ObjectType(singular), change, slices.Contains(bridge.ObjectTypes(), bridge.ObjectType(singular))
}

// newContact tells which deal or company was associated with a contact, from
// either side: HubSpot tells of each direction separately.
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

// dedupeKey names the change itself, not the event that tells of it: HubSpot
// may tell of one change twice, under different event ids and once for each
// kind of subscription. Two changes of one property in the same millisecond
// are the same to whoever looks at the record afterwards. Only where no time
// is told, the event's id has to do.
func (e objectEvent) dedupeKey(wire wireEvent, other string) string {
	moment := strconv.FormatInt(e.occurredAt.UnixMilli(), 10)
	if string(wire.OccurredAt) != moment {
		moment = "event " + string(wire.EventID)
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{
		strconv.FormatInt(e.portalID, 10), string(e.objectType), e.objectID, string(e.kind), e.property, moment, other,
	}, "\n")))
	return hex.EncodeToString(sum[:16])
}
