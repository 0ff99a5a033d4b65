package portal

import (
	"slices"

	"advocatesync/internal/bridge"
)

// isolate sends a batch and, where HubSpot refuses it as a whole, sends it
// again in halves until each bad record is alone; refuse learns of those. Any
// other failure ends it at once: what was not sent by then stays unsent.
func isolate[T any](batch []T, send func([]T) error, refuse func(T, error)) error {
	err := send(batch)
	switch {
	case err == nil || !refusal(err):
		return err
	case len(batch) == 1:
		refuse(batch[0], err)
		return nil
	}
	half := len(batch) / 2
	if err := isolate(batch[:half], send, refuse); err != nil {
		return err
	}
	return isolate(batch[half:], send, refuse)
}

// refusal tells an answer that may be about a single record of a batch.
// NotFound is one of them: taken as the answer for the whole batch, it would
// make a hundred contacts look deleted because of one.
func refusal(err error) bool {
	switch bridge.KindOf(err) {
	case bridge.Invalid, bridge.Conflict, bridge.NotFound:
		return true
	default:
		return false
	}
}

// calls cuts records into the batches they travel in: at most a hundred, and
// no key twice, because HubSpot refuses a whole batch that names a record
// twice. The second record of a key comes in a later batch than the first. An
// empty key is nobody's double.
func calls[T any](records []T, key func(T) string) [][]T {
	var batches [][]T
	for len(records) > 0 {
		var first, later []T
		seen := make(map[string]bool, len(records))
		for _, r := range records {
			k := key(r)
			if k != "" && seen[k] {
				later = append(later, r)
				continue
			}
			seen[k] = true
			first = append(first, r)
		}
		batches = slices.AppendSeq(batches, slices.Chunk(first, maxBatch))
		records = later
	}
	return batches
}
