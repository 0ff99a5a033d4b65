package trigger

import "fmt"

// suggestion guesses which of the known names a misspelt one was meant to be:
// `; did you mean "amount"?`, or nothing.
func suggestion(name string, known []string) string {
	best, nearest := "", 3 // letters apart at which a guess is none
	if len(name) < 5 {
		nearest = 2
	}
	for _, candidate := range known {
		if d := distance(name, candidate); d < nearest {
			best, nearest = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// distance counts the letters to insert, remove or replace to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
