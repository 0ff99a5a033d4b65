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
	"advocatesync/internal/lenient"
	"advocatesync/internal/store"
)

// Disposition says what intake did with one event.
type Disposition string

// Dispositions of an event; each counts as exactly one, except a merge, which
// counts once for each contact that it names.
const (
	Accepted      Disposition = "accepted"       // in the inbox, will be relayed
	Duplicate     Disposition = "duplicate"      // was in the inbox before
	Echo          Disposition = "echo"           // the echo of our own creation or change
	Ignored       Disposition = "ignored"        // a change that neither the sync nor a trigger needs
	UnknownType   Disposition = "unknown_type"   // a subscription that nothing here handles
	UnknownPortal Disposition = "unknown_portal" // no connection has that portal
	Malformed     Disposition = "malformed"      // without the ids that make it an event
)

// event is what we keep of one HubSpot event.
type event struct {
	portalID    int64
	contactID   string // decimal
	mergedInto  string // decimal; for a merge: the survivor, unless that is the contact itself
	kind        store.EventKind
	property    string // one of bridge.UpdatingProperties; empty where the kind has none
	occurredAt  time.Time
	key         string // equal for every delivery of the same event
	fromOurself bool
	bulk        bool // one of many
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
		Bulk:         e.bulk,
	}
}

// scalar is a JSON string, number or boolean as text. HubSpot's own examples
// disagree about which of its ids are numbers.
type scalar string

// UnmarshalJSON accepts any scalar; null and containers leave s empty.
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

// UnmarshalJSON accepts an array; anything else leaves s empty.
func (s *scalars) UnmarshalJSON(raw []byte) error {
	if raw[0] != '[' {
		return nil
	}
	return json.Unmarshal(raw, (*[]scalar)(s))
}

// wireEvent lists the fields that we decode. Everything else, above all the
// property's value, is never decoded.
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

// objectIDs returns the contacts that the event is about, each once: one contact,
// or all those of a merge. Which of them objectId holds varies (observed).
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

// survivor returns the survivor of a merge: a new contact since 2025, before that
// the primary one.
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

// split splits the body into its elements without decoding them, so that a bad
// element does not lose the others.
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

// parsed is one event after reduction.
type parsed struct {
	portalID int64
	contacts []event      // one for each contact that it concerns
	object   *objectEvent // nil: nothing that a trigger could watch
	becomes  Disposition  // Accepted or Echo, or why there are no contacts
}

func (p parser) parse(element json.RawMessage) parsed {
	var wire wireEvent
	if err := json.Unmarshal(element, &wire); err != nil {
		return parsed{becomes: Malformed}
	}
	return p.reduce(wire)
}

// reduce reduces an event to what we store.
func (p parser) reduce(wire wireEvent) parsed {
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

// contacts returns the events, one for each contact, with Accepted or Echo, or the
// reason why there is none.
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
	e.bulk = !e.fromOurself && bulk(wire, kind)
	if kind == store.EventUpdated {
		e.property = string(wire.PropertyName)
		if !slices.Contains(bridge.UpdatingProperties(), e.property) {
			return nil, Ignored
		}
	}
	events := make([]event, 0, len(contacts))
	for _, id := range contacts {
		e.contactID, e.mergedInto = id, ""
		if survivor := wire.survivor(); kind == store.EventMerged && id != survivor {
			e.mergedInto = survivor
		}
		e.key = e.dedupeKey(wire)
		events = append(events, e)
	}
	if e.fromOurself {
		return events, Echo
	}
	return events, Accepted
}

// echo reports whether the event is the echo of our own write. Other apps' writes
// carry their own id, so not every INTEGRATION is an echo. We only create and
// change contacts; other kinds of events are never ours, whatever their source
// says.
func (p parser) echo(wire wireEvent, kind store.EventKind) bool {
	ours := kind == store.EventCreated || kind == store.EventUpdated
	return ours && wire.ChangeSource == "INTEGRATION" && p.appID != "" && string(wire.SourceID) == p.appID
}

// byHand lists the sources of changes that somebody makes one at a time and may
// wait for (observed; HubSpot publishes no list). Changes from other sources, such
// as an import, a bulk edit or another app, may come by the thousand.
var byHand = map[scalar]bool{"": true, "CRM_UI": true, "CRM": true, "FORM": true, "USER": true}

// bulk reports whether an event may be one of many that nobody waits for: a creation
// or change that was not made by hand, and any deletion, because it is held anyway.
// Restores, merges and privacy deletions always go to the contact's own workflow.
func bulk(wire wireEvent, kind store.EventKind) bool {
	switch kind {
	case store.EventDeleted:
		return true
	case store.EventCreated, store.EventUpdated:
		return !byHand[wire.ChangeSource]
	default:
		return false
	}
}

// objectTypes maps the type ids of generic subscriptions.
var objectTypes = map[string]bridge.ObjectType{
	"0-1": bridge.ObjectContact, "0-2": bridge.ObjectCompany, "0-3": bridge.ObjectDeal,
}

// subscription returns the event's type; generic subscriptions get the name of the
// classic ones.
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

// kindOf maps a subscription to the inbox's kind. Unlisted ones are accepted and
// counted, because HubSpot would repeat a refused event for a day.
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

// occurredAt reads the event's time. A time that is missing, implausible (such as
// seconds instead of milliseconds) or in the future is replaced by now: zero would
// mean "not heard", and since the latest time of a hint counts, a wrong one would
// hide later ones.
func (p parser) occurredAt(raw scalar) time.Time {
	now := p.now().UTC()
	if at := lenient.ParseMoment(string(raw)); !at.IsZero() && !at.After(now.Add(maxFuture)) {
		return at
	}
	return now
}

// dedupeKey identifies the fact rather than the event: a webhook that is repeated,
// sent once for each kind of subscription, or found in the journal as well, counts
// once.
func (e event) dedupeKey(wire wireEvent) string {
	return factKey(e.portalID, string(bridge.ObjectContact), e.contactID, string(e.kind), e.property, moment(e.occurredAt, wire))
}

// factKey builds the keys for all events from HubSpot, by webhook or journal:
// subject, kind and moment.
func factKey(portalID int64, parts ...string) string {
	sum := sha256.Sum256([]byte(strconv.FormatInt(portalID, 10) + "\n" + strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:16])
}

// moment returns when the fact happened, to the millisecond. Two changes of one
// property in the same millisecond need only one sync. Without a plausible time the
// event's id takes its place; the journal's events have none.
func moment(occurredAt time.Time, wire wireEvent) string {
	ms := strconv.FormatInt(occurredAt.UnixMilli(), 10)
	switch {
	case string(wire.OccurredAt) == ms:
		return ms
	case wire.EventID != "":
		return "event " + string(wire.EventID)
	default:
		return "told " + string(wire.OccurredAt)
	}
}
