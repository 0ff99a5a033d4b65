package intake

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// AdvocatePath is where Advocate has to send its webhooks, below the public URL.
const AdvocatePath = "/webhooks/advocate"

const (
	// UnknownTenant is the disposition of a webhook of a tenant that no
	// connection has. Its signature is good: all tenants share their keys.
	UnknownTenant Disposition = "unknown_tenant"
	// Stale is the disposition of a webhook that was made so long ago that
	// nobody remembers whether it came before.
	Stale Disposition = "stale"
)

const (
	// eventLife is how old a webhook may be: the vendor tries for three days
	// (SaaSquatch docs: 72 attempts, hourly). Taken-in events are remembered for
	// longer (keepRelayed), so an old one that is replayed is known or too old.
	eventLife = 4 * 24 * time.Hour

	jwksPath = "/.well-known/jwks.json"
)

// AdvocateInbox is where events are kept until they are followed up.
type AdvocateInbox interface {
	// ConnectionsByTenant returns the connections of a tenant, maybe none.
	ConnectionsByTenant(ctx context.Context, tenant string) ([]bridge.Connection, error)
	// AppendAdvocateEvents makes the events durable and returns how many were new.
	AppendAdvocateEvents(ctx context.Context, events []store.AdvocateEvent) (int, error)
}

// AdvocateConfig is what an AdvocateHandler is made of. Every field is required.
type AdvocateConfig struct {
	AdvocateURL string // the Advocate host, without a trailing slash; it publishes the keys
	HTTP        *http.Client

	Inbox   AdvocateInbox
	Wake    func() // called after events came in; must not block
	Metrics prometheus.Registerer
	Log     *slog.Logger
	Now     func() time.Time
}

// AdvocateHandler takes Advocate's webhooks in. Advocate repeats whatever is
// not answered with 200 every hour for three days. They are hints: what one
// tells comes with the next report anyway.
type AdvocateHandler struct {
	keys  *keyRing
	inbox AdvocateInbox
	wake  func()
	endpoint
}

// NewAdvocateHandler returns a handler and registers its metrics.
func NewAdvocateHandler(cfg AdvocateConfig) *AdvocateHandler {
	return &AdvocateHandler{
		keys:     newKeyRing(cfg.AdvocateURL+jwksPath, cfg.HTTP, cfg.Now),
		inbox:    cfg.Inbox,
		wake:     cfg.Wake,
		endpoint: newEndpoint(vendorAdvocate, cfg.Metrics, cfg.Log, cfg.Now),
	}
}

// ServeHTTP answers 200 once the event is durable, also where nothing here
// wants it.
func (h *AdvocateHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, h.take)
}

func (h *AdvocateHandler) take(ctx context.Context, w http.ResponseWriter, r *http.Request) *refusal {
	body, refused := readPosted(w, r)
	if refused != nil {
		return refused
	}
	if err := h.keys.verify(ctx, r, body); err != nil {
		if _, ours := errors.AsType[unavailableError](err); ours {
			return &refusal{status: http.StatusServiceUnavailable, detail: "the signature could not be looked into; send it again", cause: err}
		}
		return &refusal{status: http.StatusUnauthorized, detail: err.Error()}
	}
	hook, err := parseEnvelope(body)
	if err != nil {
		return &refusal{status: http.StatusBadRequest, detail: err.Error()}
	}
	if err := h.store(ctx, hook); err != nil {
		return &refusal{status: http.StatusServiceUnavailable, detail: "the event could not be stored; send it again", cause: err}
	}
	return nil
}

// store makes the event durable for every connection of its tenant, and counts
// what became of it: once for each.
func (h *AdvocateHandler) store(ctx context.Context, hook envelope) error {
	kind, wanted := hook.kind()
	switch {
	case !wanted:
		h.metrics.count(tally{UnknownType: 1})
		return nil
	case hook.created().Before(h.now().Add(-eventLife)):
		h.metrics.count(tally{Stale: 1})
		return nil
	}
	connections, err := h.inbox.ConnectionsByTenant(ctx, hook.Tenant)
	if err != nil {
		return err
	}
	if len(connections) == 0 {
		h.metrics.count(tally{UnknownTenant: 1})
		return nil
	}
	tally := tally{}
	var events []store.AdvocateEvent
	for _, c := range connections {
		if kind == store.AdvocateParticipantCreated && hook.names(c.ContactIDField) {
			tally[Echo]++ // we made this participant, of a contact
			continue
		}
		events = append(events, store.AdvocateEvent{ConnectionID: c.ID, EventID: hook.ID, Kind: kind, ExportID: hook.exportID()})
	}
	fresh := 0
	if len(events) > 0 {
		if fresh, err = h.inbox.AppendAdvocateEvents(ctx, events); err != nil {
			return err
		}
	}
	tally[Accepted], tally[Duplicate] = fresh, len(events)-fresh
	h.metrics.count(tally)
	if fresh > 0 {
		h.wake()
	}
	return nil
}

var errNoEnvelope = errors.New("the body must be a JSON object with id, type, tenantAlias and created")

// envelope lists the fields that we look at; a participant's name, email and
// ids are never decoded.
type envelope struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Tenant  string `json:"tenantAlias"`
	Created int64  `json:"created"` // ms
	Data    struct {
		ID           json.RawMessage            `json:"id"` // of an export; a participant's is personal
		CustomFields map[string]json.RawMessage `json:"customFields"`
	} `json:"data"`
}

func parseEnvelope(body []byte) (envelope, error) {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil || e.ID == "" || e.Type == "" || e.Tenant == "" || e.Created <= 0 {
		return envelope{}, errNoEnvelope
	}
	return e, nil
}

// kind says what an event is to us. What is not listed is accepted and
// counted: anything but 200 would bring it back for three days.
func (e envelope) kind() (kind store.AdvocateEventKind, wanted bool) {
	switch {
	case e.Type == "user.created":
		return store.AdvocateParticipantCreated, true
	case e.Type == "export.completed" && e.exportID() != "":
		return store.AdvocateExportCompleted, true
	default:
		return "", false
	}
}

func (e envelope) created() time.Time { return time.UnixMilli(e.Created) }

// names tells whether a participant carries a value in a custom field.
func (e envelope) names(field string) bool {
	switch string(e.Data.CustomFields[field]) {
	case "", "null", `""`:
		return false
	default:
		return true
	}
}

// exportID is the id of the export that an event is about, empty for any other.
func (e envelope) exportID() string {
	var id string
	if e.Type != "export.completed" || json.Unmarshal(e.Data.ID, &id) != nil {
		return ""
	}
	return id
}
