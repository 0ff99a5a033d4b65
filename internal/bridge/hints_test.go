package bridge_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

func anyObjectHints() *rapid.Generator[bridge.ObjectHints] {
	return rapid.Custom(func(t *rapid.T) bridge.ObjectHints {
		at := func(name string) time.Time {
			if second := rapid.Int64Range(0, 5).Draw(t, name); second > 0 {
				return time.Unix(second, 0)
			}
			return time.Time{}
		}
		h := bridge.ObjectHints{CreatedAt: at("created"), RecheckAt: at("recheck")}
		for _, property := range []string{"amount", "dealstage"} {
			if changed := at(property); !changed.IsZero() {
				h = h.Merge(bridge.ObjectHints{Changed: map[string]time.Time{property: changed}})
			}
		}
		return h
	})
}

func TestObjectHintsMerge_doesNotCareForOrderGroupingOrRepetition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyObjectHints().Draw(t, "a"), anyObjectHints().Draw(t, "b"), anyObjectHints().Draw(t, "c")
		for what, pair := range map[string][2]bridge.ObjectHints{
			"order":                              {a.Merge(b), b.Merge(a)},
			"grouping":                           {a.Merge(b).Merge(c), a.Merge(b.Merge(c))},
			"repetition":                         {a.Merge(b).Merge(b), a.Merge(b)},
			"hearing nothing":                    {a.Merge(bridge.ObjectHints{}), a},
			"hearing something after hearing it": {bridge.ObjectHints{}.Merge(a), a},
		} {
			if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
				t.Errorf("%s matters: %s", what, diff)
			}
		}
		if (bridge.ObjectHints{}).Merge(bridge.ObjectHints{}).Empty() != true || a.Merge(b).Empty() != (a.Empty() && b.Empty()) {
			t.Error("emptiness is not kept")
		}
	})
}
