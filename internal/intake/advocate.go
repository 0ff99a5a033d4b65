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
	"advocatesync/internal/lenient"
	"advocatesync/internal/store"
)

// AdvocatePath is where Advocate has to send its webhooks, below the public URL.
const AdvocatePath = "/webhooks/advocate"

const (
	// UnknownTenant is the disposition of a webhook for a tenant without a connection.
	// Its signature is valid, because all tenants share the keys.
	UnknownTenant Disposition = "unknown_tenant"
	// Stale is the disposition of a webhook that is so old that we cannot know whether
	// it came before.
	Stale Disposition = "stale"
)

const (
	// eventLife is how old a webhook may be: the vendor tries for three days
	// (SaaSquatch docs: 72 attempts, hourly). Events are kept for longer
	// (keepRelayed), so a replayed webhook is either known or too old.
	eventLife = 4 * 24 * time.Hour

	jwksPath = "/.well-known/jwks.json"
)

// AdvocateInbox stores events until they are handled.
type AdvocateInbox interface {
	// ConnectionsByTenant returns the connections of a tenant, possibly none.
	ConnectionsByTenant(ctx context.Context, tenant string) ([]bridge.Connection, error)
	// AppendAdvocateEvents stores the events and returns how many were new.
	AppendAdvocateEvents(ctx context.Context, events []store.AdvocateEvent) (int, error)
}

// AdvocateConfig configures an AdvocateHandler. Every field is required.
type AdvocateConfig struct {
	AdvocateURL string // the Advocate host, without a trailing slash; it publishes the keys
	HTTP        *http.Client

	Inbox   AdvocateInbox
	Wake    func() // called after events were stored; must not block
	Metrics prometheus.Registerer
	Log     *slog.Logger
	Now     func() time.Time
}

// AdvocateHandler receives Advocate's webhooks. Advocate repeats whatever is not
// answered with 200 every hour for three days. The webhooks are only hints: the
// next report covers the same changes.
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

// ServeHTTP answers 200 once the event is stored, or if nothing here needs it.
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

// store stores the event for every connection of its tenant, and counts its
// disposition once for each.
func (h *AdvocateHandler) store(ctx context.Context, hook envelope) error {
	kind, wanted := hook.kind()
	switch {
	case !wanted:
		h.metrics.count(tally{UnknownType: 1})
		return nil
	case hook.Created.Before(h.now().Add(-eventLife)):
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
			tally[Echo]++ // we created this participant for a contact
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

// envelope lists the fields that we decode; a participant's name, email and ids are
// not among them.
type envelope struct {
	ID      string
	Type    string
	Tenant  string
	Created time.Time

	export       lenient.Text // the id of an export; a participant's is personal
	customFields map[string]json.RawMessage
}

func parseEnvelope(body []byte) (envelope, error) {
	var in struct {
		ID      lenient.Text                 `json:"id"`
		Type    lenient.Text                 `json:"type"`
		Tenant  lenient.Text                 `json:"tenantAlias"`
		Created lenient.Moment               `json:"created"`
		Data    lenient.Map[json.RawMessage] `json:"data"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return envelope{}, errNoEnvelope
	}
	id, idOK := in.ID.ID()
	tenant, tenantOK := in.Tenant.ID()
	if !idOK || !tenantOK || id == "" || tenant == "" || in.Type.String() == "" || in.Created.IsZero() {
		return envelope{}, errNoEnvelope
	}
	e := envelope{ID: id, Type: in.Type.String(), Tenant: tenant, Created: in.Created.Time}
	var fields lenient.Map[json.RawMessage]
	_, _ = json.Unmarshal(in.Data.Values["id"], &e.export), json.Unmarshal(in.Data.Values["customFields"], &fields) // fail where there is none
	e.customFields = fields.Values
	return e, nil
}

// kind returns the kind of an event. Unlisted events are accepted and counted: any
// other answer than 200 would bring them back for three days.
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

// names reports whether a participant has a value in a custom field.
func (e envelope) names(field string) bool {
	switch string(e.customFields[field]) {
	case "", "null", `""`:
		return false
	default:
		return true
	}
}

// exportID returns the id of the export that an event is about; empty for any other
// event.
func (e envelope) exportID() string {
	if e.Type != "export.completed" {
		return ""
	}
	id, _ := e.export.ID() // none, if it cannot be one
	return id
}
