package operator

import (
	"context"
	"errors"
	"fmt"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

// ensureProperties creates our property group and the contact properties that
// are missing in it. A property of ours that somebody else made with another
// type is refused: writing to it would fail one contact at a time.
func ensureProperties(ctx context.Context, hub *hubspot.Client) error {
	group := hubspot.OwnedGroup()
	err := hub.CreateGroup(ctx, group.Name, group.Label)
	if err != nil && bridge.KindOf(err) != bridge.Conflict { // conflict: it is there
		return fmt.Errorf("create the HubSpot property group %s: %w", bridge.PropertyGroup, err)
	}
	missing, err := missingProperties(ctx, hub)
	if err != nil || len(missing) == 0 {
		return err
	}
	results, err := hub.CreateProperties(ctx, missing)
	if err != nil {
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
