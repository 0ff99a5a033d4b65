package facts

import (
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// Recorded finds the earlier event of a change among a trigger's events of the
// record and of those that were merged into it. order is the order id of the change
// itself. It returns the zero event if there is none.
//
// An event that counts once per record may have been recorded for a record that was
// merged into this one; a record that a merge creates is no creation. Events that
// may count come before waiting ones, and those before skipped ones.
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
	case e.Waits():
		return 2
	default:
		return 1
	}
}
