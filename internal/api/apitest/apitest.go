// Package apitest lets tests use the admin API as the command line does, and
// checks every exchange against the OpenAPI document.
package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
	"advocatesync/internal/store"
)

// Token is the token that the handlers of this package accept.
const Token = "a-token-for-tests-alone"

// NewHandler returns the API's handler over an operator and a store; either may
// be nil if the test does not reach it. Token grants the role admin.
func NewHandler(o *operator.Operator, s *store.Store, log *slog.Logger) *api.Handler {
	return api.NewHandler(api.Config{
		Operator: o, Access: operator.NewAccess(s, "", time.Now), Callers: fixed{Token: Admin},
		Metrics: prometheus.NewRegistry(), Log: log, Now: time.Now,
	})
}

// Admin is the caller who presents Token.
var Admin = bridge.Caller{Kind: bridge.CallerToken, Name: "tester", TokenID: "testertest", Role: bridge.RoleAdmin}

// fixed maps tokens to callers.
type fixed map[string]bridge.Caller

// Authenticate refuses unknown tokens as operator.Access does.
func (f fixed) Authenticate(_ context.Context, token string) (bridge.Caller, error) {
	if caller, known := f[token]; known {
		return caller, nil
	}
	return bridge.Caller{}, &operator.Refusal{Kind: bridge.Unauthorized, Code: "unauthorized", Err: errors.New("a wrong token")}
}

// NewClient returns a client of the API over an operator and its store, in this
// process. It fails the test if an exchange is not as documented.
func NewClient(t testing.TB, o *operator.Operator, s *store.Store) *api.Client {
	t.Helper()
	handler := NewHandler(o, s, slog.New(slog.DiscardHandler))
	return api.NewClient(&url.URL{Scheme: "http", Host: "in-process"}, Token, Checked(t, api.InProcess(handler)))
}

// Checked fails the test when a request or its answer is not as documented.
func Checked(t testing.TB, next http.RoundTripper) http.RoundTripper {
	return checked{t: t, next: next}
}

type checked struct {
	t    testing.TB
	next http.RoundTripper
}

func (c checked) RoundTrip(r *http.Request) (*http.Response, error) {
	c.t.Helper()
	sent, again, err := replay(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = again
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	var got []byte
	got, resp.Body, err = replay(resp.Body)
	if err != nil {
		return nil, err
	}
	if err := asDocumented(r, sent, resp, got); err != nil {
		c.t.Errorf("%s %s: %v\nsent %s\ngot  %s", r.Method, r.URL, err, sent, got)
	}
	return resp, nil
}

// replay reads a body and returns a copy to read in its place.
func replay(body io.ReadCloser) (content []byte, again io.ReadCloser, err error) {
	if body == nil {
		return nil, nil, nil
	}
	content, err = io.ReadAll(body)
	return content, io.NopCloser(bytes.NewReader(content)), errors.Join(err, body.Close())
}

// asDocumented checks one exchange. A request that the server refuses as
// invalid need not be as documented.
func asDocumented(r *http.Request, sent []byte, resp *http.Response, got []byte) error {
	document, err := load()
	if err != nil {
		return err
	}
	operation, err := document.find(r)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusBadRequest {
		if err := document.checkRequest(operation, r, sent); err != nil {
			return fmt.Errorf("the request is not as documented: %w", err)
		}
	}
	if err := document.checkAnswer(operation, resp, got); err != nil {
		return fmt.Errorf("the answer is not as documented: %w", err)
	}
	return nil
}

// document is the OpenAPI document as a JSON Schema compiler takes it.
type document struct {
	tree     map[string]any
	compiler *jsonschema.Compiler
	mu       sync.Mutex // the compiler is not safe for concurrent use
}

const location = "openapi.json"

var load = sync.OnceValues(func() (*document, error) {
	var tree any
	if err := yaml.Unmarshal(api.Document(), &tree); err != nil {
		return nil, err
	}
	closeObjects(tree)
	encoded, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		return nil, err
	}
	root, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the document is a %T", value)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	return &document{tree: root, compiler: compiler}, compiler.AddResource(location, value)
})

// closeObjects makes every object refuse what the document does not name: a
// later server may send more to other clients, but not to the tests.
func closeObjects(tree any) {
	switch node := tree.(type) {
	case map[string]any:
		if _, named := node["properties"]; named && node["type"] == "object" && node["additionalProperties"] == nil {
			node["additionalProperties"] = false
		}
		for _, child := range node {
			closeObjects(child)
		}
	case []any:
		for _, child := range node {
			closeObjects(child)
		}
	}
}

