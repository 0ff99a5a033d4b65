// Package lenient reads the JSON that vendors really send: numbers where text is
// documented, null where something always is, now and then an object. A value is
// read as what it can only mean, or it is odd: then it alone is lost, and whoever
// needs it refuses the record it belongs to. Nothing here fails, so that one record
// does not take the others of its answer with it.
package lenient

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Text is a JSON string, number or boolean. Null, like a field that is missing, is
// empty. A number keeps its digits.
type Text struct {
	value string
	odd   bool
	bare  bool // it came without quotes
	told  bool // it was there, if only as null
}

// TextOf is the text of a JSON string.
func TextOf(value string) Text { return Text{value: value, told: true} }

// UnmarshalJSON never fails.
func (t *Text) UnmarshalJSON(raw []byte) error {
	*t = Text{told: true}
	switch raw[0] {
	case '"':
		t.odd = json.Unmarshal(raw, &t.value) != nil
	case '{', '[':
		t.odd = true
	case 'n':
	default:
		t.value, t.bare = string(raw), true
	}
	return nil
}

// Told tells that the field was there, if only as null: a vendor that always names it
// says nothing of it by leaving it out.
func (t Text) Told() bool { return t.told }

// Odd tells that the value was an object or a list.
func (t Text) Odd() bool { return t.odd }

// Raw is the text exactly as it came.
func (t Text) Raw() string { return t.value }

// String is the text without what no text has: NUL, which databases do not take.
func (t Text) String() string { return strings.ReplaceAll(t.value, "\x00", "") }

// ID is the text if it can name something: it is not odd, and ok for IsID. Without
// quotes, only a whole number in digits is: of 5.08e11, digits may be lost. Empty is an
// id that is missing.
func (t Text) ID() (id string, ok bool) {
	if t.odd || !IsID(t.value) || t.bare && strings.Trim(t.value, "0123456789") != "" {
		return "", false
	}
	return t.value, true
}

// IsID tells a text that can be an id from one that never is: it has neither control
// characters nor what was no Unicode. Such characters cannot be taken out of an id,
// because the rest may be somebody else's.
func IsID(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError })
}

// Flag is a JSON boolean, also in quotes. Anything else is false.
type Flag bool

// UnmarshalJSON never fails.
func (f *Flag) UnmarshalJSON(raw []byte) error {
	*f = string(bytes.Trim(raw, `"`)) == "true"
	return nil
}

// Moment is a time as ParseMoment reads it, also in quotes.
type Moment struct{ time.Time }

// UnmarshalJSON never fails.
func (m *Moment) UnmarshalJSON(raw []byte) error {
	m.Time = ParseMoment(string(bytes.Trim(raw, `"`)))
	return nil
}

// Between these years vendors made, changed or sent what they tell of. Seconds or
// microseconds in the place of milliseconds lie outside.
const (
	firstYear = 2000
	lastYear  = 2199
)

// ParseMoment reads a time in RFC 3339, or in milliseconds since 1970. Anything
// else, and a moment at which no vendor of ours did anything, is the zero time.
func ParseMoment(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		ms, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || !(ms > 0) || ms >= math.MaxInt64 { // NaN is not above 0
			return time.Time{}
		}
		at = time.UnixMilli(int64(ms))
	}
	if at = at.UTC(); at.Year() < firstYear || at.Year() > lastYear {
		return time.Time{}
	}
	return at
}

// List is a JSON array, of which each element is read by itself: what an element is
// not, the others still are. Anything but an array is nil; an empty one is not.
type List[T any] []T

// UnmarshalJSON never fails. Of an element that T cannot be, T's zero value is kept.
func (l *List[T]) UnmarshalJSON(raw []byte) error {
	*l = nil
	var elements []json.RawMessage
	if _ = json.Unmarshal(raw, &elements); elements == nil {
		return nil
	}
	*l = make(List[T], 0, len(elements))
	for _, element := range elements {
		var one T
		if json.Unmarshal(element, &one) != nil {
			one = *new(T)
		}
		*l = append(*l, one)
	}
	return nil
}

// Map is a JSON object with such values. Anything but an object is empty, and odd
// unless it is null.
type Map[T any] struct {
	Values map[string]T
	Odd    bool
}

// UnmarshalJSON never fails. A value that T cannot be is left out.
func (m *Map[T]) UnmarshalJSON(raw []byte) error {
	*m = Map[T]{}
	if m.Odd = raw[0] != '{' && raw[0] != 'n'; m.Odd {
		return nil
	}
	var values map[string]json.RawMessage
	_ = json.Unmarshal(raw, &values) // an object or null, so it cannot fail
	if values == nil {
		return nil
	}
	m.Values = make(map[string]T, len(values))
	for name, value := range values {
		var one T
		if json.Unmarshal(value, &one) == nil {
			m.Values[name] = one
		}
	}
	return nil
}
