package portal

import (
	"context"
	"fmt"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

const (
	opReadProperties   = "hubspot.read_properties"
	opArchiveAll       = "hubspot.archive_properties"
	opArchiveOne       = "hubspot.archive_property"
	opCreateGroup      = "hubspot.create_group"
	opCreateProperties = "hubspot.create_properties"
)

// definitions is the part of hubspot.Client that defines contact properties.
type definitions interface {
	ReadProperties(ctx context.Context, names []string) ([]hubspot.Property, error)
	ArchiveProperties(ctx context.Context, names []string) error
	ArchiveProperty(ctx context.Context, name string) error
	CreateGroup(ctx context.Context, name, label string) error
	CreateProperties(ctx context.Context, in []hubspot.Property) ([]hubspot.PropertyResult, error)
}

// ActiveProperties tells which of up to 100 contact properties are there, and
// not archived.
func (p *Portal) ActiveProperties(ctx context.Context, names []string) (map[string]bool, error) {
	found, err := call(ctx, p, &turn{lane: bridge.LaneLive}, opReadProperties, true, func(ctx context.Context) ([]hubspot.Property, error) {
		return p.client.ReadProperties(ctx, names)
	})
	active := make(map[string]bool, len(found))
	for _, property := range found {
		active[property.Name] = true
	}
	return active, p.wrapDefinition("read properties", err)
}

// ArchiveProperties archives up to 100 contact properties. Names that are not
// there are ignored. One that may not be archived refuses them all, as far as
// is known: look what is there.
func (p *Portal) ArchiveProperties(ctx context.Context, names []string) error {
	return p.define(ctx, opArchiveAll, true, func(ctx context.Context) error { return p.client.ArchiveProperties(ctx, names) })
}

// ArchiveProperty archives one contact property. The error is NotFound if it is
// not there, and Invalid if it may not be archived.
func (p *Portal) ArchiveProperty(ctx context.Context, name string) error {
	return p.define(ctx, opArchiveOne, true, func(ctx context.Context) error { return p.client.ArchiveProperty(ctx, name) })
}

// CreateProperties creates up to 100 contact properties of ours, and their
// group where it is missing. One that is there already is success; those that
// HubSpot refuses are in the answer by name. An archived property comes back
// with its old definition, and maybe its old values. One that HubSpot fails on again
// and again (see WithTries) counts as refused. With an error, some may have been created.
func (p *Portal) CreateProperties(ctx context.Context, defs []bridge.PropertyDefinition) (refused map[string]error, err error) {
	group := hubspot.OwnedGroup()
	err = p.define(ctx, opCreateGroup, true, func(ctx context.Context) error { return p.client.CreateGroup(ctx, group.Name, group.Label) })
	if err != nil && bridge.KindOf(err) != bridge.Conflict { // conflict: it is there
		return nil, err
	}
	refused = map[string]error{}
	refuse := func(def bridge.PropertyDefinition, err error) {
		if bridge.KindOf(err) != bridge.Conflict {
			refused[def.Name] = err
		}
	}
	send := func(defs []bridge.PropertyDefinition) error { return p.createProperties(ctx, defs, refuse) }
	reads := func() error {
		_, err := p.ActiveProperties(ctx, []string{defs[0].Name})
		return err
	}
	err = isolate(ctx, p.suspecting, defs, send, refuse, reads)
	return refused, err
}

func (p *Portal) createProperties(ctx context.Context, defs []bridge.PropertyDefinition, refuse func(bridge.PropertyDefinition, error)) error {
	in := make([]hubspot.Property, len(defs))
	for i, def := range defs {
		in[i] = hubspot.Owned(def)
	}
	results, err := call(ctx, p, &turn{lane: bridge.LaneLive}, opCreateProperties, false, func(ctx context.Context) ([]hubspot.PropertyResult, error) {
		return p.client.CreateProperties(ctx, in)
	})
	if err != nil {
		return p.wrapDefinition("create properties", err)
	}
	for i, result := range results {
		if result.Err != nil {
			refuse(defs[i], result.Err)
		}
	}
	return nil
}

// define makes one call about definitions. They are few and somebody waits for
// them, so they travel in the live lane.
func (p *Portal) define(ctx context.Context, op string, repeatable bool, do func(context.Context) error) error {
	_, err := call(ctx, p, &turn{lane: bridge.LaneLive}, op, repeatable, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, do(ctx)
	})
	return p.wrapDefinition(op, err)
}

func (p *Portal) wrapDefinition(what string, err error) error {
	if err != nil {
		return fmt.Errorf("portal %d: %s: %w", p.id, what, err)
	}
	return nil
}
