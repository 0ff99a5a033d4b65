package bridge_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"advocatesync/internal/bridge"
)

func anyHints() *rapid.Generator[bridge.Hints] {
	return rapid.Custom(func(t *rapid.T) bridge.Hints {
		at := func(name string) time.Time {
			if second := rapid.Int64Range(0, 5).Draw(t, name); second > 0 {
				return time.Unix(second, 0)
			}
			return time.Time{}
		}
		return bridge.Hints{CreatedAt: at("created"), UpdatedAt: at("updated"), ResyncAt: at("resync"),
			DeletedAt: at("deleted"), ErasedAt: at("erased"), RestoredAt: at("restored"), MergedAt: at("merged")}
	})
}

// Webhooks come in any order, grouped in any way and more than once.
func TestHintsMerge_doesNotCareForOrderGroupingOrRepetition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyHints().Draw(t, "a"), anyHints().Draw(t, "b"), anyHints().Draw(t, "c")
		if a.Merge(b) != b.Merge(a) {
			t.Error("order matters")
		}
		if a.Merge(b).Merge(c) != a.Merge(b.Merge(c)) {
			t.Error("grouping matters")
		}
		if a.Merge(b).Merge(b) != a.Merge(b) {
			t.Error("repetition matters")
		}
		if a.Merge(bridge.Hints{}) != a {
			t.Error("hearing nothing changes what was heard")
		}
	})
}
