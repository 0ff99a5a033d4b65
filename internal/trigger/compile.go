package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/parser"

	"advocatesync/internal/bridge"
)

var errWholeRecord = errors.New("a record as a whole is no value")

// Trigger is a checked and compiled definition. It is safe for concurrent use.
type Trigger struct {
	def     Definition
	when    *program   // nil: always
	reverse *program   // nil: never
	fields  []*program // parallel to the definition's fields; nil for a literal value
}

// Definition returns the trigger's definition.
func (t *Trigger) Definition() Definition { return t.def }

// program is a compiled expression.
type program struct {
	path  string // of its setting
	ast   *cel.Ast
	run   cel.Program
	reads map[bridge.ObjectType][]string
	terms []term // the parts of a conjunction, for explanations

	portal   bool // it reads the portal
	event    bool // it reads event.property
	converts bool // it multiplies or divides
}

// term is one part of a condition whose parts are joined by &&.
type term struct {
	id   int64
	text string
}

// Load reads an operator's definition and checks it against the properties of the
// portal. The error is a MistakesError with all mistakes.
func Load(source []byte, s Schema) (*Trigger, error) { return load(source, s, false) }

// Restore compiles a trigger again from its text and from the schema, in JSON, that
// Only returned when it was checked. Rules that came later do not apply to it; a
// value that may no longer be sent is parked when it occurs.
func Restore(source string, schema []byte) (*Trigger, error) {
	var s Schema
	if err := json.Unmarshal(schema, &s); err != nil {
		return nil, fmt.Errorf("trigger: schema: %w", err)
	}
	return load([]byte(source), s, true)
}

func load(source []byte, s Schema, applied bool) (*Trigger, error) {
	d, mistakes := parse(source)
	if len(d.places) == 0 { // nothing could be read
		return nil, mistakes.err()
	}
	c := &compiler{def: d, schema: s, mistakes: mistakes, applied: applied}
	return c.compile()
}

// compiler checks one definition and collects what is wrong with it.
type compiler struct {
	def      Definition
	schema   Schema
	env      *cel.Env
	mistakes MistakesError
	applied  bool // it was applied before: rules that came later do not apply
}

func (c *compiler) compile() (*Trigger, error) {
	d, s := c.def, c.schema
	t := &Trigger{def: d}
	c.settings()
	env, err := environment(d, s)
	if err != nil {
		return nil, fmt.Errorf("trigger: prepare expressions: %w", err)
	}
	c.env = env
	t.when = c.condition("when", d.When)
	t.reverse = c.condition("reverse_when", d.ReverseWhen)
	t.fields = c.target()
	if err := c.mistakes.err(); err != nil {
		return nil, err
	}
	return t, nil
}

// wrong records a mistake at a setting, unless the setting has one already.
func (c *compiler) wrong(path, format string, args ...any) {
	if !c.mistakes.has(path) {
		c.wrongAt(c.placeOf(path), path, format, args...)
	}
}

func (c *compiler) wrongAt(at place, path, format string, args ...any) {
	c.mistakes = append(c.mistakes, Mistake{Line: at.line, Column: at.column, Path: path, Problem: fmt.Sprintf(format, args...)})
}

func (c *compiler) placeOf(path string) place { return c.def.placeOf(path) }

// Mistake returns a mistake at a setting's place in the text. It is for mistakes
// that only a vendor can tell.
func (d Definition) Mistake(path, problem string) Mistake {
	at := d.placeOf(path)
	return Mistake{Line: at.line, Column: at.column, Path: path, Problem: problem}
}

