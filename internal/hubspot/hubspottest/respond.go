package hubspottest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
)

// reply is an answer before it is written, so that a fault can still replace it.
type reply struct {
	status int
	body   any // nil for none; a raw value is written as it is
	header http.Header
}

type raw string

func ok(body any) reply        { return reply{status: http.StatusOK, body: body} }
func created(body any) reply   { return reply{status: http.StatusCreated, body: body} }
func noContent() reply         { return reply{status: http.StatusNoContent} }
func refused(f *failure) reply { return reply{status: f.status, body: f} }

// failure is HubSpot's error body.
type failure struct {
	status        int
	Status        string              `json:"status"`
	Message       string              `json:"message"`
	CorrelationID string              `json:"correlationId"`
	Category      string              `json:"category,omitempty"`
	SubCategory   string              `json:"subCategory,omitempty"`
	Errors        []detail            `json:"errors,omitempty"`
	Context       map[string][]string `json:"context,omitempty"`
	Links         map[string]string   `json:"links,omitempty"`
}

type detail struct {
	Message     string              `json:"message"`
	Code        string              `json:"code,omitempty"`
	SubCategory string              `json:"subCategory,omitempty"`
	Context     map[string][]string `json:"context,omitempty"`
}

// Error makes a failure an error of the Go API.
func (f *failure) Error() string {
	return fmt.Sprintf("hubspot would refuse: %d %s: %s", f.status, f.Category, f.Message)
}

func fail(status int, category, format string, args ...any) *failure {
	return &failure{
		status: status, Status: "error", Category: category,
		Message: fmt.Sprintf(format, args...), CorrelationID: correlationID(),
	}
}

func invalid(format string, args ...any) *failure {
	return fail(http.StatusBadRequest, "VALIDATION_ERROR", format, args...)
}

func (f *failure) with(key string, values ...string) *failure {
	if f.Context == nil {
		f.Context = make(map[string][]string)
	}
	f.Context[key] = values
	return f
}

// notFound has no category, as seen on live answers for unknown record ids.
func notFound() *failure { return fail(http.StatusNotFound, "", "resource not found") }

func correlationID() string {
	a, b := rand.Uint64(), rand.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
}

func decode(body []byte, into any) *failure {
	if err := json.Unmarshal(body, into); err != nil {
		return invalid("Invalid input JSON: %v", err)
	}
	return nil
}

func write(w http.ResponseWriter, out reply) {
	for k, vs := range out.header {
		w.Header()[k] = vs
	}
	if out.body == nil {
		w.WriteHeader(out.status)
		return
	}
	var body []byte
	if text, isRaw := out.body.(raw); isRaw {
		body = []byte(text)
	} else {
		var err error
		if body, err = json.Marshal(out.body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json;charset=utf-8")
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(body) // the client may be gone; there is nobody to tell
}

// text accepts any JSON scalar as a property value, as HubSpot does; null clears.
type text string

// UnmarshalJSON reads a string, number, bool or null.
func (t *text) UnmarshalJSON(b []byte) error {
	switch {
	case len(b) > 0 && b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = text(s)
	case string(b) == "null":
		*t = ""
	case strings.HasPrefix(string(b), "{"), strings.HasPrefix(string(b), "["):
		return fmt.Errorf("a property value must be a string")
	default:
		*t = text(b)
	}
	return nil
}
