package intake

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// Disposition says what became of one event.
type Disposition string

// Dispositions of an event; each counts as exactly one, except a merge, which
// counts once for each contact that it names.
const (
	Accepted      Disposition = "accepted"       // in the inbox, will be relayed
	Duplicate     Disposition = "duplicate"      // was in the inbox before
	Echo          Disposition = "echo"           // our own creation or change coming back
	Ignored       Disposition = "ignored"        // a change that is none of our business, nor any trigger's
	UnknownType   Disposition = "unknown_type"   // a subscription that nothing here handles
	UnknownPortal Disposition = "unknown_portal" // no connection has that portal
	Malformed     Disposition = "malformed"      // without the ids that make it an event
)

// event is what we keep of one HubSpot event.
type event struct {
	portalID    int64
	contactID   string // decimal
	mergedInto  string // decimal; of a merge: the survivor, unless that is the contact itself
	kind        store.EventKind
	property    string // one of bridge.UpdateTriggers; empty where the kind has none
	occurredAt  time.Time
	key         string // equal for every delivery of the same event
	fromOurself bool
}

func (e event) stored(connectionID string) store.Event {
	return store.Event{
		ConnectionID: connectionID,
		ContactID:    e.contactID,
		Kind:         e.kind,
		MergedInto:   e.mergedInto,
		Property:     e.property,
		OccurredAt:   e.occurredAt,
		DedupeKey:    e.key,
		Echo:         e.fromOurself,
	}
}

// scalar is a JSON string, number or boolean as text. HubSpot's own examples
// disagree about which of its ids are numbers.
type scalar string

// UnmarshalJSON takes any scalar; null and containers leave s empty.
func (s *scalar) UnmarshalJSON(raw []byte) error {
	switch raw[0] {
	case '"':
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
		*s = scalar(text)
	case 'n', '{', '[':
		*s = ""
	default:
		*s = scalar(raw)
	}
	return nil
}

// scalars is a JSON array of scalars. Anything else leaves it empty.
type scalars []scalar

// UnmarshalJSON takes an array; what is none is left out.
func (s *scalars) UnmarshalJSON(raw []byte) error {
	if raw[0] != '[' {
		return nil
	}
	return json.Unmarshal(raw, (*[]scalar)(s))
}

// wireEvent lists the fields that we look at; whatever else an event has, its
// property's value first of all, is never decoded.
type wireEvent struct {
	EventID          scalar `json:"eventId"`
	PortalID         scalar `json:"portalId"`
	OccurredAt       scalar `json:"occurredAt"` // milliseconds since 1970
	SubscriptionType scalar `json:"subscriptionType"`
	EventType        scalar `json:"eventType"` // its name in HubSpot's tables and old payloads
	ObjectTypeID     scalar `json:"objectTypeId"`
	ObjectID         scalar `json:"objectId"`
	PropertyName     scalar `json:"propertyName"`
	ChangeSource     scalar `json:"changeSource"`
	SourceID         scalar `json:"sourceId"`

	NewObjectID     scalar  `json:"newObjectId"` // of a merge: the survivor
	PrimaryObjectID scalar  `json:"primaryObjectId"`
	MergedObjectIDs scalars `json:"mergedObjectIds"`

	AssociationType    scalar `json:"associationType"` // of an association: "DEAL_TO_CONTACT"
	AssociationRemoved scalar `json:"associationRemoved"`
	FromObjectID       scalar `json:"fromObjectId"`
	ToObjectID         scalar `json:"toObjectId"`
	FromObjectTypeID   scalar `json:"fromObjectTypeId"` // of generic subscriptions
	ToObjectTypeID     scalar `json:"toObjectTypeId"`
}

