package api

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestDocument_isValid(t *testing.T) {
	t.Parallel()
	d, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(t.Context(), openapi3.EnableMultiError()); err != nil {
		t.Error(err)
	}
}

// described is the part of the OpenAPI document that routes and types can be
// held against.
type described struct {
	Paths      map[string]map[string]yaml.Node `yaml:"paths"` // by path and method
	Components struct {
		Schemas map[string]struct {
			Properties map[string]any `yaml:"properties"`
		} `yaml:"schemas"`
	} `yaml:"components"`
}

func describe(t *testing.T) described {
	t.Helper()
	var d described
	if err := yaml.Unmarshal(document, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDocument_describesEveryRouteAndNoOther(t *testing.T) {
	t.Parallel()
	type operation struct {
		ID        string               `yaml:"operationId"`
		Role      string               `yaml:"x-role"`
		Responses map[string]yaml.Node `yaml:"responses"`
	}
	documented := map[string]string{}
	statuses := map[string][]string{}
	for path, methods := range describe(t).Paths {
		for method, node := range methods {
			if method == "parameters" {
				continue
			}
			var o operation
			if err := node.Decode(&o); err != nil {
				t.Fatal(err)
			}
			name := strings.ToUpper(method) + " " + path
			documented[name] = o.ID + " as " + o.Role
			statuses[name] = slices.Sorted(maps.Keys(o.Responses))
		}
	}
	served := map[string]string{}
	for _, rt := range routes {
		name := rt.method + " " + rt.path
		served[name] = rt.operation + " as " + string(rt.role)
		if want := []string{strconv.Itoa(rt.status), "default"}; !slices.Equal(statuses[name], want) {
			t.Errorf("%s: the document tells of %v, want %v", name, statuses[name], want)
		}
	}
	if diff := cmp.Diff(documented, served); diff != "" {
		t.Errorf("(-documented +served)\n%s", diff)
	}
	if len(operations) != len(routes) {
		t.Error("two routes have one name")
	}
}

// schemas says which Go type each schema of the document describes. Those
// without one are shared bits of others.
var schemas = map[string]any{
	"Problem":        Problem{},
	"Mistake":        Mistake{},
	"Connection":     Connection{},
	"ConnectionPage": Page[Connection]{},
	"ConnectRequest": ConnectRequest{},
	"Consent":        Consent{},
	"ConsentState":   ConsentState{},
	"Rules":          Rules{},
	"RuleChanges":    RuleChanges{},
	"Contact":        Contact{}, "Event": Event{}, "EventPage": Page[Event]{}, "Person": Person{}, "PersonField": PersonField{}, "Resync": Resync{},
	"ParkedItem": ParkedItem{}, "ParkedPage": Page[ParkedItem]{}, "ParkedCause": ParkedCause{}, "Decision": Decision{}, "Numbers": Numbers{}, "NumbersSpan": NumbersSpan{}, "RuleEffects": RuleEffects{}, "ParkedChoice": ParkedChoice{}, "Retried": Retried{},
	"Discarded": Discarded{}, "ItemIDs": nil, "NotOpen": nil,
	"Deletions": Deletions{}, "DecideDeletions": DecideDeletions{}, "DecidedDeletions": DecidedDeletions{}, "DeletionGuard": DeletionGuard{},
	"StartReconcile": StartReconcile{}, "Reconcile": Reconcile{}, "Drift": Drift{}, "Agreement": Agreement{}, "Unlisted": Unlisted{},
	"StartMassSync": StartMassSync{}, "MassSync": MassSync{}, "MassSyncPrediction": MassSyncPrediction{},
	"Program": Program{}, "ProgramPage": Page[Program]{}, "SwitchRequest": SwitchRequest{}, "SwitchPlan": SwitchPlan{},
	"PlannedProperty": PlannedProperty{}, "ProgramSwitch": ProgramSwitch{}, "SwitchedProperty": SwitchedProperty{},
	"Trigger": Trigger{}, "TriggerPage": Page[Trigger]{}, "TriggerDetail": TriggerDetail{}, "TriggerDefinition": TriggerDefinition{},
	"AppliedTrigger": AppliedTrigger{}, "TriggerChanges": TriggerChanges{}, "TriggerTest": TriggerTest{}, "TriggerTrial": TriggerTrial{},
	"Property": Property{}, "PropertyPage": Page[Property]{},
	"TriggerApprovals": TriggerApprovals{}, "TriggerApproval": TriggerApproval{},
	"DecideTriggerEvents": DecideTriggerEvents{}, "DecidedTriggerEvents": DecidedTriggerEvents{},
	"TrackedEvent": TrackedEvent{}, "TrackedEventPage": Page[TrackedEvent]{}, "TrackedState": nil,
	"WebhooksManifest": WebhooksManifest{}, "WebhookSubscription": WebhookSubscription{},
	"Status": nil, "Refusal": Refusal{}, "ConnectionStatus": ConnectionStatus{}, "StuckWork": StuckWork{}, "Journal": Journal{}, "ReportSchedule": ReportSchedule{}, "Disconnection": Disconnection{}, "Resealed": Resealed{},
	"NextPage": nil, "Role": nil,
	"Token": Token{}, "TokenPage": Page[Token]{}, "NewToken": NewToken{}, "CreatedToken": CreatedToken{},
	"Erasure": Erasure{}, "ErasurePage": Page[Erasure]{}, "ErasureReceipt": ErasureReceipt{},
	"ExportPerson": ExportPerson{}, "PersonExport": PersonExport{}, "ExportedContact": ExportedContact{}, "ExportedMapping": ExportedMapping{},
	"ExportedParticipant": ExportedParticipant{}, "PersonToErase": PersonToErase{}, "ErasePlan": ErasePlan{}, "ErasedPerson": ErasedPerson{}, "RecoveryKey": RecoveryKey{}, "ExportErasures": ExportErasures{}, "ErasureExport": ErasureExport{}, "ReplayErasures": ReplayErasures{}, "ReplayedErasures": ReplayedErasures{},
	"AuditEntry": AuditEntry{}, "AuditPage": Page[AuditEntry]{},
}

func TestDocument_describesEveryFieldAndNoOther(t *testing.T) {
	t.Parallel()
	documented := describe(t).Components.Schemas
	for name, schema := range documented {
		value, ok := schemas[name]
		if !ok {
			t.Errorf("no type is named for the schema %s", name)
		}
		if value == nil {
			continue
		}
		want := slices.Sorted(maps.Keys(schema.Properties))
		if diff := cmp.Diff(want, fieldNames(reflect.TypeOf(value))); diff != "" {
			t.Errorf("%s (-documented +sent)\n%s", name, diff)
		}
	}
	for name := range schemas {
		if _, ok := documented[name]; !ok {
			t.Errorf("there is no schema %s", name)
		}
	}
}

// fieldNames lists the JSON names of a struct's fields, as encoding/json sees
// them.
func fieldNames(t reflect.Type) []string {
	var names []string
	for _, field := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
