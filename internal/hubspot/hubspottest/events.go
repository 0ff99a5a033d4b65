package hubspottest

import "strings"

// Event is one webhook event as it stands in the array HubSpot posts. Field
// sets differ by type (HubSpot docs: webhooks, payload; names as captured live).
type Event struct {
	EventID          int64  `json:"eventId"`
	SubscriptionID   int64  `json:"subscriptionId"`
	PortalID         int64  `json:"portalId"`
	AppID            int64  `json:"appId"`
	OccurredAt       int64  `json:"occurredAt"` // ms since the epoch
	SubscriptionType string `json:"subscriptionType"`
	AttemptNumber    int    `json:"attemptNumber"`
	ObjectID         int64  `json:"objectId,omitempty"`
	ObjectTypeID     string `json:"objectTypeId,omitempty"` // object.* only
	ChangeFlag       string `json:"changeFlag,omitempty"`
	ChangeSource     string `json:"changeSource,omitempty"`
	SourceID         string `json:"sourceId,omitempty"`

	PropertyName  string  `json:"propertyName,omitempty"`
	PropertyValue *string `json:"propertyValue,omitempty"`
	IsSensitive   *bool   `json:"isSensitive,omitempty"` // object.propertyChange only

	PrimaryObjectID         int64   `json:"primaryObjectId,omitempty"`
	MergedObjectIDs         []int64 `json:"mergedObjectIds,omitempty"`
	NewObjectID             int64   `json:"newObjectId,omitempty"`
	NumberOfPropertiesMoved *int    `json:"numberOfPropertiesMoved,omitempty"`

	AssociationType      string `json:"associationType,omitempty"`
	FromObjectID         int64  `json:"fromObjectId,omitempty"`
	ToObjectID           int64  `json:"toObjectId,omitempty"`
	AssociationRemoved   *bool  `json:"associationRemoved,omitempty"`
	IsPrimaryAssociation *bool  `json:"isPrimaryAssociation,omitempty"`
}

func (p *Portal) event(by author) Event {
	return Event{PortalID: p.id, AppID: p.host.app.ID, OccurredAt: p.nowMilli(), ChangeSource: by.source, SourceID: by.sourceID}
}

// raise hands an event to the webhooks once for the classic subscription
// (contact.creation) and once for the generic one (object.creation).
func (p *Portal) raise(k *kind, action string, e Event) {
	hooks := p.host.hooks
	if id := hooks.wanted(Subscription{Type: k.singular + "." + action, PropertyName: e.PropertyName}); id != 0 {
		e := e
		e.SubscriptionID, e.SubscriptionType = id, k.singular+"."+action
		hooks.enqueue(e)
	}
	if id := hooks.wanted(Subscription{Type: "object." + action, PropertyName: e.PropertyName, ObjectTypeID: k.typeID}); id != 0 {
		e.SubscriptionID, e.SubscriptionType, e.ObjectTypeID = id, "object."+action, k.typeID
		if e.PropertyName != "" {
			e.IsSensitive = new(bool)
		}
		hooks.enqueue(e)
	}
}

// announceCreation also tells the initial values, at the same time of occurrence.
func (p *Portal) announceCreation(s *store, r *record, by author) {
	e := p.event(by)
	p.record(s.kind, r.id, journalCreate, e.OccurredAt, func() map[string]string { return s.named(r) })
	if !p.host.hooks.listening() {
		return
	}
	e.ObjectID, e.ChangeFlag = r.id, "CREATED"
	p.raise(s.kind, "creation", e)
	e.ChangeFlag = ""
	r.values.each(func(key int, value string) bool {
		if def := s.schema.byKey[key]; def != nil {
			e.PropertyName, e.PropertyValue = def.Name, &value
			p.raise(s.kind, "propertyChange", e)
		}
		return true
	})
}

// named are the stored values of a record by name.
func (s *store) named(r *record) map[string]string {
	out := make(map[string]string)
	r.values.each(func(key int, value string) bool {
		if def := s.schema.byKey[key]; def != nil {
			out[def.Name] = value
		}
		return true
	})
	return out
}

func (p *Portal) announceChanges(s *store, r *record, changes []change, by author) {
	e := p.event(by)
	p.record(s.kind, r.id, journalUpdate, e.OccurredAt, func() map[string]string {
		set := make(map[string]string, len(changes))
		for _, c := range changes {
			set[s.schema.byKey[c.key].Name] = c.value
		}
		return set
	})
	if !p.host.hooks.listening() {
		return
	}
	e.ObjectID = r.id
	for _, c := range changes {
		e.PropertyName, e.PropertyValue = s.schema.byKey[c.key].Name, &c.value
		p.raise(s.kind, "propertyChange", e)
	}
}

func (p *Portal) announceDeletion(s *store, id int64, by author) {
	e := p.event(by)
	p.record(s.kind, id, journalDelete, e.OccurredAt, nil)
	e.ObjectID, e.ChangeFlag = id, "DELETED"
	p.raise(s.kind, "deletion", e)
}

// announceErasure sends deletion and privacyDeletion in any order (HubSpot
// docs: both fire, maybe in separate batches). The event carries no email.
func (p *Portal) announceErasure(s *store, id int64, alsoDeleted bool, by author) {
	e := p.event(by)
	p.record(s.kind, id, journalErase, e.OccurredAt, nil)
	e.ObjectID, e.ChangeFlag = id, "DELETED"
	first := p.rng.IntN(2) == 0
	if alsoDeleted && first {
		p.announceDeletion(s, id, by)
	}
	p.raise(s.kind, "privacyDeletion", e)
	if alsoDeleted && !first {
		p.announceDeletion(s, id, by)
	}
}

func (p *Portal) announceRestore(s *store, r *record, by author) {
	e := p.event(by)
	p.record(s.kind, r.id, journalRestore, e.OccurredAt, nil)
	e.ObjectID = r.id
	p.raise(s.kind, "restore", e)
}

// announceMerge sends the merge and the deletion of every id that went. No
// propertyChange tells the values that moved.
func (p *Portal) announceMerge(s *store, merged merge, by author) {
	e := p.event(by)
	p.record(s.kind, merged.survivor, journalMerge, e.OccurredAt, nil)
	e.ObjectID, e.PrimaryObjectID, e.NewObjectID = merged.survivor, merged.primary, merged.survivor
	e.MergedObjectIDs = []int64{merged.other}
	e.NumberOfPropertiesMoved = &merged.moved
	p.raise(s.kind, "merge", e)
	for _, id := range []int64{merged.primary, merged.other} {
		if id != merged.survivor {
			p.announceDeletion(s, id, by)
		}
	}
}

// announceLink sends one event per direction; captured ones carry no objectId.
func (p *Portal) announceLink(from, to ref, primary, removed bool, by author) {
	for _, way := range [][2]ref{{from, to}, {to, from}} {
		a, b := way[0], way[1]
		e := p.event(by)
		e.AssociationType = strings.ToUpper(a.kind.singular + "_to_" + b.kind.singular)
		e.FromObjectID, e.ToObjectID = a.id, b.id
		e.AssociationRemoved, e.IsPrimaryAssociation = &removed, &primary
		p.raise(a.kind, "associationChange", e)
	}
}
