package facts

import (
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// Recorded finds what was recorded earlier of a change, among all that one trigger
// made of the record and of those that were merged into it. order is the order id
// that the change itself has. The zero event: nothing was.
//
// What counts once for a record may have been recorded for one that is now part of
// it, and that a merge makes a record is no creation. What may count comes before
// what waits, and that before what came to nothing.
func Recorded(d trigger.Definition, order string, tracked []store.TrackedEvent) store.TrackedEvent {
	once := d.Once == trigger.OncePerObject || d.Event.Type == trigger.Created
	var found store.TrackedEvent
	for _, e := range tracked {
		if own := e.OrderID == order; (own || once) && weight(e, own) > weight(found, found.OrderID == order) {
			found = e
		}
	}
	return found
}

func weight(e store.TrackedEvent, own bool) int {
	switch {
	case e.ID == 0:
		return 0
	case e.MayCount():
		return 4
	case own:
		return 3
	case e.State == store.TrackedWaiting:
		return 2
	default:
		return 1
	}
}
