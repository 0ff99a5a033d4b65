package advocate

import (
	"context"
	"net/http"
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

// LogEvent records an event of a participant. One that was recorded before,
// under the same key, is a success. A participant who is not there is not_found.
//
// Source: SaaSquatch REST reference, POST open/account/{a}/user/{u}/events.
func (c *Client) LogEvent(ctx context.Context, id bridge.Identity, e UserEvent) error {
	const op = "advocate.log_event"
	path, err := userPath(op, id.AccountID, id.UserID)
	if err != nil {
		return err
	}
	in := map[string]any{
		"accountId": id.AccountID, "userId": id.UserID, "idempotencyKey": e.IdempotencyKey,
		"events": []map[string]any{{"key": e.Key, "fields": e.Fields, "dateTriggered": e.TriggeredAt.UnixMilli()}},
	}
	err = c.do(ctx, op, http.MethodPost, path+"/events", in, nil)
	if bridge.KindOf(err) == bridge.Conflict {
		return nil
	}
	return err
}
