package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// TriggerStatus is a trigger and its current definition.
type TriggerStatus struct {
	store.Trigger

	Definition trigger.Definition
	Watches    []trigger.Watch // the webhooks that it needs
	Problem    string          // why it no longer works, though it was valid once
}

// AppliedTrigger is the outcome of applying a definition.
type AppliedTrigger struct {
	TriggerStatus

	Changed  bool              // it is a new version; false: the definition was the same
	Warnings []trigger.Mistake // what is allowed but hardly meant
}

// checkTrigger reads a definition and checks it against the portal's properties and
// forms. It returns a Refusal that wraps a trigger.MistakesError with all mistakes.
func (o *Operator) checkTrigger(ctx context.Context, c bridge.Connection, source []byte) (*trigger.Trigger, trigger.Schema, error) {
	credentials, _, err := o.store.Credentials(ctx, c.ID)
	if err != nil {
		return nil, nil, err
	}
	hub := o.portal(c, o.clients(c, credentials))
	d, _ := trigger.Parse(source) // Load reports these mistakes together with the others
	schema, err := readSchema(ctx, hub, d)
	if err != nil {
		return nil, nil, fmt.Errorf("read the portal's properties: %w", err)
	}
	unknown, err := unknownForms(ctx, hub, d)
	if err != nil {
		return nil, nil, err
	}
	var mistakes []trigger.Mistake
	for _, form := range unknown {
		mistakes = append(mistakes, d.Mistake("event.forms", fmt.Sprintf("the portal has no form %q", form)))
	}
	if d.Conversion != nil && credentials.ImpactAccountSID == "" {
		mistakes = append(mistakes, d.Mistake("conversion",
			"the connection has no impact.com account: run \"starter connect\" once more with --impact-account-sid and --impact-auth-token"))
	}
	t, err := trigger.Load(source, schema)
	if err := trigger.WithMistakes(err, mistakes...); err != nil {
		return nil, nil, refuse(bridge.Invalid, "trigger_mistakes", "the trigger was not applied:\n%w", err)
	}
	used := t.Only(schema)
	return t, used, nil
}

// ApplyTrigger checks a definition, in YAML or JSON, and makes it the current
// version. The same definition again changes nothing.
func (o *Operator) ApplyTrigger(ctx context.Context, c bridge.Connection, source []byte) (AppliedTrigger, error) {
	t, schema, err := o.checkTrigger(ctx, c, source)
	if err != nil {
		return AppliedTrigger{}, err
	}
	kept, err := json.Marshal(schema)
	if err != nil {
		return AppliedTrigger{}, err
	}
	d := t.Definition()
	applied, changed, err := o.store.ApplyTrigger(ctx, store.Trigger{ConnectionID: c.ID, ID: d.ID, Source: string(source), Schema: kept}, d.Enabled)
	if err != nil {
		return AppliedTrigger{}, err
	}
	return AppliedTrigger{TriggerStatus{Trigger: applied, Definition: d, Watches: t.Watches()}, changed, t.Warnings()}, nil
}

// readSchema reads the types of the properties that a definition may use.
func readSchema(ctx context.Context, hub *portal.Portal, d trigger.Definition) (trigger.Schema, error) {
	schema := trigger.Schema{}
	for _, objectType := range slices.Compact([]bridge.ObjectType{bridge.ObjectContact, d.Object}) {
		if objectType == "" {
			continue
		}
		properties, err := hub.ObjectProperties(ctx, objectType)
		if err != nil {
			return nil, err
		}
		schema[objectType] = map[string]trigger.Property{}
		for _, p := range properties {
			schema[objectType][p.Name] = trigger.Property{Type: p.Type, Options: options(p)}
		}
	}
	return schema, nil
}

