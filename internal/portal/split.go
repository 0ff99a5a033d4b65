package portal

import (
	"slices"

	"advocatesync/internal/batching"
)

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
		batches = slices.AppendSeq(batches, slices.Chunk(first, batching.Size))
		records = later
	}
	return batches
}
