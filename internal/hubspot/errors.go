package hubspot

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"advocatesync/internal/bridge"
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
	// maxWait caps what HubSpot may ask for: a 477 can last a day.
	maxWait = 24 * time.Hour
)

const statusMigration = 477 // the account is moving between data centers

// vendorError is HubSpot's error body, alone or as an item of a 207. Every
// field may be missing, and subCategory is now a string, now an object, so only
// what is used is read (HubSpot docs: error handling).
type vendorError struct {
	Message       string       `json:"message"`
	Category      string       `json:"category"`
	CorrelationID string       `json:"correlationId"`
	PolicyName    string       `json:"policyName"`
	Errors        []vendorCode `json:"errors"`
	Context       errorContext `json:"context"`
}

type vendorCode struct {
	Message string       `json:"message"`
	Code    string       `json:"code"`
	Context errorContext `json:"context"`
}

// errorContext maps "objectWriteTraceId", "ids" and the like to values. A context of
// any other shape is read as empty rather than spoiling the whole answer.
type errorContext map[string][]string

// UnmarshalJSON never fails.
func (c *errorContext) UnmarshalJSON(b []byte) error {
	var values map[string][]string
	if json.Unmarshal(b, &values) == nil {
		*c = values
	}
	return nil
}

var (
	existingID   = regexp.MustCompile(`Existing ID:\s*(\d+)`)
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
	m := existingID.FindStringSubmatch(e.VendorMessage)
	if m == nil {
		return "", false
	}
	return m[1], true
}

// refusal translates an answer that is no success. A body that is not HubSpot's
// JSON (a gateway's HTML) tells nothing and is dropped.
func refusal(op string, status int, header http.Header, body []byte) *bridge.Error {
	var v vendorError
	if json.Unmarshal(body, &v) != nil {
		v = vendorError{}
	}
	e := v.as(op, kindOfStatus(status))
	e.Status = status
	if e.Kind == bridge.Throttled {
		e.RetryAfter = wait(status, header, v.PolicyName)
	}
	return e
}

func kindOfStatus(status int) bridge.Kind {
	switch status {
	case http.StatusNotFound:
		return bridge.NotFound
	case http.StatusConflict:
		return bridge.Conflict
	case http.StatusUnauthorized, http.StatusForbidden:
		return bridge.Unauthorized
	case http.StatusTooManyRequests, http.StatusLocked, statusMigration:
		return bridge.Throttled
	case http.StatusRequestTimeout:
		return bridge.Unavailable
	}
	switch status / 100 {
	case 4:
		return bridge.Invalid
	case 5:
		return bridge.Unavailable
	default:
		return bridge.Unknown
	}
}

// item translates one error of a 207, which has a category but no status.
func (v vendorError) item(op string) *bridge.Error {
	e := v.as(op, kindOfCategory(v.Category))
	e.Status = http.StatusMultiStatus
	if e.Kind == bridge.Throttled {
		e.RetryAfter = wait(http.StatusTooManyRequests, nil, v.PolicyName)
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
	// documented: the words decide.
	if kind == bridge.Invalid && existingID.MatchString(v.Message) {
		kind = bridge.Conflict
	}
	e := &bridge.Error{Kind: kind, Op: op, Code: v.code(), VendorMessage: v.words()}
	if harmlessID.MatchString(v.CorrelationID) {
		e.Err = errors.New("correlation " + v.CorrelationID)
	}
	return e
}

// words is the message, and what the details add to it: which property is
// missing, for one, is said there alone.
func (v vendorError) words() string {
	words := v.Message
	for _, detail := range v.Errors {
		if detail.Message != "" && !strings.Contains(words, detail.Message) {
			words = strings.TrimSpace(words + " " + detail.Message)
		}
	}
	return words
}

// code is the most telling code of the error. Whatever does not look like a
// code is dropped: codes end up in logs.
func (v vendorError) code() string {
	code := v.Category
	if m := embeddedCode.FindStringSubmatch(v.Message); m != nil {
		code = m[1]
	}
	if len(v.Errors) > 0 && v.Errors[0].Code != "" {
		code = v.Errors[0].Code
	}
	if code == "" {
		code = v.PolicyName
	}
	if !harmlessCode.MatchString(code) {
		return ""
	}
	return code
}

// wait is how long the portal should rest: HubSpot's own word where it gives
// one, else the rule for the limit that was hit.
func wait(status int, header http.Header, policy string) time.Duration {
	if s, err := strconv.Atoi(strings.TrimSpace(header.Get("Retry-After"))); err == nil && s > 0 {
		return min(time.Duration(min(s, int(maxWait/time.Second)))*time.Second, maxWait)
	}
	switch {
	case status == http.StatusLocked:
		return waitLocked
	case status == statusMigration:
		return waitMigration
	case strings.HasPrefix(policy, "DAILY"):
		return waitDaily
	case strings.HasPrefix(policy, "SECONDLY"):
		return waitSecondly
	default:
		return waitTenSecondly
	}
}

// unreachable translates a failure without an answer. The cause is kept, but
// without the URL, which may hold an email.
func unreachable(op string, err error) *bridge.Error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return &bridge.Error{Kind: bridge.Unavailable, Op: op, Err: err}
}
