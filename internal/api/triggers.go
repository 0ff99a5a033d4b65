package api

import (
	"context"
	"strings"
	"time"

	"advocatesync/internal/operator"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// Trigger is a rule that turns a change in HubSpot into a conversion or an
// Advocate event.
type Trigger struct {
	TriggerID   string    `json:"trigger_id"`
	Version     int       `json:"version"`
	Enabled     bool      `json:"enabled"`
	Description string    `json:"description,omitempty"`
	Object      string    `json:"object"`               // contact, deal or company
	Event       string    `json:"event"`                // created, property_changed or form_submitted
	Properties  []string  `json:"properties,omitempty"` // whose change counts
	Forms       []string  `json:"forms,omitempty"`      // whose submissions count
	Target      string    `json:"target"`               // conversion or advocate_event
	Once        string    `json:"once"`                 // object or change
	Reverses    bool      `json:"reverses"`             // it can reverse what was sent
	AppliedAt   time.Time `json:"applied_at"`
	Problem     string    `json:"problem,omitempty"` // why it no longer works
}

// TriggerDetail is a trigger with its text.
type TriggerDetail struct {
	Trigger

	Source   string           `json:"source"`   // as it was applied
	Versions []TriggerVersion `json:"versions"` // the latest first
}

// TriggerVersion is one version of a trigger.
type TriggerVersion struct {
	Version   int       `json:"version"`
	AppliedAt time.Time `json:"applied_at"`
	Source    string    `json:"source"`
}

// TriggerDefinition is a definition to apply.
type TriggerDefinition struct {
	Source string `json:"source"` // YAML or JSON
}

// AppliedTrigger is the outcome.
type AppliedTrigger struct {
	Trigger

	Changed  bool      `json:"changed"`  // it is a new version
	Warnings []Mistake `json:"warnings"` // what is allowed but hardly meant, each with a fix
}

// TriggerChanges are what can be changed without a new version.
type TriggerChanges struct {
	Enabled *bool `json:"enabled,omitempty"`
}

// TriggerTest names the record of a trial.
type TriggerTest struct {
	ObjectID string `json:"object_id"`
}

// TriggerTrial is what a trigger decides about a record. The request is personal.
type TriggerTrial struct {
	TriggerID         string         `json:"trigger_id"`
	Version           int            `json:"version"`
	Object            string         `json:"object"`
	ObjectID          string         `json:"object_id"`
	Verdict           string         `json:"verdict"` // send, reverse, skip, no_customer or blocked
	Why               string         `json:"why"`
	OrderID           string         `json:"order_id"`
	CustomerContactID string         `json:"customer_contact_id,omitempty"`
	Tracked           string         `json:"tracked_state,omitempty"` // of the event with the same order id
	Request           *VendorRequest `json:"request,omitempty"`       // left out: nothing would be sent
	Assumed           []string       `json:"assumed"`                 // assumptions in place of facts that a trial lacks
}

// VendorRequest is a call to impact.com or Advocate.
type VendorRequest struct {
	Method string            `json:"method"`
	Path   string            `json:"path"`
	Form   map[string]string `json:"form,omitempty"`
	Body   any               `json:"body,omitempty"`
}

func triggerOf(s operator.TriggerStatus) Trigger {
	d := s.Definition
	t := Trigger{
		TriggerID: s.ID, Version: s.Version, Enabled: s.Enabled, Description: d.Description, Object: string(d.Object),
		Event: string(d.Event.Type), Properties: d.Event.Properties, Forms: d.Event.Forms, Target: "conversion", Once: string(d.Once),
		Reverses: d.ReverseWhen != "", AppliedAt: utc(s.AppliedAt), Problem: s.Problem,
	}
	if d.Advocate != nil {
		t.Target = "advocate_event"
	}
	return t
}

func triggerVersionOf(t store.Trigger) TriggerVersion {
	return TriggerVersion{Version: t.Version, AppliedAt: utc(t.AppliedAt), Source: t.Source}
}

func (h *Handler) listTriggers(r *request) (any, error) {
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	all, err := h.operator.Triggers(r.Context(), c.ID)
	return onePage(collect(all, triggerOf)), err
}

func (h *Handler) applyTrigger(r *request) (any, error) {
	var in TriggerDefinition
	r.body(&in)
	r.required("source", in.Source)
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	applied, err := h.operator.ApplyTrigger(r.Context(), c, []byte(in.Source))
	return AppliedTrigger{triggerOf(applied.TriggerStatus), applied.Changed, mistakesOf(applied.Warnings)}, err
}

func (h *Handler) getTrigger(r *request) (any, error) {
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	status, versions, err := h.operator.Trigger(r.Context(), c.ID, r.PathValue("trigger"))
	return TriggerDetail{triggerOf(status), status.Source, collect(versions, triggerVersionOf)}, err
}

func (h *Handler) changeTrigger(r *request) (any, error) {
	var in TriggerChanges
	r.body(&in)
	if in.Enabled == nil {
		r.required("enabled", "")
	}
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	status, err := h.operator.EnableTrigger(r.Context(), c.ID, r.PathValue("trigger"), *in.Enabled)
	return triggerOf(status), err
}

func (h *Handler) testTrigger(r *request) (any, error) {
	var in TriggerTest
	r.body(&in)
	r.required("object_id", in.ObjectID)
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	trial, err := h.operator.TestTrigger(r.Context(), c, r.PathValue("trigger"), in.ObjectID)
	return trialOf(trial), err
}

func trialOf(t operator.TriggerTrial) TriggerTrial {
	out := TriggerTrial{
		TriggerID: t.TriggerID, Version: t.Version, Object: string(t.Object), ObjectID: t.ObjectID, Verdict: string(t.Decision.Verdict),
		Why: t.Decision.Why, OrderID: t.Decision.OrderID, CustomerContactID: t.CustomerID, Tracked: string(t.Tracked), Assumed: append([]string{}, t.Assumed...),
	}
	if t.Request != nil {
		request := VendorRequest(*t.Request)
		out.Request = &request
	}
	return out
}

// mistakesOf returns the mistakes of a trigger's definition, with their places.
func mistakesOf(wrong trigger.MistakesError) []Mistake {
	return collect(wrong, func(m trigger.Mistake) Mistake {
		return Mistake{Field: m.Path, Line: m.Line, Column: m.Column, Detail: m.Problem}
	})
}

// WebhooksManifest is the webhooks component of a HubSpot app's project, in the
// form of its file.
type WebhooksManifest struct {
	UID    string         `json:"uid"`
	Type   string         `json:"type"`
	Config WebhooksConfig `json:"config"`
}

// WebhooksConfig configures the target and the subscriptions.
type WebhooksConfig struct {
	Settings      WebhooksSettings      `json:"settings"`
	Subscriptions WebhooksSubscriptions `json:"subscriptions"`
}

// WebhooksSettings says where webhooks go.
type WebhooksSettings struct {
	TargetURL             string `json:"targetUrl"`
	MaxConcurrentRequests int    `json:"maxConcurrentRequests"`
}

// WebhooksSubscriptions lists the kinds of events, in HubSpot's two classes.
type WebhooksSubscriptions struct {
	LegacyCRMObjects []WebhookSubscription `json:"legacyCrmObjects"`
	HubEvents        []WebhookSubscription `json:"hubEvents"`
}

// WebhookSubscription is one kind of event.
type WebhookSubscription struct {
	SubscriptionType string `json:"subscriptionType"`
	PropertyName     string `json:"propertyName,omitempty"`
	Active           bool   `json:"active"`
}

// inFlight is how many requests HubSpot may make at once, its own default.
const inFlight = 10

func (h *Handler) getWebhooksManifest(r *request) (any, error) {
	if err := r.err(); err != nil {
		return nil, err
	}
	needed, err := h.operator.Webhooks(r.Context())
	manifest := WebhooksManifest{UID: "advocatesync_webhooks", Type: "webhooks", Config: WebhooksConfig{
		Settings:      WebhooksSettings{TargetURL: needed.TargetURL, MaxConcurrentRequests: inFlight},
		Subscriptions: WebhooksSubscriptions{LegacyCRMObjects: []WebhookSubscription{}, HubEvents: []WebhookSubscription{}},
	}}
	for _, s := range needed.Subscriptions {
		class := &manifest.Config.Subscriptions.LegacyCRMObjects
		if strings.HasSuffix(s.Type, ".privacyDeletion") { // HubSpot has it only in this class
			class = &manifest.Config.Subscriptions.HubEvents
		}
		*class = append(*class, WebhookSubscription{SubscriptionType: s.Type, PropertyName: s.Property, Active: true})
	}
	return manifest, err
}

// Triggers lists a connection's triggers by id.
func (c *Client) Triggers(ctx context.Context, connection string) ([]Trigger, error) {
	page, err := send[Page[Trigger]](ctx, c, call{operation: "listTriggers", path: []string{connection}})
	return page.Items, err
}

// ApplyTrigger makes a definition, in YAML or JSON, the current version. Its
// mistakes are in the *Problem. The same definition again changes nothing.
func (c *Client) ApplyTrigger(ctx context.Context, connection, source string) (AppliedTrigger, error) {
	return send[AppliedTrigger](ctx, c, call{operation: "applyTrigger", path: []string{connection}, in: TriggerDefinition{Source: source}})
}

// Trigger returns a trigger with its text and its versions.
func (c *Client) Trigger(ctx context.Context, connection, id string) (TriggerDetail, error) {
	return send[TriggerDetail](ctx, c, call{operation: "getTrigger", path: []string{connection, id}})
}

// EnableTrigger enables or disables a trigger.
func (c *Client) EnableTrigger(ctx context.Context, connection, id string, enabled bool) (Trigger, error) {
	return send[Trigger](ctx, c, call{operation: "changeTrigger", path: []string{connection, id}, in: TriggerChanges{Enabled: &enabled}})
}

// TestTrigger returns what a trigger decides about a record as it is now. Nothing
// is sent.
func (c *Client) TestTrigger(ctx context.Context, connection, id, objectID string) (TriggerTrial, error) {
	return send[TriggerTrial](ctx, c, call{operation: "testTrigger", path: []string{connection, id}, in: TriggerTest{ObjectID: objectID}})
}

// WebhooksManifest returns the webhooks component for the HubSpot app's project.
func (c *Client) WebhooksManifest(ctx context.Context) (WebhooksManifest, error) {
	return send[WebhooksManifest](ctx, c, call{operation: "getWebhooksManifest"})
}
