package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// Path is where HubSpot's app has to send its webhooks, below the public URL.
const Path = "/webhooks/hubspot"

const (
	maxBody = 1 << 20 // HubSpot sends at most 100 events, some 300 bytes each

	// HubSpot gives up after five seconds and repeats the request; by then we
	// should have given up, too.
	answerTimeout = 4 * time.Second
)

// Inbox is where events are kept until they are relayed.
type Inbox interface {
	// ConnectionByPortal returns a not_found error if no connection has the portal.
	ConnectionByPortal(ctx context.Context, portalID int64) (bridge.Connection, error)
	// AppendEvents makes the events durable and returns how many were new.
	AppendEvents(ctx context.Context, events []store.Event) (int, error)
}

// HandlerConfig is what a Handler is made of. Every field is required.
type HandlerConfig struct {
	ClientSecret string // of the HubSpot app; keys the signatures
	AppID        int64  // of the HubSpot app; tells our own writes
	PublicURL    string // what HubSpot was told to call, less Path and without a trailing slash

	Inbox   Inbox
	Poke    func() // called after events came in; must not block
	Metrics prometheus.Registerer
	Log     *slog.Logger
	Now     func() time.Time
}

// Handler takes HubSpot's webhooks in. HubSpot repeats whatever is not
// answered with 2xx within five seconds, up to ten times in a day (HubSpot
// docs: webhooks), so only what a repetition may cure is refused.
type Handler struct {
	verifier verifier
	parser   parser
	portals  *portals
	inbox    Inbox
	poke     func()
	metrics  *handlerMetrics
	refusals *refusalLog
	now      func() time.Time
}

// NewHandler returns a handler and registers its metrics.
func NewHandler(cfg HandlerConfig) *Handler {
	metrics := newHandlerMetrics(vendorHubSpot, cfg.Metrics)
	return &Handler{
		verifier: verifier{secret: []byte(cfg.ClientSecret), publicURL: cfg.PublicURL, now: cfg.Now},
		parser:   parser{appID: strconv.FormatInt(cfg.AppID, 10), now: cfg.Now},
		portals:  newPortals(cfg.Inbox.ConnectionByPortal, cfg.Now),
		inbox:    cfg.Inbox,
		poke:     cfg.Poke,
		metrics:  metrics,
		refusals: newRefusalLog(vendorHubSpot, cfg.Log, cfg.Now, metrics.unsaid),
		now:      cfg.Now,
	}
}

// ServeHTTP answers 200 once the request's events are durable, also where
// nothing here wants them.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := h.now()
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()

	status := http.StatusOK
	if refused := h.take(ctx, w, r); refused != nil {
		status = refused.status
		h.refusals.add(ctx, refused)
		refused.write(w)
	}
	h.metrics.request(status, h.now().Sub(began))
}

func (h *Handler) take(ctx context.Context, w http.ResponseWriter, r *http.Request) *refusal {
	body, refused := readPosted(w, r)
	if refused != nil {
		return refused
	}
	if err := h.verifier.verify(r, body); err != nil {
		return &refusal{status: http.StatusUnauthorized, detail: err.Error()}
	}
	elements, err := split(body)
	if err != nil {
		return &refusal{status: http.StatusBadRequest, detail: err.Error()}
	}
	if err := h.store(ctx, elements); err != nil {
		return &refusal{status: http.StatusServiceUnavailable, detail: "the events could not be stored; send them again", cause: err}
	}
	return nil
}

// store makes the events durable and counts what became of each. Nothing is
// counted unless all went well: the repetition will count.
func (h *Handler) store(ctx context.Context, elements []json.RawMessage) error {
	tally := tally{}
	var events []store.Event
	for _, element := range elements {
		parsed, disposition := h.parser.parse(element)
		if len(parsed) == 0 {
			tally[disposition]++
			continue
		}
		portal := parsed[0].portalID
		connection, err := h.portals.connection(ctx, portal)
		if bridge.KindOf(err) == bridge.NotFound {
			tally[UnknownPortal] += len(parsed)
			continue
		}
		if err != nil {
			return fmt.Errorf("find the connection of portal %d: %w", portal, err)
		}
		tally[disposition] += len(parsed)
		for _, e := range parsed {
			events = append(events, e.stored(connection))
		}
	}
	fresh, err := h.append(ctx, events)
	if err != nil {
		return err
	}
	tally.repeated(len(events) - fresh)
	h.metrics.count(tally)
	return nil
}

func (h *Handler) append(ctx context.Context, events []store.Event) (fresh int, err error) {
	if len(events) == 0 {
		return 0, nil
	}
	fresh, err = h.inbox.AppendEvents(ctx, events)
	if err != nil {
		// The connection may be gone: the repetition has to look again.
		h.portals.forget()
		return 0, fmt.Errorf("append %d events: %w", len(events), err)
	}
	if fresh > 0 {
		h.poke()
	}
	return fresh, nil
}
