package operator

import (
	"context"
	"slices"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/intake"
	"advocatesync/internal/trigger"
)

// Subscription is one kind of event that HubSpot has to send.
type Subscription struct {
	Type     string // "contact.propertyChange"
	Property string // of a propertyChange
}

// Webhooks is the webhook configuration of the HubSpot app.
type Webhooks struct {
	TargetURL     string
	Subscriptions []Subscription // in order
}

// Webhooks returns the webhooks that the app needs. They belong to the app, not to
// a portal, so it covers every connection.
func (o *Operator) Webhooks(ctx context.Context) (Webhooks, error) {
	all := contactSubscriptions()
	connections, err := o.store.Connections(ctx)
	if err != nil {
		return Webhooks{}, err
	}
	for _, c := range connections {
		triggers, err := o.Triggers(ctx, c.ID)
		if err != nil {
			return Webhooks{}, err
		}
		for _, t := range triggers {
			if t.Enabled {
				all = append(all, triggerSubscriptions(t.Definition, t.Watches)...)
			}
		}
	}
	slices.SortFunc(all, func(a, b Subscription) int { return strings.Compare(a.Type+" "+a.Property, b.Type+" "+b.Property) })
	return Webhooks{TargetURL: o.cfg.PublicURL + intake.Path, Subscriptions: slices.Compact(all)}, nil
}

// contactSubscriptions returns the subscriptions that contacts need.
func contactSubscriptions() []Subscription {
	var out []Subscription
	for _, change := range []string{"creation", "deletion", "merge", "privacyDeletion", "restore"} {
		out = append(out, Subscription{Type: "contact." + change})
	}
	for _, property := range bridge.UpdatingProperties() {
		out = append(out, Subscription{Type: "contact.propertyChange", Property: property})
	}
	return out
}

// triggerSubscriptions returns the subscriptions that one trigger needs. Among them
// are new associations with contacts, because a record may get its customer by one.
func triggerSubscriptions(d trigger.Definition, watches []trigger.Watch) []Subscription {
	var out []Subscription
	for _, w := range watches {
		if w.Created {
			out = append(out, Subscription{Type: string(w.Object) + ".creation"})
			continue
		}
		out = append(out, Subscription{Type: string(w.Object) + ".propertyChange", Property: w.Property})
	}
	if d.Object != bridge.ObjectContact {
		out = append(out, Subscription{Type: string(d.Object) + ".associationChange"})
	}
	return out
}
