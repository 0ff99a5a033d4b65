// Package numbers counts, minute by minute, what this process does for each
// connection, and has it kept for the console's plots. Metrics tell the same to
// whoever runs Prometheus; these numbers are for installations without.
package numbers

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"advocatesync/internal/store"
)

// Tally counts what a worker does. It is safe for concurrent use.
type Tally struct {
	now func() time.Time

	mu      sync.Mutex
	minutes map[key]*store.Minute
}

type key struct {
	connection string
	at         time.Time
}

// NewTally returns an empty tally.
func NewTally(now func() time.Time) *Tally {
	return &Tally{now: now, minutes: map[key]*store.Minute{}}
}

// ContactsWritten counts contacts that HubSpot took.
func (t *Tally) ContactsWritten(connectionID string, n int) {
	t.count(connectionID, func(m *store.Minute) { m.ContactsWritten += int64(n) })
}

// ParticipantWritten counts a participant that Advocate took.
func (t *Tally) ParticipantWritten(connectionID string) {
	t.count(connectionID, func(m *store.Minute) { m.ParticipantsWritten++ })
}

// InStep counts a contact that came in step, by how long that took.
func (t *Tally) InStep(connectionID string, lag time.Duration) {
	t.count(connectionID, func(m *store.Minute) { m.Lags.Add(lag) })
}

func (t *Tally) count(connectionID string, add func(*store.Minute)) {
	at := t.now().UTC().Truncate(time.Minute)
	t.mu.Lock()
	defer t.mu.Unlock()
	k := key{connectionID, at}
	if t.minutes[k] == nil {
		t.minutes[k] = &store.Minute{ConnectionID: connectionID, At: at}
	}
	add(t.minutes[k])
}

// take empties the tally.
func (t *Tally) take() []store.Minute {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := make([]store.Minute, 0, len(t.minutes))
	for _, m := range t.minutes {
		taken = append(taken, *m)
	}
	t.minutes = map[key]*store.Minute{}
	return taken
}

// lastKeep bounds the keeping of what was counted when the process stops.
const lastKeep = 5 * time.Second

// Run keeps what was counted, once a minute and when ctx ends. Minutes that could
// not be kept are lost: nothing depends on them.
func (t *Tally) Run(ctx context.Context, keep func(context.Context, []store.Minute) error, log *slog.Logger) {
	each(ctx, func(ctx context.Context) {
		if minutes := t.take(); len(minutes) > 0 {
			if err := keep(ctx, minutes); err != nil {
				log.WarnContext(ctx, "numbers of a minute not kept", "err", err)
			}
		}
	})
}

// Sample has how things stand kept now and once a minute, until ctx ends.
func Sample(ctx context.Context, sample func(context.Context) error, log *slog.Logger) {
	keep := func(ctx context.Context) {
		if err := sample(ctx); err != nil {
			log.WarnContext(ctx, "sample of a minute not kept", "err", err)
		}
	}
	keep(ctx)
	each(ctx, keep)
}

// each does something once a minute, and a last time when ctx ends.
func each(ctx context.Context, do func(context.Context)) {
	ticks := time.NewTicker(time.Minute)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			do(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastKeep)
			do(last)
			cancel()
			return
		}
	}
}
