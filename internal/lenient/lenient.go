// Package lenient reads the JSON that vendors really send: numbers where text is
// documented, null where something always is, now and then an object. A value is
// read as what it can only mean, or it is odd: then it alone is lost, and whoever
// needs it refuses the record it belongs to. Nothing here fails, so that one record
// does not take the others of its answer with it.
package lenient

import (
	"bytes"
	"encoding/json"
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
}

// UnmarshalJSON never fails.
func (t *Text) UnmarshalJSON(raw []byte) error {
	*t = Text{}
	switch raw[0] {
	case '"':
		t.odd = json.Unmarshal(raw, &t.value) != nil
	case '{', '[':
		t.odd = true
	case 'n':
	default:
		t.value = string(raw)
	}
	return nil
}

// Odd tells that the value was an object or a list.
func (t Text) Odd() bool { return t.odd }

// Raw is the text exactly as it came.
func (t Text) Raw() string { return t.value }

// String is the text without what no text has: NUL, which databases do not take.
func (t Text) String() string { return strings.ReplaceAll(t.value, "\x00", "") }

// ID is the text if it can name something: it is not odd, and has neither control
// characters nor the marks of what was no Unicode. Empty is an id that is missing.
func (t Text) ID() (id string, ok bool) {
	if t.odd || strings.ContainsFunc(t.value, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }) {
		return "", false
	}
	return t.value, true
}

// Flag is a JSON boolean, also in quotes. Anything else is false.
type Flag bool

// UnmarshalJSON never fails.
func (f *Flag) UnmarshalJSON(raw []byte) error {
	*f = string(bytes.Trim(raw, `"`)) == "true"
	return nil
}

// Moment is a time: in RFC 3339, or in milliseconds since 1970, each also in quotes.
// Anything else, and a moment that no calendar of ours has, is the zero time.
type Moment struct{ time.Time }

// lastMillis is the end of the year 9999.
const lastMillis = 253_402_300_799_999

// UnmarshalJSON never fails.
func (m *Moment) UnmarshalJSON(raw []byte) error {
	*m = Moment{}
	text := string(bytes.Trim(raw, `"`))
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		m.Time = at.UTC()
		return nil
	}
	ms, err := strconv.ParseFloat(text, 64)
	if err == nil && ms > 0 && ms <= lastMillis {
		m.Time = time.UnixMilli(int64(ms)).UTC()
	}
	return nil
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
