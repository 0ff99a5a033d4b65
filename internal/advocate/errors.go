package advocate

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"

	"advocatesync/internal/bridge"
	"advocatesync/internal/lenient"
	"advocatesync/internal/outbound"
)

// apiError is the vendor's error body (SaaSquatch REST reference: Error).
type apiError struct {
	Message      lenient.Text `json:"message"`
	StatusCode   lenient.Text `json:"statusCode"`
	APIErrorCode lenient.Text `json:"apiErrorCode"`
	RSCode       lenient.Text `json:"rsCode"`
}

// given tells an error of Advocate's, by what no other body has.
func (e apiError) given() bool {
	return e.status() != 0 && e.Message.String() != "" || e.RSCode.String() != "" || e.APIErrorCode.String() != ""
}

// status is 0 for one that cannot be read.
func (e apiError) status() int {
	n, _ := strconv.Atoi(e.StatusCode.String()) // 0 with an error
	return n
}

// harmlessCode is what may be repeated in logs.
var harmlessCode = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,80}$`)

// code is the most telling code of the error. Whatever does not look like a code is
// dropped: codes end up in logs.
func (e apiError) code() string {
	code := cmp.Or(e.RSCode.String(), e.APIErrorCode.String())
	if !harmlessCode.MatchString(code) {
		return ""
	}
	return code
}

// rsKinds gives the codes their meaning. They are read before the HTTP status,
// because the vendor does not publish which status comes with which code.
var rsKinds = map[string]bridge.Kind{
	"RS050": bridge.DoNotTrack,
	"RS052": bridge.BadCookie,
	"RS034": bridge.BadCode,

	"RS041": bridge.NotFound, // account
	"RS042": bridge.NotFound, // user

	"RS021": bridge.Conflict, // account exists
	"RS048": bridge.Conflict, // user exists

	"RS013": bridge.Invalid, // the account has 1000 users
	"RS023": bridge.Invalid, // email
	"RS024": bridge.Invalid, // first name
	"RS053": bridge.Invalid, // vanity link

	"RS033": bridge.Throttled,

	"RS014": bridge.Unavailable, // no referral code could be generated
	"RS016": bridge.Unavailable, // internal, as the next three
	"RS017": bridge.Unavailable,
	"RS020": bridge.Unavailable,
	"RS027": bridge.Unavailable,
	"RS049": bridge.Unavailable, // a program's rule failed

	"RS015": bridge.Unauthorized, // tenant alias missing or unknown
	"RS038": bridge.Unauthorized,
	"RS031": bridge.Unauthorized, // tenant deleted
	"RS045": bridge.Unauthorized, // credentials missing
	"RS005": bridge.Unauthorized, // signature problems
	"RS006": bridge.Unauthorized,
	"RS032": bridge.Unauthorized,
}

// kindOf classifies what the vendor wrote, by its code first, then by status. A
// status that is not known to be about a record is about the tenant: no record
// takes the blame.
func kindOf(status int, e apiError) bridge.Kind {
	if kind, known := rsKinds[e.RSCode.String()]; known {
		return kind
	}
	switch {
	case e.APIErrorCode.String() == "TENANT_NOT_FOUND", status == http.StatusUnauthorized, status == http.StatusForbidden:
		return bridge.Unauthorized
	case status == http.StatusNotFound:
		return bridge.NotFound
	case status == http.StatusConflict:
		return bridge.Conflict
	case status == http.StatusTooManyRequests:
		return bridge.Throttled
	case status == http.StatusRequestTimeout, status < 400, status >= 500: // GraphQL may name none
		return bridge.Unavailable
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge, status == http.StatusRequestURITooLong,
		status == http.StatusUnsupportedMediaType, status == http.StatusUnprocessableEntity:
		return bridge.Invalid
	default:
		return bridge.Misdirected
	}
}

// refused turns an answer that is no success into an error.
func (c *Client) refused(op string, a outbound.Answer) *bridge.Error {
	e, own := own(a.Body)
	if !own || a.Redirect() {
		return a.Foreign(op, c.now())
	}
	err := vendorError(op, a.Status, e)
	if err.Kind == bridge.Throttled || err.Kind == bridge.Unavailable {
		err.RetryAfter = outbound.RetryAfter(a.Header, c.now())
	}
	return err
}

// own reads an error that Advocate wrote: the vendor's SDK takes for one what has
// both a message and a status code. GraphQL refuses a request as a whole in the
// words of its own specification.
func own(body []byte) (e apiError, own bool) {
	if json.Unmarshal(body, &e) == nil && e.given() {
		return e, true
	}
	var refused struct {
		Errors lenient.List[struct {
			Message lenient.Text `json:"message"`
		}] `json:"errors"`
	}
	if json.Unmarshal(body, &refused) == nil && len(refused.Errors) > 0 && refused.Errors[0].Message.String() != "" {
		return apiError{Message: refused.Errors[0].Message, APIErrorCode: lenient.TextOf("GRAPHQL")}, true
	}
	return apiError{}, false
}

func vendorError(op string, status int, e apiError) *bridge.Error {
	return &bridge.Error{Kind: kindOf(status, e), Op: op, Status: status, Code: e.code(), VendorMessage: e.Message.String()}
}
