package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// table is what the bench prints in the end, ready for docs/performance.md.
type table struct {
	log  io.Writer // hears of each figure as it is taken: a long bench may be stopped
	rows [][4]string
}

// add notes a figure beside its goal, and the ratio of the two where there is
// one.
func (t *table) add(what, goal, seen, ratio string) {
	t.rows = append(t.rows, [4]string{what, goal, seen, ratio})
	fmt.Fprintf(t.log, "          %s: %s\n", what, seen)
}

// addLatencies notes how long contacts waited for their participant's fields.
func (t *table) addLatencies(what string, took []time.Duration) {
	slices.Sort(took)
	at := func(q float64) float64 { return took[int(q*float64(len(took)-1))].Seconds() }
	t.add(what, "p99 ≤ 2 s", fmt.Sprintf("p50 %.2f s, p99 %.2f s, most %.2f s", at(0.5), at(0.99), at(1)), times(at(0.99), 2))
}

func (t *table) show(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| What\t| Goal\t| Seen\t| Ratio\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|")
	for _, row := range t.rows {
		fmt.Fprintf(w, "| %s\t|\n", strings.Join(row[:], "\t| "))
	}
	return w.Flush()
}

func percent(part, whole float64) string { return fmt.Sprintf("%.1f %%", 100*part/whole) }

func times(seen, goal float64) string { return fmt.Sprintf("%.2f × goal", seen/goal) }
