package spelling_test

import (
	"testing"

	"advocatesync/internal/spelling"
)

func TestDistance_countsTheSmallestChange(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"amount", "amount", 0}, {"", "abc", 3}, {"abc", "", 3}, {"amounnt", "amount", 1}, {"amuont", "amount", 2}, {"stage", "amount", 6},
	} {
		if got := spelling.Distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q and %q are %d apart, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
