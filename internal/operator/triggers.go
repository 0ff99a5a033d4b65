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

// TriggerStatus is a trigger as it stands.
type TriggerStatus struct {
	store.Trigger

	Definition trigger.Definition
	Watches    []trigger.Watch // the webhooks it needs
	Problem    string          // why it decides nothing, though it was right once
}

// AppliedTrigger is what came of applying a definition.
type AppliedTrigger struct {
	TriggerStatus

	Changed  bool              // it is a new version; else the same was there before
	Warnings []trigger.Mistake // what it may say but hardly means
}

// checkTrigger reads a definition and checks it against what the portal has.
// What is wrong with it is a Refusal that holds a trigger.MistakesError with all
// mistakes.
func (o *Operator) checkTrigger(ctx context.Context, c bridge.Connection, source []byte) (*trigger.Trigger, trigger.Schema, error) {
	credentials, _, err := o.store.Credentials(ctx, c.ID)
	if err != nil {
		return nil, nil, err
	}
	hub := o.clients(c, credentials).HubSpot
	d, _ := trigger.Parse(source) // Load tells what is wrong, together with the rest
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

// ApplyTrigger checks a definition, in YAML or JSON, and makes it count. The
// same again changes nothing.
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

// readSchema reads the types of the properties that a definition can use.
func readSchema(ctx context.Context, hub *hubspot.Client, d trigger.Definition) (trigger.Schema, error) {
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

// options are the values of which a property takes one. Where it takes several,
// as checkboxes do, they are joined in one text.
func options(p hubspot.Property) []string {
	var values []string
	for _, o := range p.Options {
		if p.FieldType != "checkbox" {
			values = append(values, o.Value)
		}
	}
	return values
}

// unknownForms tells which of a definition's forms the portal does not have. One
// that HubSpot does not list is there all the same if its submissions can be read.
func unknownForms(ctx context.Context, hub *hubspot.Client, d trigger.Definition) ([]string, error) {
	if len(d.Event.Forms) == 0 {
		return nil, nil
	}
	listed, err := forms(ctx, hub)
	if err != nil {
		return nil, fmt.Errorf("list the portal's forms, for which the app needs the scope \"forms\": %w", err)
	}
	var unknown []string
	for _, id := range d.Event.Forms {
		if listed[id] {
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

// forms lists the portal's forms of all types.
func forms(ctx context.Context, hub *hubspot.Client) (map[string]bool, error) {
	all := map[string]bool{}
	for pages, more := (portal.Cursor{}), true; more; {
		page, next, err := hub.Forms(ctx, pages.After)
		if err != nil {
			return nil, err
		}
		for _, f := range page {
			all[f.ID] = true
		}
		if more, err = pages.Next("hubspot.forms", next); err != nil {
			return nil, err
		}
	}
	return all, nil
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

// Trigger returns one trigger, and everything that it has been, the latest
// first.
func (o *Operator) Trigger(ctx context.Context, connectionID, id string) (TriggerStatus, []store.Trigger, error) {
	kept, err := o.trigger(ctx, connectionID, id)
	if err != nil {
		return TriggerStatus{}, nil, err
	}
	versions, err := o.store.TriggerVersions(ctx, connectionID, id)
	return triggerStatus(kept), versions, err
}

// EnableTrigger switches a trigger on or off and returns it. A change that
// happens while it is off is not made up for.
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

// trigger reads a trigger, or refuses one that there is not.
func (o *Operator) trigger(ctx context.Context, connectionID, id string) (store.Trigger, error) {
	t, err := o.store.Trigger(ctx, connectionID, id)
	if bridge.KindOf(err) == bridge.NotFound {
		return t, refuse(bridge.NotFound, "unknown_trigger", "there is no trigger %q: see \"starter trigger list\"", id)
	}
	return t, err
}

// triggerStatus tells what a trigger is. A definition that no longer compiles
// must not hide the others.
func triggerStatus(kept store.Trigger) TriggerStatus {
	t, err := compiled(kept)
	if err != nil {
		d, _ := trigger.Parse([]byte(kept.Source))
		return TriggerStatus{Trigger: kept, Definition: d, Problem: err.Error()}
	}
	return TriggerStatus{Trigger: kept, Definition: t.Definition(), Watches: t.Watches()}
}

// compiled makes a trigger of what was kept of it when it was applied.
func compiled(kept store.Trigger) (*trigger.Trigger, error) {
	t, err := trigger.Restore(kept.Source, kept.Schema)
	if err != nil {
		return nil, fmt.Errorf("trigger %s, version %d, as it was applied: %w", kept.ID, kept.Version, err)
	}
	return t, nil
}
