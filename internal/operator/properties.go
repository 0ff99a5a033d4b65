package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/portal"
)

// ensureProperties creates our property group and the contact properties that are
// missing in it. It refuses a property of ours that somebody else created with
// another type, because writing to it would fail for every contact. Before it
// creates a property that we write to, it calls forget: the values that the
// property had are gone.
func ensureProperties(ctx context.Context, hub *hubspot.Client, forget func() error) error {
	group := hubspot.OwnedGroup()
	err := hub.CreateGroup(ctx, group.Name, group.Label)
	if err != nil && bridge.KindOf(err) != bridge.Conflict { // conflict: it exists
		return fmt.Errorf("create the HubSpot property group %s: %w", bridge.PropertyGroup, err)
	}
	missing, err := missingProperties(ctx, hub)
	if err != nil || len(missing) == 0 {
		return err
	}
	if slices.ContainsFunc(missing, written) {
		if err := forget(); err != nil {
			return err
		}
	}
	return createProperties(ctx, hub, missing)
}

// createProperties names each property that HubSpot does not create. If it refuses all
// of them, or fails on them, they are created one by one: one holds up none of the
// others.
func createProperties(ctx context.Context, hub *hubspot.Client, missing []hubspot.Property) error {
	results, err := hub.CreateProperties(ctx, missing)
	if err != nil && len(missing) > 1 && (portal.Fails(err) || bridge.KindOf(err) == bridge.Invalid) {
		var left []error
		for _, one := range missing {
			left = append(left, createProperties(ctx, hub, []hubspot.Property{one}))
		}
		return errors.Join(left...)
	}
	switch {
	case err != nil && len(missing) == 1:
		return fmt.Errorf("create the HubSpot property %s: %w", missing[0].Name, err)
	case err != nil:
		return fmt.Errorf("create HubSpot properties: %w", err)
	}
	var refused []error
	for _, r := range results {
		if r.Err != nil && bridge.KindOf(r.Err) != bridge.Conflict { // conflict: somebody was faster
			refused = append(refused, fmt.Errorf("create the HubSpot property %s: %w", r.Name, r.Err))
		}
	}
	return errors.Join(refused...)
}

// written reports whether we write to a property. We only read those of forms.
func written(p hubspot.Property) bool {
	return p.Name != bridge.PropReferredByCode && p.Name != bridge.PropReferralCookie
}

func missingProperties(ctx context.Context, hub *hubspot.Client) ([]hubspot.Property, error) {
	var names []string
	for _, def := range bridge.OwnedProperties() {
		names = append(names, def.Name)
	}
	found, err := hub.ReadProperties(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("read HubSpot properties: %w", err)
	}
	existing := map[string]hubspot.Property{}
	for _, p := range found {
		existing[p.Name] = p
	}
	var missing []hubspot.Property
	var foreign []error
	for _, def := range bridge.OwnedProperties() {
		switch p, ok := existing[def.Name]; {
		case !ok:
			missing = append(missing, hubspot.Owned(def))
		case p.Type != "string":
			foreign = append(foreign, fmt.Errorf("the HubSpot property %s exists with type %s, we need string: rename or remove it, then connect again", def.Name, p.Type))
		}
	}
	return missing, errors.Join(foreign...)
}
