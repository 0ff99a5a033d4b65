package trigger

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// holds evaluates a condition: Send if it holds, Blocked if a value is not what its
// type promises, Skip otherwise. An empty value makes it Skip.
func (p *program) holds(vars cel.PartialActivation) (Verdict, string) {
	if p == nil {
		return Send, "there is no condition"
	}
	result, details, err := p.run.Eval(vars)
	if err != nil {
		verdict := Skip
		if unfit(err) {
			verdict = Blocked
		}
		return verdict, p.path + " cannot be evaluated: " + reason(err)
	}
	if types.IsUnknown(result) {
		return NoCustomer, p.path + " depends on the contact, and none is mapped to a participant"
	}
	if result == types.True {
		return Send, p.path + " holds"
	}
	for _, part := range p.terms {
		if v, seen := details.State().Value(part.id); seen && v == types.False {
			return Skip, "this does not hold: " + part.text
		}
	}
	return Skip, p.path + " does not hold"
}

// value evaluates an expression to a string, json.Number, bool or time.Time, or nil
// for an absent value. If it fails, why says so.
func (p *program) value(vars cel.PartialActivation) (v any, why string) {
	result, _, err := p.run.Eval(vars)
	if err != nil {
		return nil, reason(err)
	}
	if optional, is := result.(*types.Optional); is {
		if !optional.HasValue() {
			return nil, ""
		}
		result = optional.GetValue()
	}
	return native(result)
}

func native(result ref.Val) (v any, why string) {
	switch v := result.Value().(type) {
	case string:
		return v, ""
	case bool:
		return v, ""
	case int64:
		return json.Number(strconv.FormatInt(v, 10)), ""
	case uint64:
		return json.Number(strconv.FormatUint(v, 10)), ""
	case decimal:
		text, ok := v.text()
		if !ok {
			return nil, errEndless.Error()
		}
		return json.Number(text), ""
	case time.Time:
		return v, ""
	default:
		return nil, "the result is no text, number, date or true or false"
	}
}

// lossy are failures to compute a number exactly.
var lossy = []error{errEndless, errFraction, errTooWide}

// unfit reports whether a person has to correct the record or the expression.
func unfit(err error) bool {
	if _, unreadable := errors.AsType[*UnreadableError](err); unreadable {
		return true
	}
	return slices.ContainsFunc(lossy, func(loss error) bool { return errors.Is(err, loss) })
}

// celReasons replaces CEL's messages by texts that quote no value. The first match
// counts.
var celReasons = []struct{ said, words string }{
	{"no such key", "a field is not there"},
	{"division by zero", "a division by zero"},
	{"modulus by zero", "a division by zero"},
	{"cost limit", "it takes too long on this record"},
	{"overflow", "a number is out of range"},
	{"range", "a number is out of range"},
	{"optional.none", "an optional value is not there"},
	{"index out of bounds", "a list is shorter than expected"},
	{"convert", "a text is not what a conversion expects"},
	{"conversion", "a text is not what a conversion expects"},
	{"syntax", "a text is not what a conversion expects"},
	{"invalid", "a text is not what a conversion expects"},
}

// reason says why an expression has no value, without quoting a value.
func reason(err error) string {
	var empty *EmptyError
	var unreadable *UnreadableError
	switch {
	case errors.As(err, &empty):
		return empty.Error()
	case errors.As(err, &unreadable):
		return unreadable.Error()
	}
	for _, loss := range lossy {
		if errors.Is(err, loss) {
			return loss.Error()
		}
	}
	for _, known := range celReasons {
		if strings.Contains(err.Error(), known.said) {
			return known.words
		}
	}
	return "its values do not fit"
}
