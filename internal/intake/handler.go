package intake

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Path is where HubSpot's app has to send its webhooks, below the public URL.
const Path = "/webhooks/hubspot"

const (
	maxBody = 1 << 20 // HubSpot sends at most 100 events, some 300 bytes each

	// HubSpot gives up after five seconds and repeats the request; we give up before
	// that.
	answerTimeout = 4 * time.Second
)

// HandlerConfig configures a Handler. Every field is required.
type HandlerConfig struct {
	ClientSecret string // of the HubSpot app; keys the signatures
	FormerSecret string // the previous one, accepted as well while the secret is changed; empty: none
	AppID        int64  // of the HubSpot app; identifies our own writes
	PublicURL    string // the configured address without Path and without a trailing slash

	Inbox       Inbox
	Triggers    Triggers
	Wake        func() // called after events were stored; must not block
	WakeObjects func() // likewise, for those that triggers watch
	Metrics     prometheus.Registerer
	Log         *slog.Logger
	Now         func() time.Time
}

// Handler receives HubSpot's webhooks. HubSpot repeats whatever is not answered
// with 2xx within five seconds, up to ten times in a day (HubSpot docs: webhooks),
// so it refuses only what a repetition may cure.
type Handler struct {
	verifier verifier
	parser   parser
	sink     *sink
	endpoint
}

// NewHandler returns a handler and registers its metrics.
func NewHandler(cfg HandlerConfig) *Handler {
	return &Handler{
		verifier: verifier{secrets: usable(cfg.ClientSecret, cfg.FormerSecret), publicURL: cfg.PublicURL, now: cfg.Now},
		parser:   parser{appID: strconv.FormatInt(cfg.AppID, 10), now: cfg.Now},
		sink:     newSink(cfg.Inbox, cfg.Triggers, cfg.Wake, cfg.WakeObjects, cfg.Now),
		endpoint: newEndpoint(vendorHubSpot, cfg.Metrics, cfg.Log, cfg.Now),
	}
}

// ServeHTTP answers 200 once the request's events are stored, or if nothing here
// needs them.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, h.take)
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
	events := make([]parsed, 0, len(elements))
	for _, element := range elements {
		events = append(events, h.parser.parse(element))
	}
	tally, err := h.sink.store(ctx, events)
	if err != nil {
		return &refusal{status: http.StatusServiceUnavailable, detail: "the events could not be stored; send them again", cause: err}
	}
	h.metrics.count(tally)
	return nil
}
