package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
)

// maxBody bounds the body of a request. The largest is a list of ids.
const maxBody = 256 << 10

// request reads parameters and the body, and collects the mistakes in them: a
// handler reads all it needs and then checks err.
type request struct {
	*http.Request
	caller   bridge.Caller
	from     netip.Addr // the caller's address; zero: this process
	mistakes []Mistake
	fatal    *Problem // takes the place of the mistakes
	asked    []string // names of the query's parameters that the handler knows
}

// callerKey is the context key of the sender.
type callerKey struct{}

// sender is who sent a request, and from where.
type sender struct {
	caller bridge.Caller
	from   netip.Addr
}

func withCaller(ctx context.Context, caller bridge.Caller, from netip.Addr) context.Context {
	return context.WithValue(ctx, callerKey{}, sender{caller, from})
}

// newRequest takes the sender from the context. Without a sender the request has no
// role and may do nothing.
func newRequest(r *http.Request) *request {
	s, _ := r.Context().Value(callerKey{}).(sender)
	return &request{Request: r, caller: s.caller, from: s.from}
}

func (r *request) mistake(field, format string, args ...any) {
	r.mistakes = append(r.mistakes, Mistake{Field: field, Detail: fmt.Sprintf(format, args...)})
}

// err returns all mistakes as one problem. An unknown parameter of the query is a
// mistake as well: it would silently do nothing.
func (r *request) err() error {
	if r.fatal != nil {
		return r.fatal
	}
	for _, name := range slices.Sorted(maps.Keys(r.URL.Query())) {
		if !slices.Contains(r.asked, name) {
			r.mistake(name, "there is no such parameter")
		}
	}
	if len(r.mistakes) == 0 {
		return nil
	}
	lines := make([]string, 0, len(r.mistakes))
	for _, m := range r.mistakes {
		lines = append(lines, strings.TrimPrefix(m.Field+": "+m.Detail, ": "))
	}
	p := newProblem(http.StatusBadRequest, codeBadRequest, "correct the request:\n"+strings.Join(lines, "\n"))
	p.Mistakes = r.mistakes
	return p
}

// contact reads the path's contact id.
func (r *request) contact() string {
	id := r.PathValue("contact")
	if err := operator.CheckContactID(id); err != nil {
		r.mistake("contact", "%s", err)
	}
	return id
}

// latest takes the place of a number in the path: the latest run, or switch.
const latest = "latest"

// number reads a number from the path; 0: the latest.
func (r *request) number(name string) int64 {
	text := r.PathValue(name)
	if text == latest {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		r.mistake(name, "must be a number, or %q", latest)
	}
	return n
}

// numbered is what number reads.
func numbered(n int64) string {
	if n == 0 {
		return latest
	}
	return strconv.FormatInt(n, 10)
}

// parameter reads a parameter of the query.
func (r *request) parameter(name string) string {
	r.asked = append(r.asked, name)
	return r.URL.Query().Get(name)
}

// flag reads a parameter of the query that is true or false; left out: false.
func (r *request) flag(name string) bool {
	switch r.parameter(name) {
	case "true":
		return true
	case "", "false":
	default:
		r.mistake(name, "must be true or false")
	}
	return false
}

// required records a mistake if a string of the body is missing.
func (r *request) required(field, value string) {
	if value == "" {
		r.mistake(field, "is missing")
	}
}

// body reads the JSON body into the struct that in points to. An empty body counts
// as {}. Unknown fields, and values of another type, are mistakes.
func (r *request) body(in any) {
	raw, err := io.ReadAll(r.Body)
	tooLarge := &http.MaxBytesError{}
	switch {
	case errors.As(err, &tooLarge):
		r.fatal = newProblem(http.StatusRequestEntityTooLarge, codeTooLarge, fmt.Sprintf("the body is larger than %d bytes", maxBody))
		return
	case err != nil:
		r.fatal = newProblem(http.StatusBadRequest, codeBadRequest, "the body could not be read to its end")
		return
	case len(raw) == 0:
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		r.fatal = newProblem(http.StatusUnsupportedMediaType, codeMediaType, "the body must be sent as application/json")
		return
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil {
		r.mistake("", "the body is not a JSON object: %s", err)
		return
	}
	r.fields(given, reflect.ValueOf(in).Elem())
}

// fields reads each field separately, because encoding/json stops at the first
// mistake.
func (r *request) fields(given map[string]json.RawMessage, in reflect.Value) {
	for i := range in.NumField() {
		name, _, _ := strings.Cut(in.Type().Field(i).Tag.Get("json"), ",")
		value, ok := given[name]
		delete(given, name)
		if !ok || string(value) == "null" {
			continue
		}
		if err := json.Unmarshal(value, in.Field(i).Addr().Interface()); err != nil {
			r.mistake(name, "must be %s", wanted(in.Field(i).Type()))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		r.mistake(name, "there is no such field")
	}
}

// wanted names a JSON type for a person.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return wanted(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list, each of its elements " + wanted(t.Elem())
	case reflect.Int, reflect.Int64:
		return "a whole number"
	default:
		return "an object"
	}
}
