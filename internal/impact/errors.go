package impact

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/lenient"
	"advocatesync/internal/outbound"
)

// complaint is the body of a refusal. Conversions say "errors", "field" and
// "message"; everything else says them with capitals, which the decoder does not
// tell apart.
type complaint struct {
	Status  lenient.Text `json:"Status"`
	Message lenient.Text `json:"Message"`
	Errors  lenient.List[struct {
		Field   lenient.Text `json:"Field"`
		Message lenient.Text `json:"Message"`
	}] `json:"Errors"`
}

// fieldName is what may be repeated in logs.
var fieldName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,63}$`)

// words is all that the vendor complains about.
func (c complaint) words() string {
	var all []string
	if message := c.Message.String(); message != "" {
		all = append(all, message)
	}
	for _, e := range c.Errors {
		switch field, message := e.Field.String(), e.Message.String(); {
		case field != "":
			all = append(all, field+": "+message)
		case message != "":
			all = append(all, message)
		}
	}
	return strings.Join(all, "; ")
}

// own tells what impact.com says from what gateways say, who also speak of a "message".
func (c complaint) own() bool { return c.Status.String() != "" || len(c.Errors) > 0 && c.words() != "" }

// code names the fields that the vendor complains about.
func (c complaint) code() string {
	var names []string
	for _, e := range c.Errors {
		if field := e.Field.String(); fieldName.MatchString(field) {
			names = append(names, field)
		}
	}
	return strings.Join(names, ",")
}

// refused turns an answer that is no success into an error.
func (c *Client) refused(op, method string, a outbound.Answer) *bridge.Error {
	var said complaint
	if json.Unmarshal(a.Body, &said) != nil || !said.own() || a.Redirect() {
		return a.Foreign(op, c.cfg.Now())
	}
	e := &bridge.Error{Kind: kindOf(a.Status, method), Op: op, Status: a.Status, Code: said.code(), VendorMessage: said.words()}
	if e.Kind == bridge.Throttled || e.Kind == bridge.Unavailable {
		e.RetryAfter = outbound.RetryAfter(a.Header, c.cfg.Now())
	}
	return e
}

// kindOf says what a status means with which the vendor itself refuses. Only what
// it says is wrong with the fields is the conversion's fault. Any other refusal
// concerns the account: a wrong token, a missing scope, an unpaid bill, a path that
// is not there.
func kindOf(status int, method string) bridge.Kind {
	switch {
	case status == http.StatusTooManyRequests:
		return bridge.Throttled
	case status == http.StatusRequestTimeout, status < 400, status >= 500:
		return bridge.Unavailable
	case status == http.StatusNotFound && method == http.MethodGet:
		return bridge.NotFound
	case status == http.StatusBadRequest, status == http.StatusConflict, status == http.StatusUnprocessableEntity,
		status == http.StatusRequestEntityTooLarge, status == http.StatusRequestURITooLong:
		return bridge.Invalid
	default:
		return bridge.Unauthorized
	}
}
