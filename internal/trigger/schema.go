package trigger

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"advocatesync/internal/bridge"
)

// Schema lists the properties of the portal by object and name. A property that it
// does not list does not exist.
type Schema map[bridge.ObjectType]map[string]Property

// Property is what expressions need to know of a property.
type Property struct {
	Type string `json:"type"` // HubSpot's: "string", "number", "bool", "date", "datetime", "enumeration" or "phone_number"

	// Options are the allowed values; none: any value.
	Options []string `json:"-"`
}

// Kind names the type as expressions see it, for people who do not program.
func (p Property) Kind() string { return typeWords(kindOf(p.Type).celType()) }

// Only returns the part of a schema that a trigger's expressions use. It has to be
// stored to compile the trigger again.
func (t *Trigger) Only(s Schema) Schema {
	out := Schema{}
	for object, names := range t.Reads() {
		for _, name := range names {
			property, known := s[object][name]
			if !known {
				continue
			}
			if out[object] == nil {
				out[object] = map[string]Property{}
			}
			out[object][name] = property
		}
	}
	return out
}

// kind is the type of a property in expressions.
type kind int

const (
	text kind = iota
	number
	truth
	moment
)

func kindOf(hubspotType string) kind {
	switch hubspotType {
	case "number":
		return number
	case "bool":
		return truth
	case "date", "datetime":
		return moment
	default:
		return text
	}
}

// EmptyError says that a value could not be computed because a property is
// empty.
type EmptyError struct{ Name string } // "deal.amount"

func (e *EmptyError) Error() string { return e.Name + " is empty" }

// UnreadableError says that a property's value does not fit its type.
type UnreadableError struct {
	Name string // "deal.amount"
	Want string // "number"
}

func (e *UnreadableError) Error() string { return fmt.Sprintf("%s does not hold a %s", e.Name, e.Want) }

// value reads a property's text, as HubSpot's API gives it, by its kind.
func value(name, raw string, k kind) (any, error) {
	if k == text {
		return raw, nil
	}
	if raw = strings.TrimSpace(raw); raw == "" {
		return nil, &EmptyError{Name: name}
	}
	switch k {
	case number:
		d, ok := parseDecimal(raw)
		if !ok {
			return nil, &UnreadableError{Name: name, Want: "number"}
		}
		return d, nil
	case truth:
		switch strings.ToLower(raw) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, &UnreadableError{Name: name, Want: "true or false"}
	default:
		at, ok := readMoment(raw)
		if !ok {
			return nil, &UnreadableError{Name: name, Want: "date"}
		}
		return at, nil
	}
}

// A number outside these bounds is no count of milliseconds: seconds, read as
// milliseconds, lie within weeks of 1970, and microseconds thousands of years
// ahead.
var (
	firstMillisecond = time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	lastMillisecond  = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// readMoment reads ISO 8601 dates and times, and plausible milliseconds since
// 1970.
func readMoment(raw string) (time.Time, bool) {
	if at, ok := readISO(raw); ok {
		return at, true
	}
	ms, err := strconv.ParseInt(raw, 10, 64)
	if err != nil || ms < firstMillisecond || ms >= lastMillisecond {
		return time.Time{}, false
	}
	return time.UnixMilli(ms).UTC(), true
}

func readISO(raw string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(layout, raw); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// names returns an object's properties in order.
func (s Schema) names(o bridge.ObjectType) []string { return slices.Sorted(maps.Keys(s[o])) }
