package portal

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"advocatesync/internal/bridge"
)

func TestIsolate_everyBadRecordEndsAloneAndEveryOtherIsSentOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, maxBatch).Draw(t, "size")
		bad := rapid.SliceOfNDistinct(rapid.IntRange(0, size-1), 0, min(size, 5), rapid.ID).Draw(t, "bad")
		kind := rapid.SampledFrom([]bridge.Kind{bridge.Invalid, bridge.Conflict, bridge.NotFound}).Draw(t, "kind")
		batch := make([]int, size)
		for i := range batch {
			batch[i] = i
		}

		var accepted, refused []int
		sends := 0
		err := isolate(batch, func(part []int) error {
			sends++
			if slices.ContainsFunc(part, func(n int) bool { return slices.Contains(bad, n) }) {
				return &bridge.Error{Kind: kind, Op: "test"}
			}
			accepted = append(accepted, part...)
			return nil
		}, func(n int, err error) {
			if bridge.KindOf(err) != kind {
				t.Fatalf("record %d refused with %v, want %s", n, err, kind)
			}
			refused = append(refused, n)
		})
		if err != nil {
			t.Fatal(err)
		}

		slices.Sort(bad)
		good := slices.DeleteFunc(slices.Clone(batch), func(n int) bool { return slices.Contains(bad, n) })
		if !slices.Equal(refused, bad) || !slices.Equal(accepted, good) {
			t.Fatalf("refused %v, want %v; accepted %v", refused, bad, accepted)
		}
		if most := 1 + 2*7*len(bad); sends > most { // seven halvings reach one of a hundred
			t.Fatalf("%d calls for %d bad of %d, want at most %d", sends, len(bad), size, most)
		}
	})
}

func TestIsolate_otherFailuresEndTheBatchUnsplit(t *testing.T) {
	t.Parallel()
	for _, kind := range []bridge.Kind{bridge.Throttled, bridge.Unavailable, bridge.Unauthorized, bridge.Unknown} {
		t.Run(fmt.Sprintf("kind %q", kind), func(t *testing.T) {
			t.Parallel()
			sends, failure := 0, &bridge.Error{Kind: kind, Op: "test"}
			err := isolate([]int{1, 2, 3, 4}, func([]int) error { sends++; return failure },
				func(n int, _ error) { t.Errorf("record %d refused", n) })
			if !errors.Is(err, failure) || sends != 1 {
				t.Errorf("got %v after %d calls, want the failure after one", err, sends)
			}
		})
	}
}

func TestCalls_keepRecordsOfOneKeyApartAndInOrder(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		records []string
		want    [][]string
	}{
		"nothing makes no call":                {nil, nil},
		"different keys share a call":          {[]string{"a1", "b1", "c1"}, [][]string{{"a1", "b1", "c1"}}},
		"a second of a key comes later":        {[]string{"a1", "a2", "b1"}, [][]string{{"a1", "b1"}, {"a2"}}},
		"a third comes later still":            {[]string{"a1", "a2", "b1", "a3", "b2"}, [][]string{{"a1", "b1"}, {"a2", "b2"}, {"a3"}}},
		"records without a key are no doubles": {[]string{"", "a1", ""}, [][]string{{"", "a1", ""}}},
	}
	firstLetter := func(s string) string { return s[:min(len(s), 1)] }
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, calls(tt.records, firstLetter)); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCalls_carryAtMostAHundred(t *testing.T) {
	t.Parallel()
	records := make([]string, 250)
	for i := range records {
		records[i] = key(i)
	}
	var sizes []int
	for _, batch := range calls(records, func(s string) string { return s }) {
		sizes = append(sizes, len(batch))
	}
	if diff := cmp.Diff([]int{100, 100, 50}, sizes); diff != "" {
		t.Errorf("records per call (-want +got):\n%s", diff)
	}
}
