package startup

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// While a vendor is away, every activity fails, and Temporal's SDK logs a line for
// each attempt. Of one message, logBurst lines come at once and one every logEvery
// afterwards, which tells how many were left out.
const (
	logEvery = 10 * time.Second
	logBurst = 5
)

// sampled returns a handler that samples warnings and errors by their message.
// Whatever says less is left to next.
func sampled(next slog.Handler, now func() time.Time) slog.Handler {
	return sampler{Handler: next, seen: &messages{now: now, known: map[string]*sample{}}}
}

type sampler struct {
	slog.Handler
	seen *messages
}

func (s sampler) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		return s.Handler.Handle(ctx, r)
	}
	left, may := s.seen.take(r.Message)
	if !may {
		return nil
	}
	if left > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("not_logged", left))
	}
	return s.Handler.Handle(ctx, r)
}

func (s sampler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return sampler{s.Handler.WithAttrs(attrs), s.seen}
}

func (s sampler) WithGroup(name string) slog.Handler {
	return sampler{s.Handler.WithGroup(name), s.seen}
}

// messages are those that have been logged; the SDK has a fixed number of them.
type messages struct {
	now func() time.Time

	mu    sync.Mutex
	known map[string]*sample
}

type sample struct {
	may  *rate.Limiter
	left int // since the last line
}

// take tells whether a message may be logged, and how many like it were not.
func (m *messages) take(message string) (left int, may bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.known[message]
	if s == nil {
		s = &sample{may: rate.NewLimiter(rate.Every(logEvery), logBurst)}
		m.known[message] = s
	}
	if !s.may.AllowN(m.now(), 1) {
		s.left++
		return 0, false
	}
	left, s.left = s.left, 0
	return left, true
}
