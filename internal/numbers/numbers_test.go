package numbers_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"advocatesync/internal/numbers"
	"advocatesync/internal/store"
)

// kept is what a store was given.
type kept struct {
	contacts, participants, lags int64
	calls                        int
	fails                        bool
}

func (k *kept) keep(_ context.Context, minutes []store.Minute) error {
	k.calls++
	if k.fails {
		return errors.New("no database")
	}
	for _, m := range minutes {
		k.contacts += m.ContactsWritten
		k.participants += m.ParticipantsWritten
		for _, n := range m.Lags {
			k.lags += n
		}
	}
	return nil
}

func TestTally_keepsEachMinuteOnceAndTheLastWhenItStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		tally, k := numbers.NewTally(time.Now), &kept{}
		ended := make(chan struct{})
		go func() { defer close(ended); tally.Run(ctx, k.keep, slog.New(slog.DiscardHandler)) }()
		tally.ContactsWritten("c1", 100)
		tally.ParticipantWritten("c1")
		tally.InStep("c1", 3*time.Second)
		time.Sleep(3 * time.Minute) // of the bubble's clock
		synctest.Wait()
		if k.contacts != 100 || k.participants != 1 || k.lags != 1 || k.calls != 1 {
			t.Errorf("kept %+v, want each number once and no empty minute", *k)
		}
		tally.ContactsWritten("c2", 7)
		stop()
		<-ended
		if k.contacts != 107 {
			t.Errorf("%d contacts kept, want what was counted last as well", k.contacts)
		}
	})
}

// Nothing depends on the numbers: without a database a minute is lost, and no memory
// piles up.
func TestTally_losesAMinuteThatIsNotKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		tally, k := numbers.NewTally(time.Now), &kept{fails: true}
		ended := make(chan struct{})
		go func() { defer close(ended); tally.Run(ctx, k.keep, slog.New(slog.DiscardHandler)) }()
		tally.ContactsWritten("c1", 1)
		time.Sleep(90 * time.Second)
		synctest.Wait()
		k.fails = false
		stop()
		<-ended
		if k.contacts != 0 || k.calls != 1 {
			t.Errorf("kept %+v", *k)
		}
	})
}
