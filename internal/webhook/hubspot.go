package webhook

import (
	"bytes"
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

// Dispositions of an event; each counts as exactly one.
const (
	Accepted      Disposition = "accepted"       // in the inbox, will be relayed
	Duplicate     Disposition = "duplicate"      // was in the inbox before
	Echo          Disposition = "echo"           // our own write coming back
	Ignored       Disposition = "ignored"        // a property that is none of our business
	UnknownType   Disposition = "unknown_type"   // a subscription that nothing here handles
	UnknownPortal Disposition = "unknown_portal" // no connection has that portal
	Malformed     Disposition = "malformed"      // without the ids that make it an event
)

// event is what we keep of one HubSpot event.
type event struct {
	portalID    int64
	contactID   string // decimal
	kind        store.EventKind
	property    string // one of bridge.UpdateTriggers; empty where the kind has none
	occurredAt  time.Time
	key         string // equal for every delivery of the same event
	fromOurself bool
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

// parse returns the event and Accepted or Echo, or why there is none.
func (p parser) parse(element json.RawMessage) (event, Disposition) {
	var wire wireEvent
	if err := json.Unmarshal(element, &wire); err != nil {
		return event{}, Malformed
	}
	name := wire.subscription()
	portalID, badPortal := strconv.ParseInt(string(wire.PortalID), 10, 64)
	if badPortal != nil || name == "" {
		return event{}, Malformed
	}
	kind, known := kindOf(name)
	if !known {
		return event{}, UnknownType
	}
	objectID, err := strconv.ParseInt(string(wire.ObjectID), 10, 64)
	if err != nil || objectID <= 0 {
		return event{}, Malformed
	}
	e := event{
		portalID:   portalID,
		contactID:  strconv.FormatInt(objectID, 10),
		kind:       kind,
		occurredAt: p.occurredAt(wire.OccurredAt),
		// Other apps' writes carry their own id: dropping every INTEGRATION
		// would drop them, too.
		fromOurself: wire.ChangeSource == "INTEGRATION" && p.appID != "" && string(wire.SourceID) == p.appID,
	}
	if kind == store.EventUpdated {
		e.property = string(wire.PropertyName)
		if !slices.Contains(bridge.UpdateTriggers(), e.property) {
			return event{}, Ignored
		}
	}
	e.key = e.dedupeKey(name, wire.EventID)
	if e.fromOurself {
		return e, Echo
	}
	return e, Accepted
}

// contacts is the object type id under which generic subscriptions name contacts.
const contacts = "0-1"

// subscription is the event's type, with generic subscriptions to contacts
// under the name that classic ones have.
func (w wireEvent) subscription() string {
	name := string(w.SubscriptionType)
	if name == "" {
		name = string(w.EventType)
	}
	if change, generic := strings.CutPrefix(name, "object."); generic && w.ObjectTypeID == contacts {
		return "contact." + change
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
