package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// Client calls the API. It makes one attempt per call. A refusal by the server
// is an error of type *Problem.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// NewClient returns a client of the server at base, the part of its address
// before Prefix.
func NewClient(base *url.URL, token string, transport http.RoundTripper) *Client {
	return &Client{base: base, token: token, http: &http.Client{
		Transport: transport,
		Timeout:   answerTimeout + answerTimeout/2, // the server gives up before
		// The API never redirects, and no other server may get the token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// call is one call of an operation.
type call struct {
	operation string
	path      []string   // values of the path's parameters, in order
	query     url.Values // nil: none
	in        any        // the body; nil: none
}

// do makes a call and reads the answer into out.
func (c *Client) do(ctx context.Context, call call, out any) error {
	req, err := c.request(ctx, call)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.base, reason(err))
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.base, err)
	}
	if !isSuccess(resp.StatusCode) {
		return c.refusal(resp, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("%s does not answer as the admin API does: %w", c.base, err)
	}
	return nil
}

// send is do for one type of answer.
func send[T any](ctx context.Context, c *Client, call call) (out T, err error) {
	err = c.do(ctx, call, &out)
	return out, err
}

func (c *Client) request(ctx context.Context, call call) (*http.Request, error) {
	rt, ok := operations[call.operation]
	if !ok {
		return nil, errors.New("there is no operation " + call.operation)
	}
	address := strings.TrimRight(c.base.String(), "/") + Prefix + fill(rt.path, call.path)
	if len(call.query) > 0 {
		address += "?" + call.query.Encode()
	}
	var body io.Reader = http.NoBody
	if call.in != nil {
		encoded, err := json.Marshal(call.in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, rt.method, address, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", "application/json")
	if call.in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// operations are the routes by name.
var operations = func() map[string]route {
	byName := make(map[string]route, len(routes))
	for _, rt := range routes {
		byName[rt.operation] = rt
	}
	return byName
}()

// fill puts values in place of a path's parameters.
func fill(path string, values []string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") && len(values) > 0 {
			parts[i], values = url.PathEscape(values[0]), values[1:]
		}
	}
	return strings.Join(parts, "/")
}

// refusal reads a problem. A proxy in between may have replaced it with
// something else.
func (c *Client) refusal(resp *http.Response, body []byte) error {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	p := &Problem{}
	if err != nil || kind != "application/problem+json" || json.Unmarshal(body, p) != nil {
		return fmt.Errorf("%s does not answer as the admin API does: status %d", c.base, resp.StatusCode)
	}
	switch {
	case p.Status == http.StatusUnauthorized:
		p.Detail = fmt.Sprintf("%s refuses the token in ADVOCATESYNC_TOKEN (or ADMIN_TOKEN): %s", c.base, p.Detail)
	case p.Status >= http.StatusInternalServerError:
		return fmt.Errorf("%w (request %s)", p, p.RequestID)
	}
	return p
}

// reason drops the method and URL that net/http puts before an error: the path
// may contain what must not be logged.
func reason(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