// placeOf finds a setting in the text, or the setting that should contain it.
func (d Definition) placeOf(path string) place {
	for {
		if at, ok := d.places[path]; ok || path == "" {
			return at
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
}

var slug = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// settings checks everything except expressions and the target.
func (c *compiler) settings() {
	d := c.def
	if !slug.MatchString(d.ID) {
		c.wrong("id", "a trigger needs an id of lower-case letters, digits and dashes, at most 40, the first a letter")
	}
	if d.Object == "" {
		c.wrong("object", "say what it watches: contact, deal or company")
	}
	c.event()
}

// unheard lists properties for whose changes HubSpot sends no webhooks.
var unheard = []string{"hs_lastmodifieddate", "lastmodifieddate", "num_unique_conversion_events"}

func (c *compiler) event() {
	e := c.def.Event
	switch e.Type {
	case "":
		c.wrong("event.type", "say what has to happen: created, property_changed or form_submitted")
	case PropertyChanged:
		if len(e.Properties) == 0 {
			c.wrong("event.property", "say which property has to change")
		}
	case FormSubmitted:
		if len(e.Forms) == 0 {
			c.wrong("event.forms", "say which forms count, by their ids")
		}
		if c.def.Object != bridge.ObjectContact && c.def.Object != "" {
			c.wrong("event.type", "forms are submitted by contacts, so that the object has to be contact")
		}
	}
	if e.Type != PropertyChanged && e.Type != "" && len(e.Properties) > 0 {
		c.wrong("event.property", "belongs to property_changed")
	}
	if e.Type != FormSubmitted && e.Type != "" && len(e.Forms) > 0 {
		c.wrong("event.forms", "belongs to form_submitted")
	}
	for _, p := range e.Properties {
		c.property("event.property", p)
	}
}

// property checks that HubSpot sends webhooks for a property's changes.
func (c *compiler) property(path, name string) {
	o := c.def.Object
	if o == "" {
		return
	}
	if _, ok := c.schema[o][name]; !ok {
		c.wrong(path, "the portal has no %s property %q%s", o, name, suggestion(name, c.schema.names(o)))
	} else if slices.Contains(unheard, name) {
		c.wrong(path, "HubSpot sends no webhook when %s changes", name)
	}
}

// condition compiles a boolean expression.
func (c *compiler) condition(path string, text Expression) *program {
	if text == "" {
		return nil
	}
	p := c.expression(path, text)
	if p == nil {
		return nil
	}
	if !p.ast.OutputType().IsEquivalentType(cel.BoolType) {
		c.wrong(path, "a condition is true or false, but this gives %s", typeWords(p.ast.OutputType()))
		return nil
	}
	p.terms = terms(p.ast)
	return p
}

// expression compiles one expression; nil means that it has a mistake.
func (c *compiler) expression(path string, text Expression) *program {
	checked, issues := c.env.Compile(string(text))
	if issues.Err() != nil {
		for _, e := range issues.Errors() {
			column := e.Location.Column()
			if undefinedField.MatchString(e.Message) {
				column++ // CEL points to the dot before it
			}
			c.wrongAt(c.placeOf(path).within(e.Location.Line(), column), path, "%s", c.explain(e.Message))
		}
		return nil
	}
	c.options(path, checked)
	if !c.applied {
		c.formatted(path, checked)
	}
	estimate, err := c.env.EstimateCost(checked, sizes{})
	if err != nil || estimate.Max > maxCost {
		c.wrong(path, "this could take too long on a large record: leave out loops over texts of any length")
		return nil
	}
	literals, err := exactLiterals(checked)
	if err != nil {
		c.wrong(path, "a number in it is longer than %d digits", longestNumber)
		return nil
	}
	run, err := c.env.Program(checked, cel.CustomDecorator(literals), cel.CostLimit(maxCost), cel.EvalOptions(cel.OptTrackState, cel.OptPartialEval))
	if err != nil {
		c.wrong(path, "this cannot be evaluated: %v", err)
		return nil
	}
	p := &program{path: path, ast: checked, run: run, reads: reads(checked)}
	p.inspect()
	return p
}

// inspect finds out what an expression reads and computes.
func (p *program) inspect() {
	ast.PostOrderVisit(p.ast.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.IdentKind:
			p.portal = p.portal || e.AsIdent() == varPortal
		case ast.SelectKind:
			object, name := selected(e)
			p.event = p.event || object == varEvent && name == "property"
		case ast.CallKind:
			f := e.AsCall().FunctionName()
			p.converts = p.converts || f == operators.Multiply || f == operators.Divide
		}
	}))
}

