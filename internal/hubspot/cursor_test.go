package hubspot_test

import (
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

// lists are what pages may say of the page after them.
var lists = map[string]struct {
	next  func(after string) string
	pages int // that are read
	want  bridge.Kind
}{
	"one page":           {func(string) string { return "" }, 1, ""},
	"three pages":        {func(after string) string { return map[string]string{"": "a", "a": "b"}[after] }, 3, ""},
	"the same cursor":    {func(string) string { return "a" }, 2, bridge.Invalid},
	"a circle of two":    {func(after string) string { return map[string]string{"": "a", "a": "b", "b": "a"}[after] }, 3, bridge.Invalid},
	"another every time": {func(after string) string { return after + "x" }, 1001, bridge.Invalid},
}

func TestCursor_endsAListThatHasNoEnd(t *testing.T) {
	t.Parallel()
	for name, tt := range lists {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var cursor hubspot.Cursor
			read, more, err := 0, true, error(nil)
			for more && err == nil {
				read++
				more, err = cursor.Next("hubspot.forms", tt.next(cursor.After))
			}
			if read != tt.pages || bridge.KindOf(err) != tt.want {
				t.Errorf("read %d pages, error %v, want %d and %q", read, err, tt.pages, tt.want)
			}
		})
	}
}
