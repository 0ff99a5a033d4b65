package hubspottest

import "strings"

// Subscription asks for one type of event. Subscriptions belong to the app, not
// to a portal (HubSpot docs: webhooks).
type Subscription struct {
	Type         string `json:"eventType"`              // "contact.propertyChange"
	PropertyName string `json:"propertyName,omitempty"` // propertyChange only, one per subscription
	ObjectTypeID string `json:"objectTypeId,omitempty"` // object.* only
}

// DefaultSubscriptions are those of an app that keeps contacts in step with a
// referral program and reacts to deals.
func DefaultSubscriptions() []Subscription {
	out := []Subscription{
		{Type: "contact.creation"}, {Type: "contact.deletion"}, {Type: "contact.privacyDeletion"},
		{Type: "contact.restore"}, {Type: "contact.merge"},
		{Type: "deal.creation"}, {Type: "deal.propertyChange", PropertyName: "dealstage"},
		{Type: "company.creation"}, {Type: "company.propertyChange", PropertyName: "lifecyclestage"},
	}
	for _, name := range []string{"email", "advocate_referred_by_code", "advocate_referral_cookie",
		"advocate_user_id", "advocate_account_id"} {
		out = append(out, Subscription{Type: "contact.propertyChange", PropertyName: name})
	}
	return out
}

// check refuses what HubSpot does not let an app subscribe to.
func (s Subscription) check() *failure {
	object, action, _ := strings.Cut(s.Type, ".")
	if k, known := kindNamed(object); object != "object" && (!known || k.singular != object) {
		return invalid("Unknown event type %s", s.Type)
	}
	switch action {
	case "creation", "deletion", "merge", "restore", "associationChange":
	case "privacyDeletion":
		if object != "contact" {
			return invalid("Unknown event type %s", s.Type)
		}
	case "propertyChange":
		if s.PropertyName == "" {
			return invalid("propertyName is required for %s", s.Type)
		}
		if s.PropertyName == "num_unique_conversion_events" || s.PropertyName == "hs_lastmodifieddate" {
			return invalid("Property %s cannot be subscribed to", s.PropertyName)
		}
	default:
		return invalid("Unknown event type %s", s.Type)
	}
	if object == "object" && s.ObjectTypeID == "" {
		return invalid("objectTypeId is required for %s", s.Type)
	}
	if s.PropertyName != "" && action != "propertyChange" {
		return invalid("propertyName is only for propertyChange")
	}
	return nil
}
