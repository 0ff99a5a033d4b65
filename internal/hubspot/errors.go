package hubspot

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/lenient"
	"advocatesync/internal/outbound"
)

// How long to wait where HubSpot names no time (HubSpot docs: usage guidelines;
// figures as the official client uses them).
const (
	waitTenSecondly = 10 * time.Second
	waitSecondly    = time.Second
	// waitDaily is a probe: the quota returns at midnight in the portal's time
	// zone, which the answer does not tell.
	waitDaily     = time.Hour
	waitLocked    = 2 * time.Second // HubSpot docs: 423, wait at least 2 s
	waitMigration = time.Minute     // 477 normally names its own time
)

const (
	statusMigration = 477 // the account is moving between data centers
	statusElsewhere = 488 // the portal lives in another region than the one asked (observed; not documented)
)

// vendorError is HubSpot's error body, alone or as an item of a 207. Every
// field may be missing, and subCategory is now a string, now an object, so only
// what is used is read (HubSpot docs: error handling).
type vendorError struct {
	Status        lenient.Text             `json:"status"` // "error"
	Message       lenient.Text             `json:"message"`
	Category      lenient.Text             `json:"category"`
	CorrelationID lenient.Text             `json:"correlationId"`
	PolicyName    lenient.Text             `json:"policyName"`
	Errors        lenient.List[vendorCode] `json:"errors"`
	Context       errorContext             `json:"context"`
}

type vendorCode struct {
	Message lenient.Text `json:"message"`
	Code    lenient.Text `json:"code"`
	Context errorContext `json:"context"`
}

// errorContext maps "objectWriteTraceId", "ids" and the like to values. What has
// another shape is left out rather than spoiling the whole answer.
type errorContext map[string][]string

// UnmarshalJSON never fails. A single value counts as a list of one.
func (c *errorContext) UnmarshalJSON(raw []byte) error {
	*c = errorContext{}
	var values lenient.Map[json.RawMessage]
	_ = json.Unmarshal(raw, &values) // never fails
	for name, value := range values.Values {
		var list lenient.List[lenient.Text]
		var one lenient.Text
		_, _ = json.Unmarshal(value, &list), json.Unmarshal(value, &one) // nor do these
		if list == nil && !one.Odd() {
			list = append(list, one)
		}
		for _, text := range list {
			(*c)[name] = append((*c)[name], text.String())
		}
	}
	return nil
}

var (
	existingID   = regexp.MustCompile(`(?i)existing id:\s*(\d+)`)
	emailTaken   = regexp.MustCompile(`(?i)^[^"'\x60=:]*already exists[^"'\x60]*existing id:\s*\d+`) // with nothing quoted before it
	embeddedCode = regexp.MustCompile(`"error"\s*:\s*"([A-Z_]+)"`)
	harmlessCode = regexp.MustCompile(`^[A-Za-z0-9_.]{1,80}$`)
	harmlessID   = regexp.MustCompile(`^[0-9a-fA-F-]{8,64}$`)
)

// ExistingID returns the id of the contact that already holds an email, which
// HubSpot tells in the words of a conflict. It may tell none.
func ExistingID(err error) (string, bool) {
	var e *bridge.Error
	if !errors.As(err, &e) || e.Kind != bridge.Conflict {
		return "", false
	}
	all := existingID.FindAllStringSubmatch(e.VendorMessage, -1)
	if len(all) == 0 {
		return "", false
	}
	return all[len(all)-1][1], true // what stands before it may be a value that HubSpot quotes
}

// refusal translates an answer that is no success.
func refusal(op string, a outbound.Answer) *bridge.Error {
	v, own := own(a.Body)
	switch a.Status {
	case http.StatusLocked, statusMigration, statusElsewhere: // nobody else has these, with whatever body
	default:
		if !own || a.Redirect() {
			return a.Foreign(op, time.Now())
		}
	}
	e := v.as(op, kindOfStatus(a.Status))
	e.Status = a.Status
	switch {
	case e.Kind == bridge.Throttled:
		e.RetryAfter = wait(a, v.PolicyName.String())
	case a.Status == statusElsewhere:
		e.Err = errors.New("HubSpot serves this portal from another region")
	}
	return e
}

