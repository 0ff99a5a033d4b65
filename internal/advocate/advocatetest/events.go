package advocatetest

import (
	"fmt"
	"net/http"
	"regexp"
	"time"
)

// Event is a user event that was accepted.
type Event struct {
	ID             string         `json:"id"`
	AccountID      string         `json:"account_id"`
	UserID         string         `json:"user_id"`
	IdempotencyKey string         `json:"idempotency_key"`
	Key            string         `json:"key"`
	Fields         map[string]any `json:"fields"`
	DateTriggered  int64          `json:"date_triggered"` // ms
	DateReceived   int64          `json:"date_received"`  // ms, server clock
}

type eventRequest struct {
	AccountID      string `json:"accountId"`
	UserID         string `json:"userId"`
	IdempotencyKey string `json:"idempotencyKey"`
	Events         []struct {
		Key           string         `json:"key"`
		Fields        map[string]any `json:"fields"`
		DateTriggered *int64         `json:"dateTriggered"`
	} `json:"events"`
}

// idempotencyKey follows the rules of the vendor's events call.
var idempotencyKey = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// keyMemory is how long an idempotency key is remembered (SaaSquatch REST
// reference: at least 24 hours).
const keyMemory = 24 * time.Hour

func (h *Host) postEvents(w http.ResponseWriter, r *http.Request, t *Tenant) {
	var in eventRequest
	refused := readJSON(r, h.Knobs(), &in)
	if refused == nil {
		refused = in.validate(r.PathValue("account"), r.PathValue("user"))
	}
	if refused != nil {
		writeError(w, refused)
		return
	}
	h.mu.Lock()
	u := t.people.find(t.canonical(in.AccountID), t.canonical(in.UserID))
	var out map[string]any
	if u != nil {
		out, refused = t.record(u, in)
	}
	h.mu.Unlock()
	switch {
	case u == nil:
		writeError(w, h.noUser(t, in.AccountID, in.UserID))
	case refused != nil:
		writeError(w, refused)
	default:
		writeJSON(w, http.StatusOK, out)
	}
}

func (in eventRequest) validate(accountID, id string) *apiError {
	if in.AccountID != accountID || in.UserID != id {
		return invalid("userId and accountId must be those of the path")
	}
	if in.IdempotencyKey != "" && !idempotencyKey.MatchString(in.IdempotencyKey) {
		return invalid("idempotencyKey takes 8 to 64 letters, digits, dots, dashes and underscores")
	}
	if len(in.Events) == 0 {
		return invalid("events are required")
	}
	for _, e := range in.Events {
		if e.Key == "" {
			return invalid("key is required")
		}
		if problem := fieldProblem(e.Fields, false); problem != "" {
			return invalid(problem)
		}
	}
	return nil
}

// fieldProblem applies the vendor's limits: text of at most 1500 bytes, no
// arrays in arrays.
func fieldProblem(v any, inArray bool) string {
	switch v := v.(type) {
	case string:
		if len(v) > 1500 {
			return "a field is longer than 1500 bytes"
		}
	case []any:
		if inArray {
			return "arrays of arrays are not supported"
		}
		for _, item := range v {
			if problem := fieldProblem(item, true); problem != "" {
				return problem
			}
		}
	case map[string]any:
		for _, item := range v {
			if problem := fieldProblem(item, false); problem != "" {
				return problem
			}
		}
	}
	return ""
}

// record stores the events, once per idempotency key. It needs host.mu.
func (t *Tenant) record(u *user, in eventRequest) (map[string]any, *apiError) {
	now := t.host.millis()
	if in.IdempotencyKey != "" {
		if at, used := t.eventKeys[in.IdempotencyKey]; used && now-at < keyMemory.Milliseconds() {
			return nil, &apiError{Message: "Idempotency key was used already", StatusCode: http.StatusConflict, APIErrorCode: "CONFLICT"}
		}
		t.eventKeys[in.IdempotencyKey] = now
	}
	answers := []map[string]any{}
	for _, e := range in.Events {
		triggered := now
		if e.DateTriggered != nil {
			triggered = *e.DateTriggered
		}
		ev := Event{
			ID: fmt.Sprintf("event%08x", t.nextSerial()), AccountID: u.accountID, UserID: u.id, IdempotencyKey: in.IdempotencyKey,
			Key: e.Key, Fields: e.Fields, DateTriggered: triggered, DateReceived: now,
		}
		t.events = append(t.events, ev)
		answers = append(answers, map[string]any{
			"id": ev.ID, "key": ev.Key, "fields": ev.Fields, "dateTriggered": triggered, "dateReceived": now, "dateProcessed": now,
		})
	}
	return map[string]any{"userId": u.id, "accountId": u.accountID, "events": answers}, nil
}

// Events lists the accepted events, oldest first.
func (t *Tenant) Events() []Event {
	t.host.mu.RLock()
	defer t.host.mu.RUnlock()
	return append([]Event(nil), t.events...)
}
