// Package model tests the product against a simple model of what must be true,
// over random sequences of what people do in HubSpot and in Advocate and of how
// the news of it travels: late, twice, in disorder, and in the middle of the
// product's own work.
//
// The intake, the workflows, the activities, the clients and the database are
// the real ones; the vendors are the strict stand-ins, and time is skipped.
//
// What must be true, and where it is checked:
//
//   - A live contact never gets a second participant: judgeNewParticipant.
//   - Nobody who was erased comes back, and nothing of them stays:
//     judgeNewContact, judgeNewParticipant, checkErased, checkParticipants.
//   - A participant is deleted only if a contact of it is gone and no live one
//     has it, or if the person was erased: judgeDeletion.
//   - An erasure that was heard ends with all its steps, a receipt that verifies and
//     names the person's orders, and tombstones for all that was known of the person:
//     checkErasures, checkReceipts.
//   - A deal that is won counts once at impact.com, whatever happens: checkDeals.
//   - A paused connection calls no vendor: RoundTrip.
//   - In quiet moments both sides are as the reference says: checkQuiet.
//   - Every write follows from a change: checkWrites.
//   - The system falls silent, and old news does not wake it: settle, end.
//   - News that nobody ever tells is made up for by one reconcile: settle. The
//     next one finds nothing to repair, and writes nothing: agree.
package model

import (
	"flag"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"advocatesync/internal/store/storetest"
)

// CI lives through the same sequences in every run, so that a failure is the
// change's; longer and other runs are made on demand. Each of these has passed.
var (
	sequences = flag.Int("model.sequences", 350, "number of random sequences that TestModel lives through")
	seed      = flag.Uint64("model.seed", 1, "what the sequences are drawn from")
	first     = flag.Int("model.first", 0, "number of the first sequence, from 0")
	pages     = flag.Bool("model.pages", false, "draw imports and pages of contacts, too")
	patience  = flag.Int("model.patience", 400, "number of smaller plans that are tried for a failure; 0 tells it as it was drawn")
)

// spare is what a slow machine may need to find the least form of a failure. A
// machine that is too slow for all sequences lives through fewer.
const spare = 4 * time.Minute

func TestMain(m *testing.M) { storetest.Main(m) }

func TestModel(t *testing.T) {
	t.Parallel()
	n := *sequences
	if testing.Short() {
		n = min(n, 200)
	}
	seen := &effects{}
	t.Cleanup(func() { seen.check(t) })
	var taken atomic.Int64
	for i := range labs(t) {
		t.Run(fmt.Sprint("lab ", i), func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.seen = seen
			for at := int(taken.Add(1)); at <= n; at = int(taken.Add(1)) {
				if end, bounded := t.Deadline(); bounded && time.Until(end) < spare {
					t.Logf("the time that go test allows is over at sequence %d of %d", at, n)
					return
				}
				l.live(t, *first+at-1)
			}
		})
	}
}

// effects counts what the rules were held against: sequences without any of it would
// prove nothing.
type effects struct{ sequences, conversions, receipts, deaths, pauses, pages atomic.Int64 }

func (e *effects) check(t *testing.T) {
	t.Helper()
	sequences := e.sequences.Load()
	t.Logf("%d conversions counted, %d receipts verified, %d deaths, %d pauses and %d pages in %d sequences",
		e.conversions.Load(), e.receipts.Load(), e.deaths.Load(), e.pauses.Load(), e.pages.Load(), sequences)
	const enough = 200
	if sequences < enough || t.Failed() {
		return
	}
	for what, n := range map[string]int64{
		"conversion": e.conversions.Load(), "receipt": e.receipts.Load(), "death of a worker": e.deaths.Load(), "pause": e.pauses.Load(),
	} {
		if n == 0 {
			t.Errorf("no sequence has seen a %s", what)
		}
	}
}

// labs is how many sequences are lived at a time: as many as go test runs tests at
// a time. More than there are cores pay off, because a lab waits for PostgreSQL and
// PostgreSQL for the lab.
func labs(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(flag.Lookup("test.parallel").Value.String())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// live lives one random sequence. One that breaks a rule is told in its least
// form, ready to become a known one.
func (l *lab) live(t *testing.T, number int) {
	t.Helper()
	l.seen.sequences.Add(1)
	p := drawPlan(*seed, number)
	rule := l.world(t, p).run(p)
	if rule == "" {
		return
	}
	least := minimise(p, func(p plan) bool { return l.world(silent{t}, p).run(p) == rule })
	w := l.world(t, least)
	w.verbose = testing.Verbose()
	w.run(least)
	t.Errorf("%s:\n%s\nagain: go test ./internal/model -run TestModel -v -model.seed=%d -model.first=%d -model.sequences=1",
		rule, least, *seed, number)
}

// silent says nothing of the plans that are tried on the way to the least one.
type silent struct{ reporter }

func (silent) Logf(string, ...any) {}