// own reads an error that HubSpot wrote. Every field may be missing, but an answer
// without any that is HubSpot's alone comes from something in between: gateways,
// too, speak of a "message".
func own(body []byte) (v vendorError, own bool) {
	if json.Unmarshal(body, &v) != nil {
		return vendorError{}, false
	}
	given := func(t lenient.Text) bool { return t.String() != "" }
	return v, given(v.Category) || given(v.CorrelationID) || given(v.PolicyName) || given(v.Status) && given(v.Message)
}

// kindOfStatus reads the status of an error that HubSpot wrote. One that is not
// known to be about a record is about the account: no record takes the blame.
func kindOfStatus(status int) bridge.Kind {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong, http.StatusUnprocessableEntity:
		return bridge.Invalid
	case http.StatusNotFound:
		return bridge.NotFound
	case http.StatusConflict:
		return bridge.Conflict
	case http.StatusUnauthorized, http.StatusForbidden:
		return bridge.Unauthorized
	case http.StatusTooManyRequests, http.StatusLocked, statusMigration:
		return bridge.Throttled
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return bridge.Unavailable
	}
	switch status / 100 {
	case 4:
		return bridge.Misdirected
	case 5:
		return bridge.Unavailable
	default:
		return bridge.Unknown
	}
}

// item translates one error of a 207, which has a category but no status.
func (v vendorError) item(op string) *bridge.Error {
	e := v.as(op, kindOfCategory(v.Category.String()))
	e.Status = http.StatusMultiStatus
	if e.Kind == bridge.Throttled {
		e.RetryAfter = wait(outbound.Answer{Status: http.StatusTooManyRequests}, v.PolicyName.String())
	}
	return e
}

func kindOfCategory(category string) bridge.Kind {
	switch category {
	case "OBJECT_NOT_FOUND":
		return bridge.NotFound
	case "CONFLICT", "OBJECT_ALREADY_EXISTS":
		return bridge.Conflict
	case "VALIDATION_ERROR":
		return bridge.Invalid
	case "MISSING_SCOPES", "INVALID_AUTHENTICATION", "EXPIRED_AUTHENTICATION":
		return bridge.Unauthorized
	case "RATE_LIMITS":
		return bridge.Throttled
	default:
		return bridge.Unknown
	}
}

func (v vendorError) as(op string, kind bridge.Kind) *bridge.Error {
	// Which of 400 and 409 an email conflict on an update answers is not
	// documented: the words decide, but not those of a value that HubSpot quotes. Whoever
	// is called "Existing ID: 42" is not to be joined with contact 42.
	if kind == bridge.Invalid && emailTaken.MatchString(v.Message.String()) {
		kind = bridge.Conflict
	}
	e := &bridge.Error{Kind: kind, Op: op, Code: v.code(), VendorMessage: v.words()}
	if id := v.CorrelationID.String(); harmlessID.MatchString(id) {
		e.Err = errors.New("correlation " + id)
	}
	return e
}

// words is the message, and what the details add to it: which property is
// missing, for one, is said there alone.
func (v vendorError) words() string {
	words := v.Message.String()
	for _, detail := range v.Errors {
		if more := detail.Message.String(); more != "" && !strings.Contains(words, more) {
			words = strings.TrimSpace(words + " " + more)
		}
	}
	return words
}

// code is the most telling code of the error. Whatever does not look like a
// code is dropped: codes end up in logs.
func (v vendorError) code() string {
	code := v.Category.String()
	if m := embeddedCode.FindStringSubmatch(v.Message.String()); m != nil {
		code = m[1]
	}
	if len(v.Errors) > 0 {
		code = cmp.Or(v.Errors[0].Code.String(), code)
	}
	code = cmp.Or(code, v.PolicyName.String())
	if !harmlessCode.MatchString(code) {
		return ""
	}
	return code
}

// wait is how long the portal should rest: HubSpot's own word where it gives
// one, else the rule for the limit that was hit.
func wait(a outbound.Answer, policy string) time.Duration {
	if asked := outbound.RetryAfter(a.Header, time.Now()); asked > 0 {
		return asked
	}
	switch {
	case a.Status == http.StatusLocked:
		return waitLocked
	case a.Status == statusMigration:
		return waitMigration
	case strings.HasPrefix(policy, "DAILY"):
		return waitDaily
	case strings.HasPrefix(policy, "SECONDLY"):
		return waitSecondly
	default:
		return waitTenSecondly
	}
}
