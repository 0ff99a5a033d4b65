package store

import "time"

// exactUpTo is how many rows of a kind are counted while somebody waits: counting a
// million takes seconds. Beyond it a number comes from the last sample.
const exactUpTo = 10_000

// Counted says of what time the numbers beside it are.
type Counted struct {
	At      time.Time // of the oldest sample that one of them comes from; zero: all are of now
	AtLeast bool      // one of them was never sampled: there are more than it says
}

// fewOf counts rows, but no more than it takes to know that they are many.
func fewOf(rows string) string {
	return " (SELECT count(*) FROM (SELECT FROM " + rows + " LIMIT 10001) few)"
}

// lastSample joins to a connection c how it stood when it was last sampled, as s.
const lastSample = `
  LEFT JOIN LATERAL (SELECT e.sampled_at, e.counted_at, e.mapped, e.kept_out, e.parked, e.backlog FROM connection_minute e
                      WHERE e.connection_id = c.id AND e.sampled_at IS NOT NULL
                      ORDER BY e.minute DESC LIMIT 1) s ON true`

// sampled is a number that was sampled, and when; nil: it never was.
type sampled struct {
	n  *int64
	at *time.Time
}

// of is the number of rows of which few were counted. A sample that says fewer is
// of a time before they became many.
func (c *Counted) of(few int64, last sampled) int64 {
	switch {
	case few <= exactUpTo:
		return few
	case last.n == nil || last.at == nil || *last.n < few:
		c.AtLeast = true
		return exactUpTo
	}
	if c.At.IsZero() || last.at.Before(c.At) {
		c.At = *last.at
	}
	return *last.n
}
