package activities

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"golang.org/x/sync/errgroup"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// retries is the store's side of trying parked participants again.
type retries interface {
	Run(ctx context.Context, runID int64) (store.Run, error)
	RetriedItems(ctx context.Context, runID int64) ([]bridge.ParkedItem, error)
	CloseParked(ctx context.Context, itemID int64, outcome store.Outcome) error
	Stage(ctx context.Context, runID int64, program bridge.Program, rows iter.Seq2[bridge.Participant, error]) (int64, error)
	PlanRun(ctx context.Context, runID int64, fullPass bool) (store.Counts, error)
	Pages(ctx context.Context, runID int64) (int, error)
}

// Retries groups the activities that try parked participants again.
type Retries struct {
	connections Connections
	retries     retries
}

// NewRetries returns the retry activities over their dependencies.
func NewRetries(connections Connections, retries retries) *Retries {
	return &Retries{connections: connections, retries: retries}
}

// readAtOnce is how many participants are asked for side by side. Advocate's
// own limit adapts; this bounds what waits for it.
const readAtOnce = 8

// StageParked stages the participants of a retry's items, as Advocate has them
// now, where other runs stage an export. The item of a participant that is gone
// is resolved: there is nobody left to make a contact of.
func (a *Retries) StageParked(ctx context.Context, in Run) error {
	run, err := a.retries.Run(ctx, in.ID)
	if err != nil || run.State != store.RunRequested {
		return retryable(err) // staged: an earlier attempt got this far
	}
	conn, err := a.connections.Open(ctx, run.ConnectionID)
	if err != nil {
		return retryable(err)
	}
	items, err := a.retries.RetriedItems(ctx, run.ID)
	if err != nil {
		return retryable(err)
	}
	conn.Sharing.ID = run.ProgramID
	_, err = a.retries.Stage(ctx, run.ID, conn.Sharing, a.participants(ctx, conn, items))
	return retryable(err)
}

// participants reads the items' participants, a few at a time, until one read
// fails.
func (a *Retries) participants(ctx context.Context, conn ConnectionClients, items []bridge.ParkedItem) iter.Seq2[bridge.Participant, error] {
	return func(yield func(bridge.Participant, error) bool) {
		for some := range slices.Chunk(items, readAtOnce) {
			found, err := a.read(ctx, conn, some)
			if err != nil {
				yield(bridge.Participant{}, err)
				return
			}
			for _, p := range found {
				if p != nil && !yield(*p, nil) {
					return
				}
			}
		}
	}
}

// read reads some participants side by side; nil stands for one that is gone.
func (a *Retries) read(ctx context.Context, conn ConnectionClients, items []bridge.ParkedItem) ([]*bridge.Participant, error) {
	found := make([]*bridge.Participant, len(items))
	group, ctx := errgroup.WithContext(ctx)
	for i, item := range items {
		group.Go(func() error {
			p, err := conn.Advocate.Participant(ctx, item.AccountID, item.UserID, conn.Sharing.ID)
			switch bridge.KindOf(err) {
			case bridge.NotFound, bridge.DoNotTrack:
				return a.retries.CloseParked(ctx, item.ID, store.OutcomeResolved)
			}
			if err != nil {
				return fmt.Errorf("read the participant of item %d: %w", item.ID, err)
			}
			found[i] = &p
			return nil
		})
	}
	return found, group.Wait()
}

// PlanRetry plans a retry as a mass sync plans: what was handled before is
// looked at again.
func (a *Retries) PlanRetry(ctx context.Context, in Run) (PlanRunResult, error) {
	counts, err := a.retries.PlanRun(ctx, in.ID, true)
	if err != nil {
		return PlanRunResult{}, retryable(err)
	}
	pages, err := a.retries.Pages(ctx, in.ID)
	return PlanRunResult{Pages: pages, Counts: counts}, retryable(err)
}
