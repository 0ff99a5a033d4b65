package trigger

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"advocatesync/internal/bridge"
)

// Limits of expressions. An expression that could cost more than maxCost on the
// largest possible record is refused when it is compiled, and stopped when it is
// evaluated.
const (
	maxExpression = 4000 // characters
	maxDepth      = 32
	maxCost       = 1_000_000 // CEL's own units: about one for each step

	longestText = 65_536 // HubSpot docs: length of a text property
	mostEntered = 1000   // fields of a form
)

const (
	varEvent  = "event"
	varForm   = "form"
	varNow    = "now"
	varPortal = "portal"
)

// structName returns the name of a variable's type in messages.
func structName(variable string) string { return "hubspot." + variable }

// environment declares the variables and functions of a definition's expressions.
func environment(d Definition, s Schema) (*cel.Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	p := &provider{Registry: registry, structs: map[string]map[string]kind{
		structName(varEvent):  {"property": text, "occurred_at": moment},
		structName(varPortal): {"currency": text},
	}}
	options := append(exactArithmetic(),
		cel.Variable(varEvent, cel.ObjectType(structName(varEvent))),
		cel.Variable(varPortal, cel.ObjectType(structName(varPortal))),
		cel.Variable(varNow, cel.TimestampType),
	)
	for _, o := range d.objects() {
		fields := map[string]kind{}
		for name, property := range s[o] {
			fields[name] = kindOf(property.Type)
		}
		p.structs[structName(string(o))] = fields
		options = append(options, cel.Variable(string(o), cel.ObjectType(structName(string(o)))))
	}
	if d.Event.Type == FormSubmitted {
		options = append(options, cel.Variable(varForm, cel.MapType(cel.StringType, cel.StringType)))
	}
	return cel.NewCustomEnv(append(options,
		cel.CustomTypeProvider(p), cel.CustomTypeAdapter(registry),
		ext.Strings(), cel.OptionalTypes(), cel.CrossTypeNumericComparisons(true), cel.EnableMacroCallTracking(),
		cel.ParserExpressionSizeLimit(maxExpression), cel.ParserRecursionLimit(maxDepth),
	)...)
}

// objects returns the types of records that expressions may read.
func (d Definition) objects() []bridge.ObjectType {
	if d.Object == bridge.ObjectContact || d.Object == "" {
		return []bridge.ObjectType{bridge.ObjectContact}
	}
	return []bridge.ObjectType{d.Object, bridge.ObjectContact}
}

// provider tells CEL the types of records, whose fields are properties.
type provider struct {
	*types.Registry

	structs map[string]map[string]kind
}

// FindStructType implements types.Provider.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.structs[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Registry.FindStructType(name)
}

// FindStructFieldNames implements types.Provider.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if fields, ok := p.structs[name]; ok {
		return slices.Sorted(maps.Keys(fields)), true
	}
	return p.Registry.FindStructFieldNames(name)
}

// FindStructFieldType implements types.Provider.
func (p *provider) FindStructFieldType(structType, field string) (*types.FieldType, bool) {
	fields, ours := p.structs[structType]
	if !ours {
		return p.Registry.FindStructFieldType(structType, field)
	}
	k, ok := fields[field]
	if !ok {
		return nil, false
	}
	return &types.FieldType{
		Type:  k.celType(),
		IsSet: func(target any) bool { r, ok := target.(*record); return ok && r.values[field] != "" },
		GetFrom: func(target any) (any, error) {
			r, ok := target.(*record)
			if !ok {
				return nil, &EmptyError{Name: field}
			}
			return value(r.name+"."+field, r.values[field], k)
		},
	}, true
}

// NewValue implements types.Provider: expressions cannot create records.
func (p *provider) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if _, ours := p.structs[name]; ours {
		return types.NewErr("records cannot be made")
	}
	return p.Registry.NewValue(name, fields)
}

func (k kind) celType() *types.Type {
	switch k {
	case number:
		return types.DoubleType
	case truth:
		return types.BoolType
	case moment:
		return types.TimestampType
	default:
		return types.StringType
	}
}

// record is a HubSpot record as a CEL value. As a whole it can only be compared.
type record struct {
	name   string // of the variable
	values map[string]string
}

// ConvertToNative implements ref.Val.
func (r *record) ConvertToNative(reflect.Type) (any, error) {
	return nil, errWholeRecord
}

// ConvertToType implements ref.Val.
func (r *record) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return types.NewObjectType(structName(r.name))
	}
	return types.WrapErr(errWholeRecord)
}

// Equal implements ref.Val.
func (r *record) Equal(other ref.Val) ref.Val { return types.Bool(ref.Val(r) == other) }

// Type implements ref.Val.
func (r *record) Type() ref.Type { return types.NewObjectType(structName(r.name)) }

// Value implements ref.Val.
func (r *record) Value() any { return r }

// sizes tells CEL's cost estimate how large the variables can get.
type sizes struct{}

// EstimateSize implements cost.Estimator.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	path := node.Path()
	if len(path) == 0 {
		return nil
	}
	size := cost.SizeEstimate{Max: longestText}
	if path[0] == varForm && len(path) == 1 {
		size.Max = mostEntered
	}
	return &size
}

// EstimateCallCost implements cost.Estimator. Without it CEL assumes that the text
// of a number or a date can have any length.
func (sizes) EstimateCallCost(function, _ string, _ *cost.AstNode, args []cost.AstNode) *cost.CallEstimate { //nolint:gocritic // CEL's interface asks for the pointer
	if function != "string" || len(args) != 1 || args[0].Type().Kind() == cel.StringKind {
		return nil
	}
	const longest = 400 // a double without an exponent
	return &cost.CallEstimate{CostEstimate: cost.Estimate{Min: 1, Max: 1}, ResultSize: &cost.SizeEstimate{Max: longest}}
}

// variables returns the facts as expressions see them.
func (d Definition) variables(f Facts) map[string]any {
	vars := map[string]any{
		varNow: f.Now,
		varEvent: &record{name: varEvent, values: map[string]string{
			"property": f.Change.Property, "occurred_at": f.Change.OccurredAt.UTC().Format(time.RFC3339Nano),
		}},
		varPortal:        &record{name: varPortal, values: map[string]string{"currency": f.Portal.Currency}},
		string(d.Object): &record{name: string(d.Object), values: f.Object.Properties},
	}
	if d.Object != bridge.ObjectContact && f.Customer != nil {
		vars[string(bridge.ObjectContact)] = &record{name: string(bridge.ObjectContact), values: f.Customer.Properties}
	}
	if d.Event.Type == FormSubmitted {
		entered := f.Change.Entered
		if entered == nil {
			entered = map[string]string{}
		}
		vars[varForm] = entered
	}
	return vars
}
