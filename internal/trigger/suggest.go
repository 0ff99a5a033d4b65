package trigger

import (
	"fmt"

	"advocatesync/internal/spelling"
)

// suggestion returns the known name that a misspelt one probably means, as `; did
// you mean "amount"?`, or nothing.
func suggestion(name string, known []string) string {
	best, nearest := "", 3 // a name this far away is no suggestion
	if len(name) < 5 {
		nearest = 2
	}
	for _, candidate := range known {
		if d := spelling.Distance(name, candidate); d < nearest {
			best, nearest = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}
