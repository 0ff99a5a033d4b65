package trigger

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the form in which impact.com matches a customer's email by default, not a protection of ours
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"advocatesync/internal/bridge"
)

// Facts are everything that a decision depends on.
type Facts struct {
	PortalID int64
	Now      time.Time
	Change   Change
	Object   bridge.Object // as it is now, with the properties that Reads lists
	Customer *Customer     // nil while no contact of the object is mapped to a participant
	Portal   Portal        // where ReadsPortal says that it is needed
	Sent     bool          // what OrderID names was sent already

	// OrderID names what was recorded of the change earlier, perhaps for a record
	// that has been merged into this one. Empty: nothing was.
	OrderID string
}

// Portal is what expressions see of the HubSpot portal.
type Portal struct {
	Currency string // in which amounts are that name none, ISO 4217; empty: unknown
}

// Customer is the mapped contact to whom the object's success belongs: for a
// contact, itself.
type Customer struct {
	Properties bridge.Properties // of the contact, those that Reads lists
	// Email is the one under which the customer is known to Advocate, where that
	// is known; else the contact's. Conversions are matched by it.
	Email string
}

// Verdict says what a decision comes to.
type Verdict string

const (
	Send       Verdict = "send"        // the request of the decision
	Reverse    Verdict = "reverse"     // likewise, to take back what was sent
	Skip       Verdict = "skip"        // nothing is to be done about this change
	NoCustomer Verdict = "no_customer" // it may match once a contact is mapped
	Blocked    Verdict = "blocked"     // it matches, but a person has to see to it
)

// Decision is what a trigger makes of facts. Why is for people; it quotes the
// definition, never a value of a record. The request is personal: it is sent,
// or shown to who asked, but never kept or logged.
type Decision struct {
	Verdict Verdict
	Why     string
	OrderID string // at most 64 characters; also the idempotency key of an event

	Reversal bool // it is taking back that is Blocked

	// Exactly one where the verdict is Send or Reverse.
	Conversion *ConversionRequest
	Event      *EventRequest
}

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

// Decide says what the facts come to. It fails only for facts that no caller
// should hand in.
func (t *Trigger) Decide(f Facts) (Decision, error) {
	const longestID = 19 // what an int64 takes
	if f.Object.ID == "" || len(f.Object.ID) > longestID {
		return Decision{}, &bridge.Error{Kind: bridge.Invalid, Op: "trigger.decide", Err: errors.New("the object has no id")}
	}
	d := Decision{OrderID: f.OrderID}
	if d.OrderID == "" {
		d.OrderID = t.def.OrderID(f.PortalID, f.Object.ID, f.Change)
	}
	vars, err := t.activation(f)
	if err != nil {
		return Decision{}, fmt.Errorf("trigger: prepare facts: %w", err)
	}
	if f.Sent {
		return t.decideSent(d, vars), nil
	}
	if verdict, why := t.when.holds(vars); verdict != Send {
		d.Verdict, d.Why = verdict, why
		if verdict == Blocked && f.Customer == nil {
			d.Verdict = NoCustomer // whom it would concern is not known yet
		}
		return d, nil
	}
	if f.Customer == nil {
		d.Verdict, d.Why = NoCustomer, "it matches, but none of its contacts is mapped to a participant"
		if t.def.Object == bridge.ObjectContact {
			d.Why = "it matches, but the contact is not mapped to a participant"
		}
		return d, nil
	}
	return t.request(d, vars, f), nil
}

// decideSent looks whether what was sent has to be taken back.
func (t *Trigger) decideSent(d Decision, vars cel.PartialActivation) Decision {
	if t.reverse == nil {
		d.Verdict, d.Why = Skip, "it was sent already"
		return d
	}
	verdict, why := t.reverse.holds(vars)
	d.Verdict, d.Why, d.Reversal = verdict, "it was sent already; the reversal: "+why, verdict == Blocked
	if verdict != Send {
		return d
	}
	c := t.def.Conversion
	d.Verdict = Reverse
	d.Conversion = &ConversionRequest{Fields: map[string]string{
		"ActionTrackerId": strconv.FormatInt(c.ActionTrackerID, 10), "OrderId": d.OrderID,
		"DispositionCode": c.DispositionCode, "Amount": "0",
	}}
	return d
}

// activation makes variables of the facts. A customer who is not there is
// unknown, which what does not depend on them gets along with.
func (t *Trigger) activation(f Facts) (cel.PartialActivation, error) {
	if f.Customer == nil && t.def.Object != bridge.ObjectContact {
		return cel.PartialVars(t.def.variables(f), cel.AttributePattern(string(bridge.ObjectContact)))
	}
	return cel.PartialVars(t.def.variables(f))
}

// holds evaluates a condition: Send if it holds, Blocked if the record holds what
// its types do not promise. What is merely empty does not hold.
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

// lossy are failures to compute a number without losing some of it.
var lossy = []error{errEndless, errFraction, errTooWide}

// unfit tells whether a person has to look at the record or at the expression.
func unfit(err error) bool {
	if _, unreadable := errors.AsType[*UnreadableError](err); unreadable {
		return true
	}
	return slices.ContainsFunc(lossy, func(loss error) bool { return errors.Is(err, loss) })
}

// celReasons puts what CEL says into words that quote nothing. The first that
// fits counts.
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

// reason says why an expression has no value, without quoting any.
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

// request fills in what is to be sent.
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

// fill adds the mapped fields of a conversion and tells what is wrong with
// their values.
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

// value evaluates an expression: a string, json.Number, bool or time.Time, or nil
// for nothing. why is not empty where there is no value.
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

// asText is a value as a conversion carries it.
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

// sendable is a moment as both vendors read it.
func sendable(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// hashed is the form itself, or the default where it is no hash.
func (form EmailForm) hashed() EmailForm {
	if form == EmailRaw {
		return EmailSHA1
	}
	return form
}

// of is an email, normal already, in this form.
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
