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

// Schema tells, by object and name, which properties the portal has. What it
// does not list does not exist.
type Schema map[bridge.ObjectType]map[string]Property

// Property is what expressions have to know of a property.
type Property struct {
	Type string `json:"type"` // HubSpot's: "string", "number", "bool", "date", "datetime", "enumeration" or "phone_number"

	// Options are the values of which it takes one; none: any.
	Options []string `json:"-"`
}

// Only returns the part of a schema that a trigger's expressions use, which is
// what has to be kept for compiling it again.
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

// kind is a property's type as expressions see it.
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

// UnreadableError says that a property does not hold what its type promises.
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

// A count of milliseconds outside these bounds is no such count: seconds, read
// as milliseconds, all lie within weeks of 1970, and microseconds thousands of
// years ahead.
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

// names lists an object's properties in order.
func (s Schema) names(o bridge.ObjectType) []string { return slices.Sorted(maps.Keys(s[o])) }