var (
	undefinedField = regexp.MustCompile(`^undefined field '([^']*)'`)
	undeclared     = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	noOverload     = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '(.*)'$`)
)

// explain replaces CEL's messages by clearer ones, if there are any.
func (c *compiler) explain(message string) string {
	if m := undefinedField.FindStringSubmatch(message); m != nil {
		var all []string
		for _, o := range c.def.objects() {
			all = append(all, c.schema.names(o)...)
		}
		return fmt.Sprintf("the portal has no property %q here%s", m[1], suggestion(m[1], all))
	}
	if m := undeclared.FindStringSubmatch(message); m != nil {
		known := []string{varEvent, varNow, varPortal}
		for _, o := range c.def.objects() {
			known = append(known, string(o))
		}
		if c.def.Event.Type == FormSubmitted {
			known = append(known, varForm)
		}
		slices.Sort(known)
		return fmt.Sprintf("there is no %q; there are %s, and CEL's functions", m[1], strings.Join(known, ", "))
	}
	if m := noOverload.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("%s does not take %s", strings.Trim(m[1], "_"), celTypes.Replace(strings.Trim(m[2], "()")))
	}
	return message
}

// celTypes replaces CEL's names of types by ours.
var celTypes = strings.NewReplacer("string", "text", "timestamp", "a date", "bool", "true or false",
	"double", "a number with decimals (1.0)", "uint", "a whole number (1u)", "int", "a whole number (1)",
	", ", " with ", ".(", " of ")

// reads returns the properties that an expression reads, by object.
func reads(checked *cel.Ast) map[bridge.ObjectType][]string {
	out := map[bridge.ObjectType][]string{}
	ast.PostOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		object, name := "", ""
		switch e.Kind() {
		case ast.SelectKind:
			object, name = selected(e)
		case ast.CallKind: // deal.?amount
			call := e.AsCall()
			if call.FunctionName() != operators.OptSelect || len(call.Args()) != 2 {
				return
			}
			object = variable(call.Args()[0])
			if call.Args()[1].Kind() == ast.LiteralKind {
				name, _ = call.Args()[1].AsLiteral().Value().(string)
			}
		}
		switch o := bridge.ObjectType(object); o {
		case bridge.ObjectContact, bridge.ObjectDeal, bridge.ObjectCompany:
			if name != "" && !slices.Contains(out[o], name) {
				out[o] = append(out[o], name)
			}
		}
	}))
	for _, names := range out {
		slices.Sort(names)
	}
	return out
}

// selected returns the parts of an expression like deal.amount; empty for any
// other.
func selected(e ast.Expr) (object, name string) {
	if e.Kind() != ast.SelectKind {
		return "", ""
	}
	return variable(e.AsSelect().Operand()), e.AsSelect().FieldName()
}

func variable(e ast.Expr) string {
	if e.Kind() != ast.IdentKind {
		return ""
	}
	return e.AsIdent()
}

// terms splits a condition at its outermost &&.
func terms(checked *cel.Ast) []term {
	native := checked.NativeRep()
	var out []term
	var split func(e ast.Expr)
	split = func(e ast.Expr) {
		if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.LogicalAnd {
			for _, arg := range e.AsCall().Args() {
				split(arg)
			}
			return
		}
		words, err := parser.Unparse(e, native.SourceInfo(), parser.WrapOnColumn(maxExpression))
		if err != nil {
			words = "part of it"
		}
		out = append(out, term{e.ID(), words})
	}
	split(native.Expr())
	return out
}

// Reads returns the properties that a decision needs of each record, in order. For
// a trigger on another type, those of contacts are the customer's; they include the
// properties by which a customer is chosen.
func (t *Trigger) Reads() map[bridge.ObjectType][]string {
	out := map[bridge.ObjectType][]string{}
	for _, p := range t.programs() {
		for o, names := range p.reads {
			out[o] = append(out[o], names...)
		}
	}
	if t.amountsOfDeals() {
		out[bridge.ObjectDeal] = append(out[bridge.ObjectDeal], propCurrency)
	}
	out[t.def.Object] = append(out[t.def.Object], t.def.Event.Properties...)
	out[bridge.ObjectContact] = slices.Concat(out[bridge.ObjectContact], customerProperties, t.personal())
	for o, names := range out {
		slices.Sort(names)
		out[o] = slices.Compact(names)
	}
	return out
}

// typeWords returns the name of a type for people who do not program.
func typeWords(t *cel.Type) string {
	switch t.Kind() {
	case cel.StringKind:
		return "text"
	case cel.DoubleKind, cel.IntKind, cel.UintKind:
		return "a number"
	case cel.TimestampKind:
		return "a date"
	case cel.BoolKind:
		return "true or false"
	default:
		return t.String()
	}
}
