package journal

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
)

const (
	// kept is how long a file can be read (HubSpot docs: three days), less an hour
	// for clocks that differ and for files that are slow to appear.
	kept = 3*24*time.Hour - time.Hour
	// parallel is how many files are read at once, so that a day's backlog of small
	// files is read in minutes.
	parallel = 4
	// mostBatches bounds a pass, so that subscriptions and gaps have their turn.
	mostBatches = 50
	// chunk is how many events are made durable together.
	chunk = 500
	// filePatience is how long a file is tried that cannot be read. All portals wait
	// for it; a reconcile makes up for what it held.
	filePatience = 3 * time.Minute
)

// Causes of gaps, as the metric has them.
const (
	causeAged         = "offset_aged_out"
	causeUnreadable   = "unreadable_file"
	causeUnsubscribed = "subscription_removed"
)

// follow reads what was published behind the kept offset, to the end.
func (r *Reader) follow(ctx context.Context, at store.Journal) error {
	seen := map[string]bool{}
	for batch := range mostBatches {
		asked := r.Now()
		files, err := r.next(ctx, &at, asked)
		if err != nil {
			return err
		}
		if err := leadOn(files, seen); err != nil {
			return err
		}
		if batch == 0 && len(files) > 0 {
			pause(ctx, r.HeadStart)
		}
		if err := r.read(ctx, &at, files); err != nil {
			return err
		}
		if len(files) < hubspot.MaxJournalFiles { // what came since has had no head start
			return r.Store.AdvanceJournal(ctx, r.name, at.Offset, asked)
		}
	}
	return nil // the next pass goes on from here
}

// leadOn refuses files that this pass has read already: their offsets lead in a circle,
// and following them would read the same files for ever.
func leadOn(files []hubspot.JournalFile, seen map[string]bool) error {
	for _, f := range files {
		if seen[f.Offset] {
			return &bridge.Error{Kind: bridge.Unavailable, System: bridge.SystemHubSpot, Op: "hubspot.next_journal_files", Code: "PAGING",
				Err: errors.New("the journal's offsets lead in a circle")}
		}
		seen[f.Offset] = true
	}
	return nil
}

// next returns the files behind the kept offset. Where HubSpot does not know it any
// more, reading begins with the earliest file; something is missed only if nothing
// was read for longer than files are kept.
func (r *Reader) next(ctx context.Context, at *store.Journal, now time.Time) ([]hubspot.JournalFile, error) {
	files, err := r.HubSpot.Next(ctx, at.Offset, hubspot.MaxJournalFiles)
	lost := at.Offset != "" && hubspot.OffsetLost(err)
	if err != nil && !lost {
		return nil, err
	}
	aged := !at.Until.IsZero() && now.Sub(at.Until) > kept // however the offset is answered
	switch {
	case !lost && !aged:
		return files, nil
	case lost:
		at.Offset = ""
	}
	if aged {
		at.Until = now
		err = r.gap(ctx, causeAged, at.Offset, now)
	} else {
		err = r.Store.AdvanceJournal(ctx, r.name, at.Offset, time.Time{})
	}
	if err != nil {
		return nil, err
	}
	return r.HubSpot.Next(ctx, at.Offset, hubspot.MaxJournalFiles)
}

// outcome is what came of reading a file.
type outcome struct {
	publishedAt time.Time
	taking      error // its events could not be made durable: not the file's fault
	reading     error // the file cannot be read
}

// read reads files, several at a time, and moves the offset behind each whose events,
// and those of all before it, are durable.
func (r *Reader) read(ctx context.Context, at *store.Journal, files []hubspot.JournalFile) error {
	for group := range slices.Chunk(files, parallel) {
		for i, o := range r.readGroup(ctx, group) {
			if err := r.settle(ctx, group[i].Offset, o); err != nil {
				return err
			}
			at.Offset = group[i].Offset
			if o.publishedAt.After(at.Until) {
				at.Until = o.publishedAt
			}
		}
	}
	return nil
}

func (r *Reader) readGroup(ctx context.Context, files []hubspot.JournalFile) []outcome {
	outcomes := make([]outcome, len(files))
	var group errgroup.Group
	for i, f := range files {
		group.Go(func() error {
			outcomes[i] = r.readFile(ctx, f)
			return nil // one's failure must not stop the others
		})
	}
	_ = group.Wait() // failures are in the outcomes
	return outcomes
}

// readFile makes a file's events durable as they arrive; those of a file that breaks
// off as well.
func (r *Reader) readFile(ctx context.Context, f hubspot.JournalFile) (o outcome) {
	events := make([]json.RawMessage, 0, chunk)
	flush := func() error {
		if len(events) > 0 {
			o.taking = r.Take(ctx, events)
		}
		events = events[:0]
		return o.taking
	}
	o.publishedAt, o.reading = r.HubSpot.ReadFile(ctx, f, func(event json.RawMessage) error {
		if events = append(events, event); len(events) < chunk {
			return nil
		}
		return flush()
	})
	if o.taking == nil {
		_ = flush() // its failure is the outcome's
	}
	if now := r.Now(); o.publishedAt.After(now) {
		o.publishedAt = now // a moment to come would hide every gap until then
	}
	return o
}

// unread is the file that reading has stopped at.
type unread struct {
	offset string
	since  time.Time
}

// settle moves the offset behind a file that was read, or that has been tried for
// long enough.
func (r *Reader) settle(ctx context.Context, offset string, o outcome) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case o.taking != nil:
		return o.taking
	case o.reading == nil:
		return r.Store.AdvanceJournal(ctx, r.name, offset, o.publishedAt)
	}
	if r.unread.offset != offset {
		r.unread = unread{offset, r.Now()}
	}
	if r.Now().Sub(r.unread.since) < filePatience {
		return o.reading
	}
	return r.gap(ctx, causeUnreadable, offset, time.Time{})
}
