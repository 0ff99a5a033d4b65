package trigger

import (
	"bytes"
	//nolint:gosec // the form in which impact.com matches a customer's email by default, not a protection of ours
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"advocatesync/internal/bridge"
)

// ConversionRequest is the form of a conversion or, for Reverse, of a reversal.
type ConversionRequest struct {
	Fields map[string]string
}

// EventRequest is a user event of the customer.
type EventRequest struct {
	Key         string
	TriggeredAt time.Time
	Fields      map[string]any // texts, bools, json.Number and maps of them
}

// UnmarshalJSON implements json.Unmarshaler: numbers stay exact.
func (r *EventRequest) UnmarshalJSON(text []byte) error {
	type plain EventRequest
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode((*plain)(r))
}

// request adds the request to a decision that matches, or blocks it if the request
// is not complete.
func (t *Trigger) request(d Decision, vars cel.PartialActivation, f Facts) Decision {
	d.Verdict, d.Why = Send, "there is no condition"
	if t.when != nil {
		d.Why = "when holds"
	}
	var problems []string
	if t.def.Conversion != nil {
		d.Conversion, problems = t.conversion(d.OrderID, vars, f)
	} else {
		d.Event, problems = t.event(vars, f)
	}
	if len(problems) > 0 {
		d.Verdict, d.Why = Blocked, "it matches, but cannot be sent: "+strings.Join(problems, "; ")
		d.Conversion, d.Event = nil, nil
	}
	return d
}

func (t *Trigger) conversion(orderID string, vars cel.PartialActivation, f Facts) (*ConversionRequest, []string) {
	c := t.def.Conversion
	email := bridge.NormalEmail(f.Customer.Email)
	if email == "" {
		return nil, []string{"the customer has no email"}
	}
	sent := map[string]string{
		"CampaignId": strconv.FormatInt(c.CampaignID, 10), "OrderId": orderID, "EventDate": sendable(f.Change.OccurredAt),
		"CustomerId": c.CustomerEmail.hashed().of(email), "CustomerEmail": c.CustomerEmail.of(email),
	}
	switch {
	case c.ActionTrackerID != 0:
		sent["ActionTrackerId"] = strconv.FormatInt(c.ActionTrackerID, 10)
	case c.EventTypeID != 0:
		sent["EventTypeId"] = strconv.FormatInt(c.EventTypeID, 10)
	default:
		sent["EventTypeCode"] = c.EventTypeCode
	}
	problems := t.fill(sent, vars)
	if identifies(sent["CustomerId"], f) {
		problems = append(problems, "CustomerId is an email, a phone number or a name: leave it out, and it is a hash of the customer's email")
	}
	request := &ConversionRequest{Fields: sent}
	if len(problems) == 0 {
		for _, problem := range []string{t.misstated(sent, f), request.Dated(f.Now)} {
			if problem != "" {
				problems = append(problems, problem)
			}
		}
	}
	return request, problems
}

// fill adds the mapped fields of a conversion and returns what is wrong with their
// values.
func (t *Trigger) fill(sent map[string]string, vars cel.PartialActivation) []string {
	var problems []string
	money := ""
	for i, f := range t.def.Conversion.Fields {
		name := f.Path[0]
		takes, _ := parameterOf(name)
		words := f.Text
		if t.fields[i] != nil {
			v, why := t.fields[i].value(vars)
			if why != "" {
				problems = append(problems, name+" cannot be computed: "+why)
				continue
			}
			words = asText(v)
		}
		if problem := takes.check(name, words); problem != "" {
			problems = append(problems, name+" "+problem)
			continue
		}
		delete(sent, name)
		if words == "" {
			continue
		}
		sent[name] = words
		if takes.money {
			money = name
		}
	}
	if money != "" && sent["CurrencyCode"] == "" && len(problems) == 0 {
		problems = append(problems, "CurrencyCode is empty, and "+money+" needs it")
	}
	if !attributed(sent) {
		problems = append(problems, "no field says whose conversion it is")
	}
	return problems
}

func attributed(sent map[string]string) bool {
	for _, name := range attribution {
		if sent[name] != "" {
			return true
		}
	}
	return false
}

func (t *Trigger) event(vars cel.PartialActivation, f Facts) (*EventRequest, []string) {
	e := &EventRequest{Key: t.def.Advocate.Key, TriggeredAt: f.Change.OccurredAt, Fields: map[string]any{}}
	var problems []string
	for i, field := range t.def.Advocate.Fields {
		name := strings.Join(field.Path, ".")
		v := field.Value
		if t.fields[i] != nil {
			var why string
			if v, why = t.fields[i].value(vars); why != "" {
				problems = append(problems, name+" cannot be computed: "+why)
				continue
			}
		}
		if at, is := v.(time.Time); is {
			v = sendable(at)
		}
		if words, is := v.(string); is && len(words) > longestEventText {
			problems = append(problems, fmt.Sprintf("%s is longer than %d bytes", name, longestEventText))
			continue
		}
		if v != nil {
			put(e.Fields, field.Path, v)
		}
	}
	return e, problems
}

// put sets a value in nested maps.
func put(into map[string]any, path []string, v any) {
	for _, name := range path[:len(path)-1] {
		inner, ok := into[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			into[name] = inner
		}
		into = inner
	}
	into[path[len(path)-1]] = v
}

// asText returns a value in the form of a conversion's fields.
func asText(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	case time.Time:
		return sendable(v)
	default:
		return ""
	}
}

// sendable returns a time in the form that both vendors read.
func sendable(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// hashed returns the form itself, or the default hash if it is none.
func (form EmailForm) hashed() EmailForm {
	if form == EmailRaw {
		return EmailSHA1
	}
	return form
}

// of returns a normalised email in this form.
func (form EmailForm) of(email string) string {
	switch form {
	case EmailRaw:
		return email
	case EmailSHA256:
		sum := sha256.Sum256([]byte(email))
		return hex.EncodeToString(sum[:])
	default:
		sum := sha1.Sum([]byte(email)) //nolint:gosec // as above
		return hex.EncodeToString(sum[:])
	}
}
