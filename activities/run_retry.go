package activities

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"go.temporal.io/sdk/activity"

	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
)

// Retries groups the activities that retry parked participants.
type Retries struct {
	connections Connections
	store       *store.Store
}

// NewRetries returns the retry activities over their dependencies.
func NewRetries(connections Connections, s *store.Store) *Retries {
	return &Retries{connections: connections, store: s}
}

// readAtOnce is how many participants are read concurrently. The limiter for
// Advocate adapts; this bounds how many calls wait for it.
const readAtOnce = 8

// StageParked reads the participants of a retry's items from Advocate and stages
// them, where other runs stage an export. It resolves the item of a participant
// that is gone, because no contact can be created for it.
func (a *Retries) StageParked(ctx context.Context, in Run) error {
	run, err := a.store.Run(ctx, in.ID)
	if err != nil || run.State != store.RunRequested {
		return retryable(err) // an earlier attempt has staged them
	}
	conn, err := a.connections.Open(ctx, run.ConnectionID)
	if err != nil {
		return retryable(err)
	}
	items, err := a.store.RetriedItems(ctx, run.ID)
	if err != nil {
		return retryable(err)
	}
	conn.Sharing.ID = run.ProgramID
	ctx = portal.WithTries(ctx, int(activity.GetInfo(ctx).Attempt))
	_, err = a.store.Stage(ctx, run.ID, conn.Sharing, a.participants(ctx, conn, items))
	return retryable(err)
}

// downAfter is how many reads in a row may fail before Advocate counts as down and
// no further participant is read.
const downAfter = 20

// participants reads the items' participants, a few at a time. One that cannot be
// read does not stop the others; see leave.
func (a *Retries) participants(ctx context.Context, conn ConnectionClients, items []bridge.ParkedItem) iter.Seq2[bridge.Participant, error] {
	return func(yield func(bridge.Participant, error) bool) {
		var failed []readItem
		answered := false
		for some := range slices.Chunk(items, readAtOnce) {
			for _, r := range a.read(ctx, conn, some) {
				switch kind := bridge.KindOf(r.err); {
				case r.err == nil:
					answered = true
					if !yield(r.participant, nil) {
						return
					}
				case kind == bridge.NotFound, kind == bridge.DoNotTrack:
					answered = true
					if err := a.store.CloseParked(ctx, r.item.ID, store.OutcomeResolved); err != nil {
						yield(bridge.Participant{}, err)
						return
					}
				case refused(r.err), portal.Fails(r.err) && (answered || len(failed) < downAfter):
					failed = append(failed, r)
				default:
					yield(bridge.Participant{}, fmt.Errorf("read the participant of item %d: %w", r.item.ID, r.err))
					return
				}
			}
		}
		if err := a.leave(ctx, conn, failed, answered); err != nil {
			yield(bridge.Participant{}, err)
		}
	}
}

// leave removes items from the retry whose participants cannot be read: they stay
// parked, and the others are retried without them. If Advocate fails, the activity
// is retried a few times first, and for as long as Advocate is down.
func (a *Retries) leave(ctx context.Context, conn ConnectionClients, failed []readItem, answered bool) error {
	if !answered && len(failed) > 0 && portal.MayGiveUp(ctx, true) {
		_, err := conn.Advocate.Participant(ctx, nobody, nobody, conn.Sharing.ID)
		answered = outbound.Answered(err)
	}
	for _, r := range failed {
		if !refused(r.err) && !portal.MayGiveUp(ctx, answered) {
			return fmt.Errorf("read the participant of item %d: %w", r.item.ID, r.err)
		}
	}
	for _, r := range failed {
		if err := a.store.LeaveRetry(ctx, r.item.ID); err != nil {
			return err
		}
	}
	return nil
}

// nobody is the id of no participant. Whether Advocate answers for it tells an outage
// from participants that it fails on.
const nobody = "nobody"

// readItem is the result of reading an item's participant.
type readItem struct {
	item        bridge.ParkedItem
	participant bridge.Participant
	err         error
}

// read reads some participants concurrently.
func (a *Retries) read(ctx context.Context, conn ConnectionClients, items []bridge.ParkedItem) []readItem {
	found := make([]readItem, len(items))
	var reads sync.WaitGroup
	for i, item := range items {
		reads.Go(func() {
			p, err := conn.Advocate.Participant(ctx, item.AccountID, item.UserID, conn.Sharing.ID)
			found[i] = readItem{item: item, participant: p, err: err}
		})
	}
	reads.Wait()
	return found
}

// PlanRetry plans a retry like a mass sync: rows that were handled before are
// decided again.
func (a *Retries) PlanRetry(ctx context.Context, in Run) (PlanRunResult, error) {
	counts, err := a.store.PlanRun(ctx, in.ID, true)
	if err != nil {
		return PlanRunResult{}, retryable(err)
	}
	pages, err := a.store.Pages(ctx, in.ID)
	return PlanRunResult{Pages: pages, Counts: counts}, retryable(err)
}