// options returns the values of a property that takes one of several; none for a
// property that takes several at once, as checkboxes do, because they are joined in
// one text.
func options(p hubspot.Property) []string {
	var values []string
	for _, o := range p.Options {
		if p.FieldType != "checkbox" {
			values = append(values, o.Value)
		}
	}
	return values
}

// unknownForms returns the forms of a definition that the portal does not have. A
// form that HubSpot does not list exists if its submissions can be read.
func unknownForms(ctx context.Context, hub *portal.Portal, d trigger.Definition) ([]string, error) {
	if len(d.Event.Forms) == 0 {
		return nil, nil
	}
	listed, err := hub.Forms(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the portal's forms, for which the app needs the scope \"forms\": %w", err)
	}
	var unknown []string
	for _, id := range d.Event.Forms {
		if slices.ContainsFunc(listed, func(f hubspot.Form) bool { return f.ID == id }) {
			continue
		}
		_, _, err := hub.Submissions(ctx, id, "")
		switch bridge.KindOf(err) {
		case bridge.NotFound, bridge.Invalid:
			unknown = append(unknown, id)
		default:
			if err != nil {
				return nil, fmt.Errorf("read the submissions of form %s: %w", id, err)
			}
		}
	}
	return unknown, nil
}

// Triggers lists a connection's triggers by id.
func (o *Operator) Triggers(ctx context.Context, connectionID string) ([]TriggerStatus, error) {
	kept, err := o.store.Triggers(ctx, connectionID)
	if err != nil {
		return nil, err
	}
	all := make([]TriggerStatus, len(kept))
	for i, k := range kept {
		all[i] = triggerStatus(k)
	}
	return all, nil
}

// Trigger returns one trigger, and all its versions, the latest first.
func (o *Operator) Trigger(ctx context.Context, connectionID, id string) (TriggerStatus, []store.Trigger, error) {
	kept, err := o.trigger(ctx, connectionID, id)
	if err != nil {
		return TriggerStatus{}, nil, err
	}
	versions, err := o.store.TriggerVersions(ctx, connectionID, id)
	return triggerStatus(kept), versions, err
}

// EnableTrigger enables or disables a trigger and returns it. Changes that happen
// while it is disabled are never evaluated.
func (o *Operator) EnableTrigger(ctx context.Context, connectionID, id string, enabled bool) (TriggerStatus, error) {
	if _, err := o.trigger(ctx, connectionID, id); err != nil {
		return TriggerStatus{}, err
	}
	if err := o.store.EnableTrigger(ctx, connectionID, id, enabled); err != nil {
		return TriggerStatus{}, err
	}
	kept, err := o.trigger(ctx, connectionID, id)
	return triggerStatus(kept), err
}

// trigger returns a trigger, or a refusal if there is none.
func (o *Operator) trigger(ctx context.Context, connectionID, id string) (store.Trigger, error) {
	t, err := o.store.Trigger(ctx, connectionID, id)
	if bridge.KindOf(err) == bridge.NotFound {
		return t, refuse(bridge.NotFound, "unknown_trigger", "there is no trigger %q: see \"starter trigger list\"", id)
	}
	return t, err
}

// triggerStatus returns a trigger's status. A definition that no longer compiles
// becomes a Problem, so that it does not hide the others.
func triggerStatus(kept store.Trigger) TriggerStatus {
	t, err := compiled(kept)
	if err != nil {
		d, _ := trigger.Parse([]byte(kept.Source))
		return TriggerStatus{Trigger: kept, Definition: d, Problem: err.Error()}
	}
	return TriggerStatus{Trigger: kept, Definition: t.Definition(), Watches: t.Watches()}
}

// compiled compiles a trigger from what was stored when it was applied.
func compiled(kept store.Trigger) (*trigger.Trigger, error) {
	t, err := trigger.Restore(kept.Source, kept.Schema)
	if err != nil {
		return nil, fmt.Errorf("trigger %s, version %d, as it was applied: %w", kept.ID, kept.Version, err)
	}
	return t, nil
}
