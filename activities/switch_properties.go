package activities

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// contactProperties is how the properties themselves are removed and made.
type contactProperties interface {
	ActiveProperties(ctx context.Context, names []string) (map[string]bool, error)
	ArchiveProperties(ctx context.Context, names []string) error
	ArchiveProperty(ctx context.Context, name string) error
	CreateProperties(ctx context.Context, defs []bridge.PropertyDefinition) (refused map[string]error, err error)
}

// activeProperties tells which of them are there.
func activeProperties(ctx context.Context, hubspot contactProperties) (map[string]bool, error) {
	var names []string
	for _, def := range bridge.ProgramSourcedProperties() {
		names = append(names, def.Name)
	}
	return hubspot.ActiveProperties(ctx, names)
}

// removal removes the program-sourced properties, and learns which of them may
// not be removed.
type propertyRemoval struct {
	hubspot contactProperties
	left    map[string]bool   // properties that are there
	blocked map[string]string // HubSpot's words by property
}

// run removes all properties at once: HubSpot refuses them all for one, as far
// as is known, so that a refusal finds nothing removed. Only where it does not
// name the one, or left some out, are they removed one by one. Whatever it
// answers, what counts is what is there afterwards.
func (r *propertyRemoval) run(ctx context.Context) error {
	if err := r.reread(ctx); err != nil || len(r.left) == 0 {
		return err
	}
	err := r.hubspot.ArchiveProperties(ctx, r.names())
	switch bridge.KindOf(err) {
	case bridge.Invalid, bridge.Conflict:
		r.blame(err)
	case bridge.NotFound: // some were not there any more
	case bridge.Unauthorized:
		return r.forbidden(ctx, err)
	default:
		if err != nil {
			return err
		}
	}
	if err := r.reread(ctx); err != nil || len(r.blocked) > 0 {
		return err
	}
	return r.oneByOne(ctx)
}

// forbidden has the switch refused if nothing is removed yet: the credentials
// may read the properties but not change them. Otherwise there is no way back
// either, and the credentials have to be put right.
func (r *propertyRemoval) forbidden(ctx context.Context, refusal error) error {
	all := len(r.left)
	if err := r.reread(ctx); err != nil {
		return err
	}
	if len(r.left) < all {
		return refusal
	}
	for name := range r.left {
		r.blocked[name] = words(refusal)
	}
	return nil
}

func (r *propertyRemoval) oneByOne(ctx context.Context) error {
	for _, name := range r.names() {
		err := r.hubspot.ArchiveProperty(ctx, name)
		switch bridge.KindOf(err) {
		case bridge.Invalid, bridge.Conflict:
			r.blocked[name] = words(err)
		case bridge.NotFound:
		default:
			if err != nil {
				return err
			}
		}
	}
	return r.reread(ctx)
}

// reread asks which properties are there.
func (r *propertyRemoval) reread(ctx context.Context) (err error) {
	r.left, err = activeProperties(ctx, r.hubspot)
	return err
}

// names are the properties that are there, in the order they are owned.
func (r *propertyRemoval) names() []string {
	var names []string
	for _, def := range bridge.ProgramSourcedProperties() {
		if r.left[def.Name] {
			names = append(names, def.Name)
		}
	}
	return names
}

var propertyNames = regexp.MustCompile(`[a-z][a-z0-9_]*`)

// blame notes the properties that a refusal names.
func (r *propertyRemoval) blame(refusal error) {
	for _, name := range propertyNames.FindAllString(words(refusal), -1) {
		if r.left[name] {
			r.blocked[name] = words(refusal)
		}
	}
}

func words(refusal error) string {
	var e *bridge.Error
	if !errors.As(refusal, &e) {
		return ""
	}
	return strings.TrimSpace(e.Code + " " + e.VendorMessage)
}

func (r *propertyRemoval) reason() string {
	var names []string
	for _, def := range bridge.ProgramSourcedProperties() {
		if _, blocked := r.blocked[def.Name]; blocked {
			names = append(names, def.Name)
		}
	}
	return "HubSpot refuses to remove " + strings.Join(names, ", ")
}

func (r *propertyRemoval) outcomes() []store.SwitchedProperty {
	var all []store.SwitchedProperty
	for _, def := range bridge.ProgramSourcedProperties() {
		p := store.SwitchedProperty{Name: def.Name, Outcome: store.PropertyArchived}
		if said, blocked := r.blocked[def.Name]; blocked {
			p.Outcome, p.VendorMessage = store.PropertyInUse, said
		} else if r.left[def.Name] {
			p.Outcome = store.PropertyKept
		}
		all = append(all, p)
	}
	return all
}
