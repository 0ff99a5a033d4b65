package portal

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
