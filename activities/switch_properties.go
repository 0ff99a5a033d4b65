package activities

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
)

// contactProperties removes and creates contact properties.
type contactProperties interface {
	ActiveProperties(ctx context.Context, names []string) (map[string]bool, error)
	ArchiveProperties(ctx context.Context, names []string) error
	ArchiveProperty(ctx context.Context, name string) error
	CreateProperties(ctx context.Context, defs []bridge.PropertyDefinition) (refused map[string]error, err error)
}

// activeProperties returns which program-sourced properties exist.
func activeProperties(ctx context.Context, hubspot contactProperties) (map[string]bool, error) {
	var names []string
	for _, def := range bridge.ProgramSourcedProperties() {
		names = append(names, def.Name)
	}
	return hubspot.ActiveProperties(ctx, names)
}

// propertyRemoval removes the program-sourced properties, and finds out which of
// them cannot be removed.
type propertyRemoval struct {
	hubspot contactProperties
	left    map[string]bool   // properties that exist
	blocked map[string]string // HubSpot's words by property
	tries   int               // how often the removal has been tried, this time included
}

// removalTries is how often HubSpot may fail to remove a property, while it answers
// other calls, before the property counts as one that cannot be removed: some ten
// minutes. Nothing is written to contacts meanwhile.
const removalTries = 20

// run removes all properties in one call. As far as we know HubSpot refuses the
// whole call if it refuses one, so a refusal leaves them all in place. If HubSpot
// does not name that one, or removed only some, they are removed one by one.
// Whatever the answer, what counts is which properties exist afterwards.
func (r *propertyRemoval) run(ctx context.Context) error {
	if err := r.reread(ctx); err != nil || len(r.left) == 0 {
		return err
	}
	err := r.hubspot.ArchiveProperties(ctx, r.names())
	switch bridge.KindOf(err) {
	case bridge.Invalid, bridge.Conflict:
		r.blame(err)
	case bridge.NotFound: // some no longer existed
	case bridge.Unauthorized:
		return r.forbidden(ctx, err)
	default:
		if err != nil && !r.patienceEnds(err) {
			return err
		}
	}
	if err := r.reread(ctx); err != nil || len(r.blocked) > 0 {
		return err
	}
	return r.oneByOne(ctx)
}

// patienceEnds reports whether a failure has come too often to be waited out.
func (r *propertyRemoval) patienceEnds(failure error) bool {
	return portal.Fails(failure) && r.tries >= removalTries
}

// forbidden refuses the switch if nothing is removed yet: the credentials may read
// the properties but not change them. Otherwise the properties cannot be restored
// either, and somebody has to correct the credentials.
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
			if err != nil && !r.patienceEnds(err) {
				return err
			}
			if err != nil {
				r.blocked[name] = words(err)
			}
		}
	}
	return r.reread(ctx)
}

// reread reads which properties exist.
func (r *propertyRemoval) reread(ctx context.Context) (err error) {
	r.left, err = activeProperties(ctx, r.hubspot)
	return err
}

// names returns the properties that exist, in the order of bridge.OwnedProperties.
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

// blame records the properties that a refusal names.
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
