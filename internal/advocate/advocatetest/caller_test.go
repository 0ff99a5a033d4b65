package advocatetest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"

	"advocatesync/internal/advocate/advocatetest"
)

// caller speaks to a stand-in as any HTTP client would.
type caller struct {
	t    *testing.T
	base string
	user string
	key  string
}

func call(t *testing.T, s *advocatetest.Server) caller {
	return caller{t: t, base: s.URL, key: advocatetest.DefaultKey}
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) decode(t *testing.T) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := json.Unmarshal(r.body, &out); err != nil {
		t.Fatalf("answer %d is not JSON: %s", r.status, r.body)
	}
	return out
}

func (r reply) rsCode(t *testing.T) string {
	t.Helper()
	code, _ := r.decode(t)["rsCode"].(string)
	return code
}

// do sends one request below the default tenant; redirects are not followed.
func (c caller) do(method, path string, body any) reply {
	c.t.Helper()
	return c.raw(method, c.base+"/api/v1/"+advocatetest.DefaultAlias+path, body, true)
}

func (c caller) raw(method, address string, body any, auth bool) reply {
	c.t.Helper()
	var payload io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, address, payload)
	if err != nil {
		c.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if auth {
		req.SetBasicAuth(c.user, c.key)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, raw}
}

func (c caller) put(id string, fields map[string]any) reply {
	c.t.Helper()
	body := map[string]any{"id": id, "accountId": id}
	for k, v := range fields {
		body[k] = v
	}
	return c.do(http.MethodPut, userPath(id), body)
}

func (c caller) graphql(query string, vars map[string]any) map[string]any {
	c.t.Helper()
	r := c.do(http.MethodPost, "/graphql", map[string]any{"query": query, "variables": vars})
	if r.status != http.StatusOK {
		c.t.Fatalf("GraphQL answered %d: %s", r.status, r.body)
	}
	return r.decode(c.t)
}

func userPath(id string) string {
	return "/open/account/" + url.PathEscape(id) + "/user/" + url.PathEscape(id)
}

// at walks a decoded answer: at(m, "data", "user", "id").
func at(v any, path ...string) any {
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}
