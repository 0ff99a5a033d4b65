package advocate

import (
	"context"
	"net/http"
	"strings"
	"time"

	"advocatesync/internal/bridge"
)

// UserEvent is something that a participant did, for the program's rules.
type UserEvent struct {
	Key         string         // by which the rules know it
	TriggeredAt time.Time      // when it happened
	Fields      map[string]any // JSON; text of at most 1500 bytes each

	// IdempotencyKey is remembered for a day: 8 to 64 letters, digits, dots,
	// dashes and underscores.
	IdempotencyKey string
}

// Request is a call as it is made, but for the host and the credentials.
type Request struct {
	Method string
	Path   string
	Body   any // JSON
}

// EventRequest is the call by which a tenant records an event of a participant.
//
// Source: SaaSquatch REST reference, POST open/account/{a}/user/{u}/events.
func EventRequest(tenant string, id bridge.Identity, e UserEvent) (Request, error) {
	path, err := userPath("advocate.log_event", id.AccountID, id.UserID)
	if err != nil {
		return Request{}, err
	}
	return Request{Method: http.MethodPost, Path: tenantPath(tenant) + path + "/events", Body: map[string]any{
		"accountId": id.AccountID, "userId": id.UserID, "idempotencyKey": e.IdempotencyKey,
		"events": []any{map[string]any{"key": e.Key, "fields": e.Fields, "dateTriggered": e.TriggeredAt.UnixMilli()}},
	}}, nil
}

// LogEvent records an event of a participant. One that was recorded before,
// under the same key, is a success. A participant who is not there is not_found.
func (c *Client) LogEvent(ctx context.Context, id bridge.Identity, e UserEvent) error {
	const op = "advocate.log_event"
	r, err := EventRequest(c.tenant, id, e)
	if err != nil {
		return err
	}
	err = c.do(ctx, op, r.Method, strings.TrimPrefix(r.Path, tenantPath(c.tenant)), r.Body, nil)
	if bridge.KindOf(err) == bridge.Conflict {
		return nil
	}
	return err
}
