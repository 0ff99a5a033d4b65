package operator

import (
	"context"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// Span is how far back numbers go, and the length of a step.
type Span struct {
	Name string
	Back time.Duration
	Step time.Duration
}

// Spans lists the spans, the shortest first. Numbers are kept for a fortnight. A span
// has less than a hundred steps, so that its tables are small.
func Spans() []Span {
	const day = 24 * time.Hour
	return []Span{{"hour", time.Hour, time.Minute}, {"day", day, 20 * time.Minute}, {"fortnight", 14 * day, 4 * time.Hour}}
}

// Numbers returns what happened to a connection over a span, the oldest step first.
// Steps without data are left out.
func (o *Operator) Numbers(ctx context.Context, c bridge.Connection, span Span) ([]store.Numbers, error) {
	return o.store.Numbers(ctx, c.ID, o.now().Add(-span.Back).Truncate(span.Step), span.Step)
}