// objectIDs names whom the event is about, each once: one contact, or all that
// a merge names. What objectId holds of those varies (observed).
func (w wireEvent) objectIDs(kind store.EventKind) []string {
	named := scalars{w.ObjectID}
	if kind == store.EventMerged {
		named = append(named, w.NewObjectID, w.PrimaryObjectID)
		named = append(named, w.MergedObjectIDs...)
	}
	var ids []string
	for _, name := range named {
		if id := name.objectID(); id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// survivor names the contact that lives on after a merge: a third one since 2025,
// before that the primary one.
func (w wireEvent) survivor() string {
	return cmp.Or(w.NewObjectID.objectID(), w.PrimaryObjectID.objectID())
}

// objectID is the scalar as a decimal id; empty if it is none.
func (s scalar) objectID() string {
	n, err := strconv.ParseInt(string(s), 10, 64)
	if err != nil || n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

var errNotAnArray = errors.New("the body must be a JSON array of events")

// split takes the body apart without looking into its elements, so that one
// bad element cannot lose the others.
func split(body []byte) ([]json.RawMessage, error) {
	var elements []json.RawMessage
	// "null" would decode, too.
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		return nil, errNotAnArray
	}
	if err := json.Unmarshal(body, &elements); err != nil {
		return nil, errNotAnArray
	}
	return elements, nil
}

// parser reduces HubSpot's events to ours.
type parser struct {
	appID string // ours, as sourceId shows it
	now   func() time.Time
}

// parsed is what one event comes to.
type parsed struct {
	portalID int64
	contacts []event      // one for each contact whose life it concerns
	object   *objectEvent // nil: nothing that a trigger could watch
	becomes  Disposition  // Accepted or Echo, or why there are no contacts
}

func (p parser) parse(element json.RawMessage) parsed {
	var wire wireEvent
	if err := json.Unmarshal(element, &wire); err != nil {
		return parsed{becomes: Malformed}
	}
	portalID, badPortal := strconv.ParseInt(string(wire.PortalID), 10, 64)
	if badPortal != nil || wire.subscription() == "" {
		return parsed{becomes: Malformed}
	}
	out := parsed{portalID: portalID}
	out.contacts, out.becomes = p.contacts(wire, portalID)
	if object, ok := p.object(wire, portalID); ok {
		out.object = &object
	}
	return out
}

// contacts returns the events, one for each contact, and Accepted or Echo, or
// why there is none.
func (p parser) contacts(wire wireEvent, portalID int64) ([]event, Disposition) {
	name := wire.subscription()
	kind, known := kindOf(name)
	if !known {
		return nil, UnknownType
	}
	contacts := wire.objectIDs(kind)
	if len(contacts) == 0 {
		return nil, Malformed
	}
	e := event{portalID: portalID, kind: kind, occurredAt: p.occurredAt(wire.OccurredAt), fromOurself: p.echo(wire, kind)}
	if kind == store.EventUpdated {
		e.property = string(wire.PropertyName)
		if !slices.Contains(bridge.UpdateTriggers(), e.property) {
			return nil, Ignored
		}
	}
	events := make([]event, 0, len(contacts))
	for _, id := range contacts {
		e.contactID, e.mergedInto = id, ""
		if survivor := wire.survivor(); kind == store.EventMerged && id != survivor {
			e.mergedInto = survivor
		}
		e.key = e.dedupeKey(name, wire.EventID)
		events = append(events, e)
	}
	if e.fromOurself {
		return events, Echo
	}
	return events, Accepted
}

// echo tells our own write. Other apps' writes carry their own id: dropping
// every INTEGRATION would drop them, too. We make and change contacts; no other
// kind of event is ever ours, whatever it says of its source.
func (p parser) echo(wire wireEvent, kind store.EventKind) bool {
	ours := kind == store.EventCreated || kind == store.EventUpdated
	return ours && wire.ChangeSource == "INTEGRATION" && p.appID != "" && string(wire.SourceID) == p.appID
}

// objectTypes are the types under which generic subscriptions name records.
var objectTypes = map[string]bridge.ObjectType{
	"0-1": bridge.ObjectContact, "0-2": bridge.ObjectCompany, "0-3": bridge.ObjectDeal,
}

// subscription is the event's type, with generic subscriptions under the name
// that classic ones have.
func (w wireEvent) subscription() string {
	name := string(w.SubscriptionType)
	if name == "" {
		name = string(w.EventType)
	}
	change, generic := strings.CutPrefix(name, "object.")
	typeID := w.ObjectTypeID
	if typeID == "" {
		typeID = w.FromObjectTypeID
	}
	if objectType, known := objectTypes[string(typeID)]; generic && known {
		return string(objectType) + "." + change
	}
	return name
}

// kindOf maps a subscription to the inbox's kind. What is not listed is
// accepted and counted: HubSpot would repeat a refused event for a day.
func kindOf(subscription string) (kind store.EventKind, known bool) {
	switch subscription {
	case "contact.creation":
		return store.EventCreated, true
	case "contact.propertyChange":
		return store.EventUpdated, true
	case "contact.deletion":
		return store.EventDeleted, true
	case "contact.privacyDeletion":
		return store.EventErased, true
	case "contact.restore":
		return store.EventRestored, true
	case "contact.merge":
		return store.EventMerged, true
	default:
		return "", false
	}
}

// occurredAt reads the event's time. One that is missing or lies in the future
// is replaced by now: zero would say "nothing heard", and the latest of a
// contact's hints counts, so a wrong one must not stay on top.
func (p parser) occurredAt(raw scalar) time.Time {
	now := p.now().UTC()
	ms, err := strconv.ParseInt(string(raw), 10, 64)
	if at := time.UnixMilli(ms).UTC(); err == nil && ms > 0 && !at.After(now.Add(maxFuture)) {
		return at
	}
	return now
}

// dedupeKey names the event over all its deliveries. Event ids alone are not
// unique (HubSpot docs: webhooks), and the attempt number differs by delivery.
func (e event) dedupeKey(subscription string, eventID scalar) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		strconv.FormatInt(e.portalID, 10), subscription, e.contactID,
		strconv.FormatInt(e.occurredAt.UnixMilli(), 10), e.property, string(eventID),
	}, "\n")))
	return hex.EncodeToString(sum[:16])
}
