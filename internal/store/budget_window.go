package store

import (
	"slices"
	"time"

	"advocatesync/internal/bridge"
)

// budgetWindow is the state of one portal's budget.
type budgetWindow struct {
	granted          []time.Time // within the window, ascending
	pausedUntil      time.Time
	liveWaitingUntil time.Time // a live caller was refused and is about to ask again
	bulkNextAt       time.Time // when bulk work is due its next call
}

// catchUp is how many missed calls bulk work may make up for: those of a pause of
// half a second, as a garbage collection or a busy disk causes. More would come in
// a burst, and live work would have to wait until the burst leaves the window.
const catchUp = 5

// decide answers one request and updates the state.
func (o BudgetOptions) decide(t *budgetWindow, now time.Time, lane bridge.Lane) bridge.Grant {
	o.forget(t, now)
	free := max(0, o.Limit-len(t.granted))
	if ready := o.readyAt(t, lane); ready.After(now) {
		if lane == bridge.LaneLive {
			// One pace longer than its wait, because the caller needs a moment to ask again.
			t.liveWaitingUntil = latest(t.liveWaitingUntil, ready.Add(o.pace()))
		}
		return bridge.Grant{Wait: ready.Sub(now), Left: free, Limit: o.Limit}
	}
	t.granted = append(t.granted, now)
	// The next call is counted from when this one was due, not from now; otherwise the
	// callers' delays would add up. Calls that were missed long ago are lost. A live
	// call takes the place of a bulk call: in addition to it, it would fill the window
	// early and make everybody wait.
	if now.Sub(t.bulkNextAt) > catchUp*o.pace() {
		t.bulkNextAt = now
	}
	t.bulkNextAt = t.bulkNextAt.Add(o.pace())
	return bridge.Grant{OK: true, Left: free - 1, Limit: o.Limit}
}

// readyAt returns the earliest time at which a lane may get a call.
func (o BudgetOptions) readyAt(t *budgetWindow, lane bridge.Lane) time.Time {
	ready, capacity := t.pausedUntil, o.Limit
	if lane == bridge.LaneBulk {
		ready, capacity = latest(ready, t.bulkNextAt, t.liveWaitingUntil), o.bulkCapacity()
	}
	if excess := len(t.granted) - capacity; excess >= 0 { // when enough of the oldest leave the window
		ready = latest(ready, t.granted[excess].Add(o.span()))
	}
	return ready
}

// forget drops the grants that left the window, and those in the future: a clock
// that was set back must not make the portal wait.
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

// span returns how long a grant counts.
func (o BudgetOptions) span() time.Duration { return o.Window + o.Margin }

func (o BudgetOptions) bulkCapacity() int { return max(1, o.Limit-o.Reserve) }

// pace returns the time between bulk calls. They are spread over the window, so
// that in a full window a call comes free about every 95 ms and live work never
// waits for a whole burst to leave it.
func (o BudgetOptions) pace() time.Duration { return o.span() / time.Duration(o.bulkCapacity()) }

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }
