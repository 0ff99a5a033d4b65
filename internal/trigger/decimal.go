package trigger

import (
	"errors"
	"math/big"
	"reflect"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/stdlib"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// decimal is an exact number in an expression. It replaces CEL's double, whose name
// it keeps for the type checker, so that no amount of money passes through binary
// floating point. A fraction stays exact through all four operations; only when it
// becomes text must its decimals end.
type decimal struct{ rat *big.Rat }

// Bounds that keep an evaluation cheap: HubSpot's numbers have far fewer digits.
const (
	longestNumber = 400  // characters of a number's text
	widestNumber  = 8192 // bits on either side of a fraction
)

var (
	numberText = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?[0-3]?\d{1,2})?$`)

	errTooWide  = errors.New("a number is out of range")
	errEndless  = errors.New("a number's decimals never end: say where to round it, as in round(x, 2)")
	errFraction = errors.New("a number has decimals, which a whole number would lose: round it first, as in int(round(x, 0))")
	errNoNumber = errors.New("a text is not what a conversion expects")
	errDivision = errors.New("a division by zero")
	errPlaces   = errors.New("round takes between 0 and 20 decimals")
)

// parseDecimal reads a number as HubSpot's API, CEL and YAML write it.
func parseDecimal(text string) (decimal, bool) {
	if len(text) > longestNumber || !numberText.MatchString(text) {
		return decimal{}, false
	}
	rat, ok := new(big.Rat).SetString(text)
	return decimal{rat}, ok
}

// text formats the number without an exponent and without trailing zeros. ok is
// false if its decimals never end.
func (d decimal) text() (text string, ok bool) {
	places, exact := d.rat.FloatPrec()
	if !exact {
		return "", false
	}
	return d.rat.FloatString(places), true
}

// round returns the number rounded to a number of decimals; a half goes away from zero, as in
// commerce.
func (d decimal) round(places int64) ref.Val {
	const most = 20
	if places < 0 || places > most {
		return types.WrapErr(errPlaces)
	}
	rat, _ := new(big.Rat).SetString(d.rat.FloatString(int(places)))
	return decimal{rat}
}

func bounded(rat *big.Rat) ref.Val {
	if rat.Num().BitLen() > widestNumber || rat.Denom().BitLen() > widestNumber {
		return types.WrapErr(errTooWide)
	}
	return decimal{rat}
}

// asDecimal converts a number of any type.
func asDecimal(v ref.Val) (decimal, bool) {
	switch v := v.(type) {
	case decimal:
		return v, true
	case types.Int:
		return decimal{new(big.Rat).SetInt64(int64(v))}, true
	case types.Uint:
		return decimal{new(big.Rat).SetUint64(uint64(v))}, true
	default:
		return decimal{}, false
	}
}

func (d decimal) operate(other ref.Val, operation func(z, x, y *big.Rat) *big.Rat) ref.Val {
	o, ok := other.(decimal)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	return bounded(operation(new(big.Rat), d.rat, o.rat))
}

// Add implements traits.Adder.
func (d decimal) Add(other ref.Val) ref.Val { return d.operate(other, (*big.Rat).Add) }

// Subtract implements traits.Subtractor.
func (d decimal) Subtract(other ref.Val) ref.Val { return d.operate(other, (*big.Rat).Sub) }

// Multiply implements traits.Multiplier.
func (d decimal) Multiply(other ref.Val) ref.Val { return d.operate(other, (*big.Rat).Mul) }

// Divide implements traits.Divider.
func (d decimal) Divide(other ref.Val) ref.Val {
	if o, ok := other.(decimal); ok && o.rat.Sign() == 0 {
		return types.WrapErr(errDivision)
	}
	return d.operate(other, (*big.Rat).Quo)
}

// Negate implements traits.Negater.
func (d decimal) Negate() ref.Val { return decimal{new(big.Rat).Neg(d.rat)} }

// Compare implements traits.Comparer.
func (d decimal) Compare(other ref.Val) ref.Val {
	o, ok := asDecimal(other)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	return types.Int(d.rat.Cmp(o.rat))
}

// IsZeroValue implements traits.Zeroer.
func (d decimal) IsZeroValue() bool { return d.rat.Sign() == 0 }

// ConvertToNative implements ref.Val. A decimal converts to nothing else.
func (d decimal) ConvertToNative(reflect.Type) (any, error) { return nil, errNoNumber }

// ConvertToType implements ref.Val.
func (d decimal) ConvertToType(t ref.Type) ref.Val {
	switch t {
	case types.DoubleType:
		return d
	case types.TypeType:
		return types.DoubleType
	case types.StringType:
		if text, ok := d.text(); ok {
			return types.String(text)
		}
		return types.WrapErr(errEndless)
	case types.IntType, types.UintType:
		return d.whole(t)
	default:
		return types.WrapErr(errNoNumber)
	}
}

func (d decimal) whole(t ref.Type) ref.Val {
	switch {
	case !d.rat.IsInt():
		return types.WrapErr(errFraction)
	case t == types.IntType && d.rat.Num().IsInt64():
		return types.Int(d.rat.Num().Int64())
	case t == types.UintType && d.rat.Num().IsUint64():
		return types.Uint(d.rat.Num().Uint64())
	default:
		return types.WrapErr(errTooWide)
	}
}

// Equal implements ref.Val.
func (d decimal) Equal(other ref.Val) ref.Val {
	o, ok := asDecimal(other)
	return types.Bool(ok && d.rat.Cmp(o.rat) == 0)
}

// Type implements ref.Val: to the type checker it is CEL's double.
func (d decimal) Type() ref.Type { return types.DoubleType }

// Value implements ref.Val.
func (d decimal) Value() any { return d }

// comparisons says, for each ordering operator, for which results of Compare it
// holds.
var comparisons = map[string]func(compared types.Int) bool{
	operators.Less:          func(c types.Int) bool { return c < 0 },
	operators.LessEquals:    func(c types.Int) bool { return c <= 0 },
	operators.Greater:       func(c types.Int) bool { return c > 0 },
	operators.GreaterEquals: func(c types.Int) bool { return c >= 0 },
}

// exactArithmetic returns CEL's standard library with exact numbers: functions that
// use binary floating point or drop a remainder are replaced.
func exactArithmetic() []cel.EnvOption {
	without := env.NewLibrarySubset().AddExcludedFunctions(
		&env.Function{Name: operators.Divide}, &env.Function{Name: overloads.TypeConvertDouble})
	options := []cel.EnvOption{
		redeclared(operators.Divide, cel.SingletonBinaryBinding(divide, traits.DividerType)),
		redeclared(overloads.TypeConvertDouble, cel.SingletonUnaryBinding(toDecimal)),
		cel.Function("round", cel.Overload("round_double_int", []*cel.Type{cel.DoubleType, cel.IntType}, cel.DoubleType,
			cel.BinaryBinding(round))),
	}
	for operator, holds := range comparisons {
		without.AddExcludedFunctions(&env.Function{Name: operator})
		options = append(options, redeclared(operator, cel.SingletonBinaryBinding(comparison(holds), traits.ComparerType)))
	}
	return append([]cel.EnvOption{cel.StdLib(cel.StdLibSubset(without))}, options...)
}

// redeclared returns a function of the standard library with the same signatures,
// but our binding.
func redeclared(name string, binding cel.FunctionOpt) cel.EnvOption {
	signatures := []cel.FunctionOpt{binding}
	for _, f := range stdlib.Functions() {
		if f.Name() != name {
			continue
		}
		for _, o := range f.OverloadDecls() {
			signatures = append(signatures, decls.Overload(o.ID(), o.ArgTypes(), o.ResultType()))
		}
	}
	return cel.Function(name, signatures...)
}

func comparison(holds func(types.Int) bool) func(lhs, rhs ref.Val) ref.Val {
	return func(lhs, rhs ref.Val) ref.Val {
		if _, exact := rhs.(decimal); exact { // CEL's integers cannot be compared with ours
			if l, ok := asDecimal(lhs); ok {
				lhs = l
			}
		}
		l, ok := lhs.(traits.Comparer)
		if !ok {
			return types.MaybeNoSuchOverloadErr(lhs)
		}
		compared, ok := l.Compare(rhs).(types.Int)
		if !ok {
			return l.Compare(rhs) // an error, or unknown
		}
		return types.Bool(holds(compared))
	}
}

// divide divides exactly, where CEL drops the remainder of integers.
func divide(lhs, rhs ref.Val) ref.Val {
	l, ok := lhs.(traits.Divider)
	if !ok {
		return types.MaybeNoSuchOverloadErr(lhs)
	}
	if m, whole := lhs.(traits.Modder); whole {
		if rest := m.Modulo(rhs); rest != types.Int(0) && rest != types.Uint(0) {
			if types.IsUnknownOrError(rest) {
				return rest
			}
			return types.WrapErr(errFraction)
		}
	}
	return l.Divide(rhs)
}

func toDecimal(v ref.Val) ref.Val {
	if d, ok := asDecimal(v); ok {
		return d
	}
	if text, is := v.(types.String); is {
		if d, ok := parseDecimal(strings.TrimSpace(string(text))); ok {
			return d
		}
		return types.WrapErr(errNoNumber)
	}
	return types.MaybeNoSuchOverloadErr(v)
}

func round(number, places ref.Val) ref.Val {
	d, ok := number.(decimal)
	n, whole := places.(types.Int)
	if !ok || !whole {
		return types.MaybeNoSuchOverloadErr(number)
	}
	return d.round(int64(n))
}

var literalText = regexp.MustCompile(`^-?\s*(\d+(\.\d+)?|\.\d+)([eE][+-]?\d+)?`)

// exactLiterals keeps the numbers in an expression as they are written. CEL's
// parser has turned them into floats.
func exactLiterals(checked *cel.Ast) (interpreter.InterpretableDecorator, error) {
	written := map[int64]decimal{}
	native := checked.NativeRep()
	source := []rune(checked.Source().Content())
	var inexact error
	ast.PostOrderVisit(native.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.LiteralKind {
			return
		}
		if _, is := e.AsLiteral().(types.Double); !is {
			return
		}
		at, known := native.SourceInfo().GetOffsetRange(e.ID())
		if !known || int(at.Start) > len(source) {
			inexact = errTooWide
			return
		}
		d, ok := parseDecimal(strings.Join(strings.Fields(literalText.FindString(string(source[at.Start:]))), ""))
		if !ok {
			inexact = errTooWide
			return
		}
		written[e.ID()] = d
	}))
	return func(i interpreter.Interpretable) (interpreter.Interpretable, error) {
		if d, is := written[i.ID()]; is {
			if _, constant := i.(interpreter.InterpretableConst); constant {
				return interpreter.NewConstValue(i.ID(), d), nil
			}
		}
		return i, nil
	}, inexact
}
