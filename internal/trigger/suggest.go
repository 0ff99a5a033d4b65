package trigger

import (
	"fmt"

	"advocatesync/internal/spelling"
)

// suggestion guesses which of the known names a misspelt one was meant to be:
// `; did you mean "amount"?`, or nothing.
func suggestion(name string, known []string) string {
	best, nearest := "", 3 // letters apart at which a guess is none
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
