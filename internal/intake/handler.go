package intake

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
	"advocatesync/internal/trigger"
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
	// AppendObjectEvents does the same with those that triggers watch.
	AppendObjectEvents(ctx context.Context, events []store.ObjectEvent) (int, error)
}

// Triggers tells what the enabled triggers of a connection watch.
type Triggers interface {
	Watches(ctx context.Context, connectionID string) ([]trigger.Watch, error)
}

// HandlerConfig is what a Handler is made of. Every field is required.
type HandlerConfig struct {
	ClientSecret string // of the HubSpot app; keys the signatures
	FormerSecret string // the one before, good as well while HubSpot and we change over; empty: none
	AppID        int64  // of the HubSpot app; tells our own writes
	PublicURL    string // what HubSpot was told to call, less Path and without a trailing slash

	Inbox       Inbox
	Triggers    Triggers
	Wake        func() // called after events came in; must not block
	WakeObjects func() // likewise, for those that triggers watch
	Metrics     prometheus.Registerer
	Log         *slog.Logger
	Now         func() time.Time
}

// Handler takes HubSpot's webhooks in. HubSpot repeats whatever is not
// answered with 2xx within five seconds, up to ten times in a day (HubSpot
// docs: webhooks), so only what a repetition may cure is refused.
type Handler struct {
	verifier verifier
	parser   parser
	portals  *portals
	inbox    Inbox
	wake     func()
	pokeObj  func()
	endpoint
}

// NewHandler returns a handler and registers its metrics.
func NewHandler(cfg HandlerConfig) *Handler {
	return &Handler{
		verifier: verifier{secrets: usable(cfg.ClientSecret, cfg.FormerSecret), publicURL: cfg.PublicURL, now: cfg.Now},
		parser:   parser{appID: strconv.FormatInt(cfg.AppID, 10), now: cfg.Now},
		portals:  newPortals(cfg.Inbox.ConnectionByPortal, cfg.Triggers.Watches, cfg.Now),
		inbox:    cfg.Inbox,
		wake:     cfg.Wake,
		pokeObj:  cfg.WakeObjects,
		endpoint: newEndpoint(vendorHubSpot, cfg.Metrics, cfg.Log, cfg.Now),
	}
}

// ServeHTTP answers 200 once the request's events are durable, also where
// nothing here wants them.
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
	if err := h.store(ctx, elements); err != nil {
		return &refusal{status: http.StatusServiceUnavailable, detail: "the events could not be stored; send them again", cause: err}
	}
	return nil
}

// store makes the events durable and counts what became of each. Nothing is
// counted unless all went well: the repetition will count.
func (h *Handler) store(ctx context.Context, elements []json.RawMessage) error {
	tally := tally{}
	var kept kept
	for _, element := range elements {
		if err := h.sort(ctx, h.parser.parse(element), &kept, tally); err != nil {
			return err
		}
	}
	repeated, err := h.append(ctx, kept)
	if err != nil {
		return err
	}
	tally.repeated(repeated)
	h.metrics.count(tally)
	return nil
}

// kept are the events of one request that somebody waits for.
type kept struct {
	contacts []store.Event
	objects  []store.ObjectEvent
	alone    int // of the objects: counted by no contact's event
}

// sort decides where an event goes, and counts it once: by the contacts that it
// concerns, or else by the record that triggers watch.
func (h *Handler) sort(ctx context.Context, p parsed, to *kept, tally tally) error {
	if len(p.contacts) == 0 && p.object == nil {
		tally[p.becomes]++
		return nil
	}
	known, err := h.portals.find(ctx, p.portalID)
	if bridge.KindOf(err) == bridge.NotFound {
		tally[UnknownPortal] += max(len(p.contacts), 1)
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the connection of portal %d: %w", p.portalID, err)
	}
	for _, e := range p.contacts {
		to.contacts = append(to.contacts, e.stored(known.connection))
	}
	tally[p.becomes] += len(p.contacts)
	watched := p.object != nil && p.object.watched(known.watches)
	if watched {
		to.objects = append(to.objects, p.object.stored(known.connection))
	}
	switch {
	case len(p.contacts) > 0:
	case watched:
		to.alone++
		tally[Accepted]++
	default:
		tally[Ignored]++
	}
	return nil
}

// append makes the events durable and returns how many of those counted were
// known already. If the second half fails, the repetition finds the first half
// done.
func (h *Handler) append(ctx context.Context, events kept) (repeated int, err error) {
	fresh, err := appendTo(ctx, h.inbox.AppendEvents, events.contacts, h.wake)
	if err != nil {
		h.portals.forget() // the connection may be gone: the repetition has to look again
		return 0, err
	}
	freshObjects, err := appendTo(ctx, h.inbox.AppendObjectEvents, events.objects, h.pokeObj)
	if err != nil {
		h.portals.forget()
		return 0, err
	}
	// An event that concerns a contact's life as well is counted there.
	return len(events.contacts) - fresh + min(len(events.objects)-freshObjects, events.alone), nil
}

// appendTo makes events durable and tells their relay if any is new.
func appendTo[E any](ctx context.Context, inbox func(context.Context, []E) (int, error), events []E, wake func()) (fresh int, err error) {
	if len(events) == 0 {
		return 0, nil
	}
	if fresh, err = inbox(ctx, events); err != nil {
		return 0, fmt.Errorf("append %d events: %w", len(events), err)
	}
	if fresh > 0 {
		wake()
	}
	return fresh, nil
}
