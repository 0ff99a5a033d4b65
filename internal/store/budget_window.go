package store

import (
	"slices"
	"time"

	"advocatesync/internal/bridge"
)

// budgetWindow is what the budget remembers of one portal.
type budgetWindow struct {
	granted          []time.Time // within the window, ascending
	pausedUntil      time.Time
	liveWaitingUntil time.Time // a live caller was refused and is about to ask again
	bulkNextAt       time.Time // when bulk work is due its next call
}

// catchUp is how many calls bulk work may be behind its pace and still make up
// for: those of a pause of half a second, as a garbage collection or a busy disk
// causes. More would come in a burst, and live work wait for it to age.
const catchUp = 5

// decide answers one request and takes down what follows from the answer.
func (o BudgetOptions) decide(t *budgetWindow, now time.Time, lane bridge.Lane) bridge.Grant {
	o.forget(t, now)
	free := max(0, o.Limit-len(t.granted))
	if ready := o.readyAt(t, lane); ready.After(now) {
		if lane == bridge.LaneLive {
			// A pace longer than its wait: it needs a moment to come back.
			t.liveWaitingUntil = latest(t.liveWaitingUntil, ready.Add(o.pace()))
		}
		return bridge.Grant{Wait: ready.Sub(now), Left: free, Limit: o.Limit}
	}
	t.granted = append(t.granted, now)
	// Counted from when a call was due, not from now, or the delays of the
	// callers would add up; but what was missed long ago is gone. A live call
	// takes its place from bulk work: on top of it, it would fill the window
	// early, and everybody wait until the first calls of it have aged.
	if now.Sub(t.bulkNextAt) > catchUp*o.pace() {
		t.bulkNextAt = now
	}
	t.bulkNextAt = t.bulkNextAt.Add(o.pace())
	return bridge.Grant{OK: true, Left: free - 1, Limit: o.Limit}
}

// readyAt is the earliest time at which a lane may have a call.
func (o BudgetOptions) readyAt(t *budgetWindow, lane bridge.Lane) time.Time {
	ready, capacity := t.pausedUntil, o.Limit
	if lane == bridge.LaneBulk {
		ready, capacity = latest(ready, t.bulkNextAt, t.liveWaitingUntil), o.bulkCapacity()
	}
	if excess := len(t.granted) - capacity; excess >= 0 { // until enough of the oldest have left
		ready = latest(ready, t.granted[excess].Add(o.span()))
	}
	return ready
}

// forget drops the grants that left the window. A clock that was set back must
// not make the portal wait for the time to come round again.
func (o BudgetOptions) forget(t *budgetWindow, now time.Time) {
	for i := len(t.granted) - 1; i >= 0 && t.granted[i].After(now); i-- {
		t.granted[i] = now
		t.bulkNextAt = now.Add(o.pace())
	}
	if aged := now.Add(o.span()); t.bulkNextAt.After(aged) {
		t.bulkNextAt = aged
	}
	start := now.Add(-o.span())
	t.granted = slices.DeleteFunc(t.granted, func(at time.Time) bool { return !at.After(start) })
}

// span is how long a grant counts.
func (o BudgetOptions) span() time.Duration { return o.Window + o.Margin }

func (o BudgetOptions) bulkCapacity() int { return max(1, o.Limit-o.Reserve) }

// pace spreads bulk calls over the window, so that in a full window a call comes
// free every 95 ms or so and live work never waits for a whole burst to age.
func (o BudgetOptions) pace() time.Duration { return o.span() / time.Duration(o.bulkCapacity()) }

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }
