package operator

import (
	"context"
	"slices"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/intake"
	"advocatesync/internal/trigger"
)

// Subscription is one kind of event that HubSpot is asked to tell of.
type Subscription struct {
	Type     string // "contact.propertyChange"
	Property string // of a propertyChange
}

// Webhooks is what the HubSpot app has to be told about webhooks.
type Webhooks struct {
	TargetURL     string
	Subscriptions []Subscription // in order
}

// Webhooks lists the webhooks that the app needs. They belong to the app, not to
// a portal: those of every connection are in it.
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

// contactSubscriptions are what keeping contacts in step takes.
func contactSubscriptions() []Subscription {
	var out []Subscription
	for _, change := range []string{"creation", "deletion", "merge", "privacyDeletion", "restore"} {
		out = append(out, Subscription{Type: "contact." + change})
	}
	for _, property := range bridge.UpdateTriggers() {
		out = append(out, Subscription{Type: "contact.propertyChange", Property: property})
	}
	return out
}

// triggerSubscriptions are what one trigger takes. A record whose customer is a
// contact may become due by getting one.
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
