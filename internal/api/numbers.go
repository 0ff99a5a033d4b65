package api

import (
	"context"
	"net/url"
	"strings"
	"time"

	"advocatesync/internal/operator"
	"advocatesync/internal/store"
)

// Numbers is what happened to a connection from a moment on, for one step of the
// span: sums of what was done, the most of what stood.
type Numbers struct {
	At                  time.Time `json:"at"`
	Heard               int64     `json:"events_heard"`
	ContactsWritten     int64     `json:"contacts_written"`
	ParticipantsWritten int64     `json:"participants_written"`
	LagP50              *float64  `json:"lag_p50_seconds"` // of contacts that came in step, at most; null: none did
	LagP99              *float64  `json:"lag_p99_seconds"`
	Backlog             int64     `json:"waiting_events"`
	Calls               int64     `json:"hubspot_calls_10s"`
	Parked              int64     `json:"parked_items"`
	Drift               int64     `json:"drift"`
}

// NumbersSpan is what happened over a span.
type NumbersSpan struct {
	Span        string    `json:"span"`
	StepSeconds int64     `json:"step_seconds"`
	Items       []Numbers `json:"items"` // the oldest first; steps without data are left out
}

func numbersOf(n store.Numbers) Numbers {
	view := Numbers{
		At: utc(n.At), Heard: n.Heard, ContactsWritten: n.ContactsWritten, ParticipantsWritten: n.ParticipantsWritten,
		Backlog: n.Backlog, Calls: n.Calls, Parked: n.Parked, Drift: n.Drift,
	}
	if lag, ok := n.Lags.Quantile(.5); ok {
		view.LagP50 = new(lag.Seconds())
	}
	if lag, ok := n.Lags.Quantile(.99); ok {
		view.LagP99 = new(lag.Seconds())
	}
	return view
}

// span reads the span from the query; an hour by default.
func (r *request) span() operator.Span {
	const name = "span"
	text, spans := r.parameter(name), operator.Spans()
	if text == "" {
		return spans[0]
	}
	names := make([]string, 0, len(spans))
	for _, s := range spans {
		if s.Name == text {
			return s
		}
		names = append(names, s.Name)
	}
	r.mistake(name, "must be one of: %s", strings.Join(names, ", "))
	return spans[0]
}

func (h *Handler) getNumbers(r *request) (any, error) {
	span := r.span()
	c, err := h.connection(r)
	if err != nil {
		return nil, err
	}
	all, err := h.operator.Numbers(r.Context(), c, span)
	return NumbersSpan{Span: span.Name, StepSeconds: int64(span.Step.Seconds()), Items: collect(all, numbersOf)}, err
}

// Numbers returns what happened to a connection over a span: hour, day or
// fortnight.
func (c *Client) Numbers(ctx context.Context, connection, span string) (NumbersSpan, error) {
	return send[NumbersSpan](ctx, c, call{operation: "getNumbers", path: []string{connection}, query: url.Values{"span": {span}}})
}