// find returns the JSON pointer of the operation that a request uses.
func (d *document) find(r *http.Request) (string, error) {
	asked := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), api.Prefix), "/")
	paths, _ := d.tree["paths"].(map[string]any)
	best, literal := "", -1
	for path := range paths {
		if n := matches(strings.Split(path, "/"), asked); n > literal {
			best, literal = path, n
		}
	}
	pointer := "/paths/" + escape(best) + "/" + strings.ToLower(r.Method)
	if best == "" || d.at(pointer) == nil {
		return "", fmt.Errorf("there is no such operation in the document")
	}
	return pointer, nil
}

// matches counts the parts that are equal rather than parameters; it is -1 if
// the path does not match.
func matches(path, asked []string) int {
	if len(path) != len(asked) {
		return -1
	}
	equal := 0
	for i, part := range path {
		switch {
		case part == asked[i]:
			equal++
		case !strings.HasPrefix(part, "{"):
			return -1
		}
	}
	return equal
}

func (d *document) checkRequest(operation string, r *http.Request, sent []byte) error {
	for name, values := range r.URL.Query() {
		schema := d.parameter(operation, name)
		if schema == "" {
			return fmt.Errorf("there is no parameter %q", name)
		}
		for _, value := range values {
			if err := d.check(schema, d.plain(schema, value)); err != nil {
				return fmt.Errorf("parameter %q: %w", name, err)
			}
		}
	}
	if len(sent) > 0 {
		return d.checkJSON(operation+"/requestBody/content/application~1json/schema", sent)
	}
	if required, _ := d.at(operation + "/requestBody/required").(bool); required {
		return fmt.Errorf("it lacks a body")
	}
	return nil
}

// parameter returns the pointer to the schema of a parameter of the query.
func (d *document) parameter(operation, name string) string {
	parameters, _ := d.at(operation + "/parameters").([]any)
	for i := range parameters {
		pointer := d.follow(fmt.Sprintf("%s/parameters/%d", operation, i))
		if p, _ := d.at(pointer).(map[string]any); p["name"] == name && p["in"] == "query" {
			return pointer + "/schema"
		}
	}
	return ""
}

// plain reads a parameter as JSON. One that is documented as text stays text,
// whatever it looks like.
func (d *document) plain(schema, text string) any {
	if s, _ := d.at(d.follow(schema)).(map[string]any); isNumber(text) && s["type"] != "string" {
		return json.Number(text)
	}
	return text
}

func isNumber(text string) bool {
	_, err := json.Number(text).Int64()
	return err == nil
}

func (d *document) checkAnswer(operation string, resp *http.Response, got []byte) error {
	pointer := fmt.Sprintf("%s/responses/%d", operation, resp.StatusCode)
	if d.at(pointer) == nil {
		pointer = operation + "/responses/default"
	}
	pointer = d.follow(pointer)
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	return d.checkJSON(pointer+"/content/"+escape(kind)+"/schema", got)
}

func (d *document) checkJSON(schema string, content []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	if err != nil {
		return err
	}
	return d.check(schema, value)
}

func (d *document) check(schema string, value any) error {
	if d.at(schema) == nil {
		return fmt.Errorf("the document has no %s", schema)
	}
	d.mu.Lock()
	compiled, err := d.compiler.Compile(location + "#" + schema)
	d.mu.Unlock()
	if err != nil {
		return err
	}
	return compiled.Validate(value)
}

// follow returns where a reference leads, or the pointer itself.
func (d *document) follow(pointer string) string {
	node, _ := d.at(pointer).(map[string]any)
	if ref, ok := node["$ref"].(string); ok {
		return strings.TrimPrefix(ref, "#")
	}
	return pointer
}

// at returns the node that a JSON pointer names, or nil.
func (d *document) at(pointer string) any {
	var node any = d.tree
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch n := node.(type) {
		case map[string]any:
			node = n[part]
		case []any:
			var i int
			if _, err := fmt.Sscanf(part, "%d", &i); err != nil || i >= len(n) {
				return nil
			}
			node = n[i]
		default:
			return nil
		}
	}
	return node
}

func escape(part string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(part) }
