package trigger

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"advocatesync/internal/bridge"
)

// Warnings returns what a definition says but hardly means, each with a fix.
func (t *Trigger) Warnings() []Mistake {
	var out []Mistake
	for path, problem := range map[string]string{
		"once":                             t.countsEveryEdit(),
		conversionFields + ".CurrencyCode": t.namesCurrency(),
	} {
		if problem != "" {
			out = append(out, t.def.Mistake(path, problem))
		}
	}
	return MistakesError(out).sorted()
}

// countsEveryEdit finds a condition on the state of a record in a trigger that
// counts every change: each edit counts again while the state stays the same.
func (t *Trigger) countsEveryEdit() string {
	watched := t.def.Event.Properties
	if t.def.Once != OncePerChange || t.when == nil || len(watched) == 0 {
		return ""
	}
	if t.when.event {
		if watched = t.counting(watched); len(watched) < 2 {
			return ""
		}
	}
	decisive := watched[0]
	for _, p := range watched {
		if slices.Contains(t.when.reads[t.def.Object], p) {
			decisive = p
			break
		}
	}
	if len(watched) == 1 && slices.Contains(t.when.reads[t.def.Object], decisive) {
		return ""
	}
	if len(watched) == 1 {
		return fmt.Sprintf("every change of %s counts while the condition holds, so one %s can count several times: leave once out, or watch what the condition is about",
			decisive, t.def.Object)
	}
	return fmt.Sprintf("every change of %s counts while the condition holds, so one %s can count several times: leave once out, or add event.property == %q to the condition",
		strings.Join(watched, " or "), t.def.Object, decisive)
}

// counting returns those of some properties whose changes the condition may hold for,
// whatever the record is.
func (t *Trigger) counting(watched []string) []string {
	return slices.DeleteFunc(slices.Clone(watched), func(property string) bool {
		f := Facts{Change: Change{Property: property}}
		unknown := []*cel.AttributePatternType{cel.AttributePattern(varNow), cel.AttributePattern(varPortal), cel.AttributePattern(varForm),
			cel.AttributePattern(varEvent).QualString("occurred_at")}
		for _, object := range bridge.ObjectTypes() {
			unknown = append(unknown, cel.AttributePattern(string(object)))
		}
		vars, err := cel.PartialVars(t.def.variables(f), unknown...)
		if err != nil {
			return false
		}
		holds, _, err := t.when.run.Eval(vars)
		return err == nil && holds == types.False
	})
}

// namesCurrency finds a literal currency beside amounts of deals.
func (t *Trigger) namesCurrency() string {
	if !t.amountsOfDeals() {
		return ""
	}
	named := ""
	for i, f := range t.def.Conversion.Fields {
		if f.Path[0] != "CurrencyCode" {
			continue
		}
		if named = f.Text; t.fields[i] != nil {
			named = t.fields[i].currencyNamed()
		}
	}
	if named == "" {
		return ""
	}
	return fmt.Sprintf("%s is right only for deals in that currency, and others are parked: write = deal.?%s.orValue(portal.currency)", named, propCurrency)
}

// currencyNamed returns a currency that an expression contains as a literal.
func (p *program) currencyNamed() (code string) {
	ast.PostOrderVisit(p.ast.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.LiteralKind {
			return
		}
		if text, is := e.AsLiteral().Value().(string); is && currencies[text] {
			code = text
		}
	}))
	return code
}

// personalCustomerID refuses a CustomerId that identifies a person.
func (c *compiler) personalCustomerID(path string, p *program) {
	for _, name := range p.reads[bridge.ObjectContact] {
		if slices.Contains(identifying, name) || slices.Contains(telephones, name) {
			c.wrong(path, "would be the customer's %s: leave CustomerId out, and it is a hash of the customer's email", name)
			return
		}
	}
}

// formatted refuses numbers with decimals in format(), which would take them
// through binary floating point.
func (c *compiler) formatted(path string, checked *cel.Ast) {
	native := checked.NativeRep()
	ast.PostOrderVisit(native.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "format" || len(e.AsCall().Args()) != 1 {
			return
		}
		list := e.AsCall().Args()[0]
		if list.Kind() != ast.ListKind {
			return
		}
		for _, element := range list.AsList().Elements() {
			if native.GetType(element.ID()).Kind() == cel.DoubleKind {
				c.wrong(path, "format() takes no number with decimals: hand it string(x), or string(round(x, 2))")
			}
		}
	}))
}
