package intake

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// journalRow is one event of a file (HubSpot docs: webhooks journal).
type journalRow struct {
	portalID   int64
	objectID   string // decimal
	typeID     string // "0-1"
	change     string // as subscriptions of webhooks name it: "creation"
	occurredAt scalar // milliseconds since 1970; empty: missing
	exact      bool   // exact to the millisecond, as in webhooks
	changed    changes
	untold     bool // its changes cannot be read
}

// changeNamed maps the journal's actions to the names that webhooks have.
var changeNamed = map[string]string{
	"CREATE": "creation", "UPDATE": changedProperty, "DELETE": "deletion", "RESTORE": "restore", "MERGE": "merge", "GDPR_DELETE": "privacyDeletion",
}

const changedProperty = "propertyChange"

// readRow returns why a row is left out, or nothing.
func readRow(raw json.RawMessage) (journalRow, Disposition) {
	var wire struct {
		PortalID        scalar  `json:"portalId"`
		OccurredAt      scalar  `json:"occurredAt"` // ISO 8601
		Action          scalar  `json:"action"`
		ObjectTypeID    scalar  `json:"objectTypeId"`
		ObjectID        scalar  `json:"objectId"`
		PropertyChanges changes `json:"propertyChanges"`
	}
	if json.Unmarshal(raw, &wire) != nil {
		return journalRow{}, Malformed
	}
	portalID, badPortal := strconv.ParseInt(string(wire.PortalID), 10, 64)
	row := journalRow{
		portalID: portalID, objectID: wire.ObjectID.objectID(), typeID: string(wire.ObjectTypeID),
		change: changeNamed[strings.ToUpper(string(wire.Action))], occurredAt: milliseconds(wire.OccurredAt), changed: wire.PropertyChanges,
	}
	row.exact = row.occurredAt == wire.OccurredAt || strings.Contains(string(wire.OccurredAt), ".")
	of, known := objectTypes[row.typeID]
	row.untold = row.change == changedProperty && len(row.changed) == 0
	switch {
	case badPortal != nil || row.typeID == "" || wire.Action == "":
		return journalRow{}, Malformed
	case row.change == "" || !known:
		return journalRow{}, UnknownType
	case row.objectID == "" || row.occurredAt == "", row.untold && of != bridge.ObjectContact:
		return journalRow{}, Malformed // without a time it would count as often as it is read
	}
	return row, ""
}

// milliseconds converts a time to the form of webhooks.
func milliseconds(text scalar) scalar {
	if at, err := time.Parse(time.RFC3339, string(text)); err == nil {
		return scalar(strconv.FormatInt(at.UnixMilli(), 10))
	}
	if _, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return text
	}
	return ""
}

// events returns the events that webhooks send about the same. Webhooks send one
// for each property that has changed or was set at the creation.
func (r journalRow) events() []wireEvent {
	wire := wireEvent{
		PortalID: scalar(strconv.FormatInt(r.portalID, 10)), OccurredAt: r.occurredAt,
		SubscriptionType: scalar("object." + r.change), ObjectTypeID: scalar(r.typeID), ObjectID: scalar(r.objectID),
	}
	var events []wireEvent
	if r.change != changedProperty {
		events = append(events, wire)
	}
	wire.SubscriptionType = "object." + changedProperty
	if r.untold { // it is one that we subscribed to, and the contact is read in any case
		wire.PropertyName = bridge.PropEmail
		events = append(events, wire)
	}
	for name := range r.changed {
		wire.PropertyName = scalar(name)
		events = append(events, wire)
	}
	return events
}

// mayBeOurs reports whether our own writes cause such events: we create contacts,
// and of the updating properties we write the two ids.
func (r journalRow) mayBeOurs() bool {
	if objectTypes[r.typeID] != bridge.ObjectContact {
		return false
	}
	if r.change != changedProperty || r.untold {
		return r.change == "creation" || r.untold
	}
	for _, name := range bridge.UpdatingProperties() {
		if _, is := r.changed[name]; is && name != bridge.PropUserID && name != bridge.PropAccountID {
			return false
		}
	}
	return r.changed.has(bridge.PropUserID) || r.changed.has(bridge.PropAccountID)
}

// ours reports whether an event that our own writes may cause brings no news: the
// creation of a contact that has or had a participant; ids that are those of its
// participant, or were at the time; ids removed from a contact that has no participant.
func (r journalRow) ours(held []store.HeldParticipant) bool {
	mapped := slices.ContainsFunc(held, func(h store.HeldParticipant) bool { return h.EndedAt.IsZero() })
	switch {
	case r.change == "creation":
		return len(held) > 0
	case r.untold:
		return len(held) > 0 && !mapped // we may have removed the ids; a mapped contact is only compared
	case !mapped && r.tells(bridge.Identity{}):
		return true
	}
	return slices.ContainsFunc(held, func(h store.HeldParticipant) bool {
		return (h.EndedAt.IsZero() || r.before(h.EndedAt)) && r.tells(h.Identity)
	})
}

// before reports whether the event happened before a time.
func (r journalRow) before(at time.Time) bool {
	ms, err := strconv.ParseInt(string(r.occurredAt), 10, 64)
	return err == nil && ms < at.UnixMilli()
}

// tells reports whether the ids in the event are those of a participant; false if the
// event does not show them.
func (r journalRow) tells(id bridge.Identity) bool {
	for name, want := range map[string]string{bridge.PropUserID: id.UserID, bridge.PropAccountID: id.AccountID} {
		value, changed := r.changed[name]
		if changed && (value == nil && want != "" || value != nil && *value != want) {
			return false
		}
	}
	return true
}

// changes are the properties that an event changed. The form is not documented: an
// object by name, a list of names, or a list of objects with a name. Only the values
// of the two ids are read, and none is stored; nil is a value that is not shown.
type changes map[string]*string

func (c changes) has(name string) bool { _, is := c[name]; return is }

// UnmarshalJSON never fails: an unknown form names no property.
func (c *changes) UnmarshalJSON(raw []byte) error {
	*c = changes{}
	var byName map[string]json.RawMessage
	if json.Unmarshal(raw, &byName) == nil {
		for name, value := range byName {
			c.add(name, value)
		}
		return nil
	}
	var list []json.RawMessage
	_ = json.Unmarshal(raw, &list) // anything else is empty
	for _, element := range list {
		var named struct {
			Name         scalar          `json:"name"`
			PropertyName scalar          `json:"propertyName"`
			Value        json.RawMessage `json:"value"`
		}
		var name scalar
		if json.Unmarshal(element, &named) == nil {
			c.add(string(named.Name), named.Value)
			c.add(string(named.PropertyName), named.Value)
		} else if json.Unmarshal(element, &name) == nil {
			c.add(string(name), nil)
		}
	}
	return nil
}

func (c *changes) add(name string, value json.RawMessage) {
	if name == "" {
		return
	}
	(*c)[name] = nil
	if !slices.Contains([]string{bridge.PropUserID, bridge.PropAccountID}, name) {
		return
	}
	var text *string
	if json.Unmarshal(value, &text) != nil {
		return // another form: not shown
	}
	if text == nil && string(value) == "null" {
		text = new(string)
	}
	(*c)[name] = text
}
