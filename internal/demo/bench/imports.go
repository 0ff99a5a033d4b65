package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"advocatesync/internal/demo/stack"
	"advocatesync/workflows"
)

// importCeiling is how many contacts a second HubSpot's limit allows for an import:
// each is read and written back, a hundred a call, at 11 calls a second.
const importCeiling = 550

// imported: an import creates contacts. The second time, people fill in a form beside
// it; their contacts cost calls of their own, so the first import alone is counted.
func (b *bench) imported(ctx context.Context) error {
	return b.with(ctx, stack.Options{}, func(s *system) error {
		what := fmt.Sprintf("%d contacts imported", b.imports)
		alone, err := b.importContacts(ctx, s, "alone", func(context.Context) error { return nil })
		if err != nil {
			return err
		}
		hundreds := float64(b.imports) / 100
		rate := float64(b.imports) / alone.took.Seconds()
		b.table.add(what+": contacts/s", "≥ 70 % of 550", fmt.Sprintf("%.0f", rate), percent(rate, importCeiling)+" of the ceiling")
		b.table.add(what+": HubSpot calls per 100", "≤ 3", fmt.Sprintf("%.1f", float64(alone.hubspot)/hundreds), "")
		b.table.add(what+": Advocate calls per 100", "≤ 3", fmt.Sprintf("%.1f", float64(alone.advocate)/hundreds), "")
		b.table.add(what+": 429s", "0", fmt.Sprint(alone.tooMany), "")
		b.table.add(what+": CPU", "–", cpuLine(alone.cpu), "")
		b.table.add(what+": workflow tasks per contact", "≤ 0.1", fmt.Sprintf("%.2f", float64(alone.tasks)/float64(b.imports)),
			fmt.Sprintf("%d pages, %d contacts by themselves", alone.pages, alone.single))

		l := latencies{system: s, people: 20, every: 500 * time.Millisecond}
		beside, err := b.importContacts(ctx, s, "beside", l.measure)
		if err != nil {
			return err
		}
		b.table.addLatencies(fmt.Sprintf("%d contacts by form beside another such import: fields back", len(l.took)), l.took)
		if err := b.addStages(ctx, s, l.born); err != nil {
			return err
		}
		rate = float64(b.imports) / beside.took.Seconds()
		b.table.add(what+", forms beside them: contacts/s", "–", fmt.Sprintf("%.0f", rate), percent(rate, importCeiling)+" of the ceiling")
		return nil
	})
}

// anImport is what one import cost.
type anImport struct {
	took              time.Duration // from the first webhook to the last contact written back
	hubspot, advocate int           // calls
	tooMany           int
	pages, single     int // workflows of pages, and of single contacts
	tasks             int // of these workflows
	cpu               map[string]time.Duration
}

// importContacts has HubSpot tell of an import. meanwhile runs beside it and is waited for.
func (b *bench) importContacts(ctx context.Context, s *system, name string, meanwhile func(context.Context) error) (anImport, error) {
	var done anImport
	if err := s.vendors.HoldWebhooks(ctx); err != nil {
		return done, err
	}
	rows, creating := errgroup.WithContext(ctx)
	rows.SetLimit(8)
	for i := range b.imports {
		rows.Go(func() error {
			_, err := s.vendors.ImportContact(creating, map[string]string{"email": fmt.Sprintf("row%d@%s.example", i, name), "firstname": "Row"})
			return err
		})
	}
	if err := rows.Wait(); err != nil {
		return done, err
	}
	if err := s.vendors.Reset(ctx); err != nil {
		return done, err
	}
	before, err := s.advocateCalls(ctx)
	if err != nil {
		return done, err
	}
	began, cpu := time.Now(), processes()
	if err := s.vendors.ReleaseWebhooks(ctx); err != nil {
		return done, err
	}
	if b.profile != "" {
		go b.profileWorker(s)
	}
	both, together := errgroup.WithContext(ctx)
	both.Go(func() error { return meanwhile(together) })
	both.Go(func() (err error) {
		done.took, err = s.awaitWrites(together, b.imports, began)
		done.cpu = cpuSince(cpu)
		return err
	})
	if err := both.Wait(); err != nil {
		return done, err
	}
	traffic, err := s.vendors.Traffic(ctx)
	if err != nil {
		return done, err
	}
	after, err := s.advocateCalls(ctx)
	if err != nil {
		return done, err
	}
	done.hubspot, done.tooMany, done.advocate = traffic.Total, traffic.TooMany, after-before
	pages, err := s.workflowTasks(ctx, workflows.ContactBatchName, began)
	if err != nil {
		return done, err
	}
	single, err := s.workflowTasks(ctx, workflows.ContactLifecycleName, began)
	done.pages, done.single, done.tasks = len(pages), len(single), sum(pages)+sum(single)
	return done, err
}

// awaitWrites waits until HubSpot has taken so many writes, and returns how long after
// a time that was.
func (s *system) awaitWrites(ctx context.Context, writes int, began time.Time) (time.Duration, error) {
	var took time.Duration
	err := s.await(ctx, func() (bool, error) {
		traffic, err := s.vendors.Traffic(ctx)
		took = time.Since(began)
		return traffic.Writes >= writes, err
	})
	return took, err
}

func (s *system) advocateCalls(ctx context.Context) (int, error) {
	counts, err := s.vendors.AdvocateCounts(ctx)
	calls := 0
	for _, route := range counts {
		calls += route.Calls
	}
	return calls, err
}
