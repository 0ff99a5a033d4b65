package advocatetest

import (
	_ "embed" // the schema
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	graphql "github.com/graph-gophers/graphql-go"
)

//go:embed schema.graphql
var schemaSDL string

// rootResolver answers queries and mutations for the tenant in the context.
type rootResolver struct{ host *Host }

// postGraphQL answers 200 whatever happens to the operation; an error of the
// API's own also appears whole under extensions.apiError.
func (h *Host) postGraphQL(w http.ResponseWriter, r *http.Request, _ *Tenant) {
	var in struct {
		Query         string         `json:"query"`
		OperationName string         `json:"operationName"`
		Variables     map[string]any `json:"variables"`
		Extensions    map[string]any `json:"extensions"`
	}
	if refused := readJSON(r, h.Knobs(), &in); refused != nil {
		writeError(w, refused)
		return
	}
	if in.Query == "" {
		writeError(w, invalid("query is required"))
		return
	}
	resp := h.schema.Exec(r.Context(), in.Query, in.OperationName, in.Variables)
	for _, e := range resp.Errors {
		var api *apiError
		if errors.As(e.ResolverError, &api) {
			resp.Extensions = map[string]any{"apiError": api}
			break
		}
	}
	writeJSON(w, http.StatusOK, resp)
}

// long is a 64-bit integer; it also carries RSDate, ms since the epoch.
type long int64

func (long) ImplementsGraphQLType(name string) bool { return name == "Long" || name == "RSDate" }

// UnmarshalGraphQL reads a number, or text holding one.
func (l *long) UnmarshalGraphQL(input any) error {
	switch v := input.(type) {
	case int32:
		*l = long(v)
	case int64:
		*l = long(v)
	case float64:
		*l = long(v)
	default:
		return fmt.Errorf("not a 64-bit integer: %T", input)
	}
	return nil
}

// word is text that the schema gives a name of its own.
type word string

func (word) ImplementsGraphQLType(name string) bool {
	switch name {
	case "RSLocale", "RSCountryCode", "JobType", "SegmentKey", "SegmentOperation", "WebhookType", "WebhookTypeOperation":
		return true
	}
	return false
}

// UnmarshalGraphQL takes text only.
func (s *word) UnmarshalGraphQL(input any) error {
	text, ok := input.(string)
	if !ok {
		return fmt.Errorf("not text: %T", input)
	}
	*s = word(text)
	return nil
}

func words(texts []string) []word {
	out := make([]word, len(texts))
	for i, text := range texts {
		out[i] = word(text)
	}
	return out
}

// node is any JSON value.
type node struct{ v any }

func (node) ImplementsGraphQLType(name string) bool {
	return name == "RSJsonNode" || name == "RSShallowMap"
}

func (n *node) UnmarshalGraphQL(input any) error {
	n.v = input
	return nil
}

func (n node) MarshalJSON() ([]byte, error) { return json.Marshal(n.v) }

// bytes is the value as JSON; nil for none.
func (n *node) bytes() (json.RawMessage, error) {
	if n == nil || n.v == nil {
		return nil, nil
	}
	return json.Marshal(n.v)
}

// into decodes the value as JSON would have been.
func (n *node) into(v any) error {
	raw, err := n.bytes()
	if err != nil || raw == nil {
		return err
	}
	return json.Unmarshal(raw, v)
}

// page checks the bounds of a list. The largest limit is unpublished; a knob
// holds our guess.
func (h *Host) page(limit, offset int32, most int) error {
	if limit < 0 || offset < 0 || int(limit) > most {
		return invalid(fmt.Sprintf("limit must be 0 to %d, offset not negative", most))
	}
	return nil
}

// window cuts a page out of a list.
func window[T any](all []T, limit, offset int32) []T {
	from := min(int(offset), len(all))
	return all[from:min(from+int(limit), len(all))]
}

func idOf(id *graphql.ID) string {
	if id == nil {
		return ""
	}
	return string(*id)
}
