package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/demo/seed"
	"advocatesync/internal/demo/stack"
)

// deletions: contacts are deleted by mistake, all at once. The guard holds them back
// until somebody approves. The second time, people fill in a form meanwhile.
func (b *bench) deletions(ctx context.Context) error {
	return b.with(ctx, stack.Options{DeletionHold: time.Minute}, func(s *system) error {
		if err := s.vendors.Mapped(ctx, 2*b.deleted, s.DatabaseURL(), s.ConnectionID); err != nil {
			return err
		}
		l := latencies{system: s, people: 30, every: 500 * time.Millisecond}
		for i, beside := range []func(context.Context) error{func(context.Context) error { return nil }, l.measure} {
			r, err := b.massDeletion(ctx, s, i*b.deleted, beside)
			if err != nil {
				return err
			}
			what := fmt.Sprintf("%d contacts deleted at once", b.deleted)
			if i == 1 {
				b.table.addLatencies(fmt.Sprintf("%s, again: %d contacts by form beside it: fields back", what, l.people), l.took)
				return b.addStages(ctx, s, l.born)
			}
			b.table.add(what+": deleted at Advocate before anybody approved", "0", fmt.Sprint(r.unasked), "")
			b.table.add(what+": HubSpot calls per 100", "≤ 3", fmt.Sprintf("%.1f", float64(r.calls)/float64(b.deleted)*100), "")
			b.table.add(what+": from the approval to the last deletion", "–", r.took.Round(100*time.Millisecond).String(), "")
		}
		return nil
	})
}

// massDeletion is what became of one mass deletion.
type massDeletion struct {
	unasked int // deletions at Advocate before the approval
	calls   int // at HubSpot, from the deletion to the end
	took    time.Duration
}

func (b *bench) massDeletion(ctx context.Context, s *system, from int, beside func(context.Context) error) (massDeletion, error) {
	var r massDeletion
	before, err := s.deletedAtAdvocate(ctx)
	if err != nil {
		return r, err
	}
	if err := s.vendors.HoldWebhooks(ctx); err != nil {
		return r, err
	}
	for i := from; i < from+b.deleted; i++ {
		if err := s.vendors.ArchiveContact(ctx, seed.ContactID(i)); err != nil {
			return r, err
		}
	}
	if err := s.vendors.Reset(ctx); err != nil {
		return r, err
	}
	if err := s.vendors.ReleaseWebhooks(ctx); err != nil {
		return r, err
	}
	both, together := errgroup.WithContext(ctx)
	both.Go(func() error { return beside(together) })
	both.Go(func() error { return b.approveDeletions(together, s, before, &r) })
	if err := both.Wait(); err != nil {
		return r, err
	}
	traffic, err := s.vendors.Traffic(ctx)
	r.calls = traffic.Total
	return r, err
}

// approveDeletions waits until all wait for an approval, gives it, and waits until
// Advocate has deleted everybody.
func (b *bench) approveDeletions(ctx context.Context, s *system, before int, r *massDeletion) error {
	if err := s.await(ctx, func() (bool, error) {
		out, err := s.Command(ctx, nil, "deletions", "show", "--json")
		if err != nil {
			return false, err
		}
		var now struct {
			Waiting int `json:"waiting"`
		}
		if err := json.Unmarshal([]byte(out), &now); err != nil {
			return false, err
		}
		deleted, err := s.deletedAtAdvocate(ctx)
		r.unasked = deleted - before
		return now.Waiting+r.unasked >= b.deleted, err
	}); err != nil {
		return fmt.Errorf("wait for the guard: %w", err)
	}
	b.say("  %d wait, %d deleted unasked", b.deleted, r.unasked)
	began := time.Now()
	if _, err := s.Command(ctx, nil, "deletions", "approve", "--yes"); err != nil {
		return err
	}
	err := s.await(ctx, func() (bool, error) {
		deleted, err := s.deletedAtAdvocate(ctx)
		return deleted-before >= b.deleted, err
	})
	r.took = time.Since(began)
	return err
}

func (s *system) deletedAtAdvocate(ctx context.Context) (int, error) {
	counts, err := s.vendors.AdvocateCounts(ctx)
	return counts[advocatetest.RouteDelete].Calls, err
}
