package advocate

import (
	"encoding/json"
	"net/http"

	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
)

// apiError is the vendor's error body (SaaSquatch REST reference: Error).
type apiError struct {
	Message      string `json:"message"`
	StatusCode   int    `json:"statusCode"`
	APIErrorCode string `json:"apiErrorCode"`
	RSCode       string `json:"rsCode"`
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
	if kind, known := rsKinds[e.RSCode]; known {
		return kind
	}
	switch {
	case e.APIErrorCode == "TENANT_NOT_FOUND", status == http.StatusUnauthorized, status == http.StatusForbidden:
		return bridge.Unauthorized
	case status == http.StatusNotFound:
		return bridge.NotFound
	case status == http.StatusConflict:
		return bridge.Conflict
	case status == http.StatusTooManyRequests:
		return bridge.Throttled
	case status == http.StatusRequestTimeout, status >= 500:
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
	if json.Unmarshal(body, &e) == nil && e.Message != "" && e.StatusCode != 0 {
		return e, true
	}
	var refused struct {
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &refused) == nil && len(refused.Errors) > 0 && refused.Errors[0].Message != "" {
		return apiError{Message: refused.Errors[0].Message, APIErrorCode: "GRAPHQL"}, true
	}
	return apiError{}, false
}

func vendorError(op string, status int, e apiError) *bridge.Error {
	code := e.RSCode
	if code == "" {
		code = e.APIErrorCode
	}
	return &bridge.Error{Kind: kindOf(status, e), Op: op, Status: status, Code: code, VendorMessage: e.Message}
}
