package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"advocatesync/internal/advocate"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
)

// Program is a referral program of a connection's tenant.
type Program struct {
	ID        string
	Name      string
	Live      bool // otherwise it is paused; archived ones are not listed
	Connected bool
}

// Programs lists the tenant's referral programs, the connected one first, then
// by name. A connected program that the tenant has archived is not among them.
func (o *Operator) Programs(ctx context.Context, c bridge.Connection) ([]Program, error) {
	secrets, _, err := o.store.Credentials(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	found, err := o.clients(c, secrets).Advocate.Programs(ctx)
	if err != nil {
		return nil, reconnect("Advocate", err)
	}
	programs := make([]Program, 0, len(found))
	for _, p := range found {
		programs = append(programs, Program{ID: p.ID, Name: p.Name, Live: p.Status == advocate.ProgramLive, Connected: p.ID == c.Program})
	}
	slices.SortFunc(programs, func(a, b Program) int {
		if a.Connected != b.Connected {
			return map[bool]int{true: -1, false: 1}[a.Connected]
		}
		return strings.Compare(a.Name, b.Name)
	})
	return programs, nil
}

// reconnect returns the refusal that names the vendor which refuses a connection's
// credentials.
func reconnect(vendor string, err error) error {
	if bridge.KindOf(err) == bridge.Unauthorized {
		return refuse(bridge.Unauthorized, "credentials_refused", "%s refuses the connection's credentials: correct them with \"starter connect\": %w", vendor, err)
	}
	return fmt.Errorf("cannot reach %s: %w", vendor, err)
}

// SwitchInput says which program to connect, and how.
type SwitchInput struct {
	Program  string
	InPlace  bool // keep the properties, replace their values
	MassSync bool // sync participants without a contact as well
}

// SwitchPlan is what a switch would do.
type SwitchPlan struct {
	Connection bridge.Connection
	To         Program
	InPlace    bool
	MassSync   bool
	Properties []PlannedProperty
	Contacts   int64         // mapped contacts, whose values change
	Counted    store.Counted // of Contacts
	UnderWay   bool          // the same switch is under way: starting it resumes it

	former int64 // the switch before this one; 0: there is none
}

// PlannedProperty is a program-sourced property.
type PlannedProperty struct {
	Name    string
	Missing bool // it does not exist and is created in any case
}

// PlanSwitch checks everything that can be checked before a switch begins: both
// vendors' credentials, the program, the properties, and whether another run is
// under way. It reports all problems together. Whether HubSpot allows the
// properties to be removed shows only later.
func (o *Operator) PlanSwitch(ctx context.Context, c bridge.Connection, in SwitchInput) (SwitchPlan, error) {
	plan := SwitchPlan{Connection: c, InPlace: in.InPlace, MassSync: in.MassSync}
	if err := o.alone(ctx, &plan, in.Program); err != nil {
		return plan, err
	}
	var programErr, propertyErr error
	plan.To, programErr = o.chosen(ctx, c, in.Program, plan.UnderWay)
	plan.Properties, propertyErr = o.plannedProperties(ctx, c, in.InPlace)
	if err := errors.Join(programErr, propertyErr); err != nil {
		return plan, err
	}
	health, err := o.store.ConnectionHealth(ctx, c.ID)
	plan.Contacts, plan.Counted = health.Mapped, health.Counted
	return plan, err
}

// alone refuses a switch while another one or a mass sync is under way: the mass
// sync would have to start again anyway, and only an operator knows which of the
// two matters more.
func (o *Operator) alone(ctx context.Context, plan *SwitchPlan, to string) error {
	latest, err := o.store.LatestSwitch(ctx, plan.Connection.ID)
	if err != nil && bridge.KindOf(err) != bridge.NotFound { // not found: the first one
		return err
	}
	plan.former = latest.ID
	if err == nil && latest.FinishedAt.IsZero() {
		if latest.To != to || latest.InPlace != plan.InPlace {
			return notBegun(store.CodeOtherSwitch, to)
		}
		plan.UnderWay, plan.former = true, latest.ID-1
		return nil
	}
	massSync, err := o.store.UnfinishedMass(ctx, plan.Connection.ID)
	if err == nil && massSync {
		err = notBegun(store.CodeMassSyncRunning, to)
	}
	return err
}

// notBegun returns the refusal that says why a switch does not begin.
func notBegun(code, program string) error {
	switch code {
	case store.CodeConnected:
		return refuse(bridge.Conflict, "program_connected", "program %s is already connected", program)
	case store.CodeOtherSwitch:
		return refuse(bridge.Conflict, "program_switch_under_way", "another program switch is under way: see \"starter program status\"")
	case store.CodeMassSyncRunning:
		return refuse(bridge.Conflict, "mass_sync_under_way", "a mass sync is under way: let it end, or cancel it with \"starter mass-sync cancel\"")
	default:
		return refuse(bridge.Conflict, code, "the switch did not start (%s)", code)
	}
}

// chosen finds the program and checks that it can be connected.
func (o *Operator) chosen(ctx context.Context, c bridge.Connection, id string, underWay bool) (Program, error) {
	programs, err := o.Programs(ctx, c)
	if err != nil {
		return Program{}, err
	}
	var live []string
	for _, p := range programs {
		switch {
		case p.ID == id && underWay:
			return p, nil
		case p.ID == id && p.Connected:
			return p, notBegun(store.CodeConnected, id)
		case p.ID == id && !p.Live:
			return p, refuse(bridge.Conflict, "program_not_live", "program %s (%s) is not live in Advocate: start it there first", p.ID, p.Name)
		case p.ID == id:
			return p, nil
		case p.Live && !p.Connected:
			live = append(live, fmt.Sprintf("%s (%s)", p.ID, p.Name))
		}
	}
	if underWay {
		return Program{ID: id}, nil // archived meanwhile
	}
	return Program{}, refuse(bridge.Invalid, "unknown_program", "tenant %s has no program %q: choose one of %s", c.Tenant, id, strings.Join(live, ", "))
}

// plannedProperties reads the properties, and checks whether we may change them.
func (o *Operator) plannedProperties(ctx context.Context, c bridge.Connection, inPlace bool) ([]PlannedProperty, error) {
	secrets, _, err := o.store.Credentials(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	hub := o.clients(c, secrets).HubSpot
	// The group exists, so this changes nothing; it shows whether we have the
	// permission.
	group := hubspot.OwnedGroup()
	if err := hub.CreateGroup(ctx, group.Name, group.Label); err != nil && bridge.KindOf(err) != bridge.Conflict {
		return nil, reconnect("HubSpot", err)
	}
	var names []string
	for _, def := range bridge.ProgramSourcedProperties() {
		names = append(names, def.Name)
	}
	found, err := hub.ReadProperties(ctx, names)
	if err != nil {
		return nil, reconnect("HubSpot", err)
	}
	return planned(names, found, inPlace)
}

func planned(names []string, found []hubspot.Property, inPlace bool) ([]PlannedProperty, error) {
	var plan []PlannedProperty
	var wrong []error
	for _, name := range names {
		at := slices.IndexFunc(found, func(p hubspot.Property) bool { return p.Name == name })
		plan = append(plan, PlannedProperty{Name: name, Missing: at < 0})
		if at < 0 {
			continue
		}
		switch p := found[at]; {
		case p.Type != "string":
			wrong = append(wrong, refuse(bridge.Conflict, "property_unfit", "the HubSpot property %s has type %s, we need string: rename or remove it first", name, p.Type))
		case !inPlace && p.Modification != nil && !p.Modification.Archivable:
			wrong = append(wrong, refuse(bridge.Conflict, "property_unfit", "HubSpot does not let the property %s be removed: use --in-place, which keeps it", name))
		}
	}
	return plan, errors.Join(wrong...)
}
