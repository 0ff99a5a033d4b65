package hubspottest

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxText is the longest value of a text property (HubSpot docs: 65,536 characters).
const maxText = 65536

// prepared are checked changes to one record.
type prepared struct {
	changes  []change
	after    fields // all values once the changes are made
	warnings []warning
}

// warning tells that a value was stored in another form (HubSpot docs: 2026-09
// normalises date inputs).
type warning struct {
	Category string            `json:"category"`
	Message  string            `json:"message"`
	Context  map[string]string `json:"context"`
}

// valueError is one entry of the list inside a "Property values were not valid" message.
type valueError struct {
	IsValid   bool   `json:"isValid"`
	Message   string `json:"message"`
	Error     string `json:"error"`
	Name      string `json:"name"`
	Localized string `json:"localizedErrorMessage"`
	PortalID  int64  `json:"portalId"`
}

// author is who changes a record: it decides the rules and marks the events.
type author struct {
	source   string // changeSource of webhooks
	sourceID string
	version  string // of the API call; "" for people and forms
}

func (h *Host) appAuthor(version string) author {
	return author{source: "INTEGRATION", sourceID: formatID(h.app.ID), version: version}
}

func personAuthor(userID int64) author {
	return author{source: "CRM_UI", sourceID: "userId:" + formatID(userID)}
}

// prepare checks values against the definitions. One bad value refuses all.
func (p *Portal) prepare(s *store, values map[string]text, by author) (prepared, *failure) {
	out := prepared{changes: make([]change, 0, len(values)+3)}
	var bad []valueError
	for _, name := range slices.Sorted(maps.Keys(values)) {
		value := string(values[name])
		def, known := s.schema.active(name)
		var code, message string
		switch {
		case !known:
			code, message = "PROPERTY_DOESNT_EXIST", "Property \""+name+"\" does not exist"
		case def.readOnly:
			code, message = "READ_ONLY_VALUE", "\""+name+"\" is a read only property; its value cannot be set"
		default:
			value, code, message = p.normalise(def, value)
		}
		if code != "" {
			bad = append(bad, valueError{Message: message, Error: code, Name: name, Localized: message, PortalID: p.id})
			continue
		}
		if def.Type == "date" && value != string(values[name]) && by.version == current {
			out.warnings = append(out.warnings, warning{"PROPERTY_VALUE_NORMALIZED", "The value was normalized",
				map[string]string{"propertyName": name, "rawValue": string(values[name]), "normalizedValue": value}})
		}
		out.changes = append(out.changes, change{def.key, value})
	}
	if len(bad) > 0 {
		return prepared{}, badValues(bad)
	}
	return out, nil
}

func badValues(bad []valueError) *failure {
	list, err := json.Marshal(bad)
	if err != nil {
		return fail(500, "", "internal error")
	}
	f := invalid("Property values were not valid: %s", list)
	for _, b := range bad {
		f.Errors = append(f.Errors, detail{
			Message: b.Message, Code: b.Error, Context: map[string][]string{"propertyName": {b.Name}},
		})
	}
	return f
}

// emailShape is what HubSpot is sure to take; it is known to refuse more than RFC 5322 does.
var emailShape = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+/=?^_{|}~\x60-]+(\.[A-Za-z0-9!#$%&'*+/=?^_{|}~\x60-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}$`)

// normalise applies the portal's knobs to what all of HubSpot does.
func (p *Portal) normalise(def *Property, v string) (value, code, message string) {
	if def.Name == "email" && p.knobs.LaxEmails && strings.Contains(v, "@") {
		return strings.ToLower(v), "", ""
	}
	value, code, message = normalise(def, v)
	return value, code, strings.ReplaceAll(message, v, p.knobs.Quote.Write(v))
}

// normalise returns the stored form of a value, or why it is refused. An empty value clears.
func normalise(def *Property, v string) (value, code, message string) {
	if v == "" {
		return "", "", ""
	}
	switch {
	case def.Name == "email":
		if !emailShape.MatchString(v) {
			return "", "INVALID_EMAIL", "Email address " + v + " is invalid"
		}
		return strings.ToLower(v), "", ""
	case def.Type == "number":
		if _, err := strconv.ParseFloat(v, 64); err != nil {
			return "", "INVALID_INTEGER", v + " was not a valid number."
		}
	case def.Type == "bool":
		if v != "true" && v != "false" {
			return "", "INVALID_OPTION", v + " was not one of the allowed options: [true, false]"
		}
	case def.Type == "enumeration":
		return normaliseOption(def, v)
	case def.Type == "date":
		return normaliseTime(v, time.DateOnly)
	case def.Type == "datetime":
		return normaliseTime(v, "2006-01-02T15:04:05.000Z")
	case len(v) > maxText && len([]rune(v)) > maxText:
		return "", "INVALID_STRING_LENGTH", "The value is longer than 65536 characters"
	}
	return v, "", ""
}

func normaliseOption(def *Property, v string) (value, code, message string) {
	chosen := []string{v}
	if def.FieldType == "checkbox" {
		chosen = strings.Split(strings.Trim(v, ";"), ";")
	}
	for _, c := range chosen {
		if !slices.ContainsFunc(def.Options, func(o PropertyOption) bool { return o.Value == c }) {
			return "", "INVALID_OPTION", c + " was not one of the allowed options"
		}
	}
	return v, "", ""
}

// normaliseTime reads ISO 8601 or milliseconds since the epoch.
func normaliseTime(v, layout string) (value, code, message string) {
	if ms, err := strconv.ParseInt(v, 10, 64); err == nil {
		return time.UnixMilli(ms).UTC().Format(layout), "", ""
	}
	for _, in := range []string{time.RFC3339Nano, time.DateOnly} {
		if at, err := time.Parse(in, v); err == nil {
			return at.UTC().Format(layout), "", ""
		}
	}
	return "", "INVALID_DATE", v + " was not a valid date."
}

// checkRequired applies the rules of the portal's admin, which version 2026-09
// enforces on API writes. after are the values the record would have.
func (p *Portal) checkRequired(s *store, after fields, creating bool, by author) *failure {
	if by.version != current || s.kind != &contactKind {
		return nil
	}
	if creating {
		if missing := s.missing(after, p.knobs.RequiredOnCreate); len(missing) > 0 {
			return requires("MISSING_REQUIRED_PROPERTY", missing)
		}
	}
	for _, rule := range p.knobs.RequiredWhen {
		def, known := s.schema.active(rule.Property)
		if !known || after.get(def.key) != rule.Value {
			continue
		}
		if missing := s.missing(after, rule.Requires); len(missing) > 0 {
			return requires("MISSING_CONDITIONAL_REQUIRED_PROPERTY", missing)
		}
	}
	return nil
}

func (s *store) missing(after fields, names []string) []string {
	var out []string
	for _, name := range names {
		if def, known := s.schema.active(name); known && after.get(def.key) == "" {
			out = append(out, name)
		}
	}
	return out
}

func requires(code string, missing []string) *failure {
	f := invalid("Error creating record: some required properties were not set.")
	f.Errors = []detail{{
		Message: "Required properties are missing: " + strings.Join(missing, ", "),
		Code:    code, Context: map[string][]string{"propertyName": missing},
	}}
	return f
}
