package trigger

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"advocatesync/internal/bridge"
)

// options finds comparisons of a property with a value that it can never have: a
// misspelt stage, or a label in place of a value, would never match, and nobody
// would notice.
func (c *compiler) options(path string, checked *cel.Ast) {
	native := checked.NativeRep()
	ast.PostOrderVisit(native.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		for _, literal := range compared(e) {
			object, name := selected(literal.with)
			options := c.schema[bridge.ObjectType(object)][name].Options
			if literal.text == "" || len(options) == 0 || slices.Contains(options, literal.text) {
				continue
			}
			at := native.SourceInfo().GetStartLocation(literal.id)
			c.wrongAt(c.placeOf(path).within(at.Line(), at.Column()), path, "%s",
				fmt.Sprintf("%s.%s is never %q%s; its values are %s", object, name, literal.text, suggestion(literal.text, options), shown(options)))
		}
	}))
}

// literal is a text in a comparison.
type literal struct {
	id   int64
	text string
	with ast.Expr
}

// compared returns the texts with which one step of an expression compares.
func compared(e ast.Expr) []literal {
	if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
		return nil
	}
	a, b := e.AsCall().Args()[0], e.AsCall().Args()[1]
	var pairs [][2]ast.Expr // a text, and what it is compared with
	switch e.AsCall().FunctionName() {
	case operators.Equals, operators.NotEquals:
		pairs = [][2]ast.Expr{{a, b}, {b, a}}
	case operators.In:
		if b.Kind() == ast.ListKind {
			for _, element := range b.AsList().Elements() {
				pairs = append(pairs, [2]ast.Expr{element, a})
			}
		}
	}
	var out []literal
	for _, pair := range pairs {
		if pair[0].Kind() != ast.LiteralKind {
			continue
		}
		if text, is := pair[0].AsLiteral().Value().(string); is {
			out = append(out, literal{pair[0].ID(), text, pair[1]})
		}
	}
	return out
}

// shown lists options for a message, but not hundreds of countries.
func shown(options []string) string {
	const most = 12
	if len(options) <= most {
		return strings.Join(options, ", ")
	}
	return strings.Join(options[:most], ", ") + fmt.Sprintf(" and %d more", len(options)-most)
}
