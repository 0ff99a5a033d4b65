package console

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"advocatesync/internal/api"
	"advocatesync/internal/operator"
)

// numbersView is plots over time, each with its numbers as a table beneath.
type numbersView struct {
	scope

	Span   string
	Spans  []string
	Charts []chart
}

// chart is one plot: one line, or two.
type chart struct {
	Title   string
	Summary string // of the plot, for whoever does not see it
	Lines   []line
	Plot    template.HTML // SVG that is made of numbers and of the texts below alone
	Rows    []chartRow
}

// line is one line of a plot.
type line struct {
	Name  string
	value func(api.Numbers) (float64, bool)
}

// chartRow is one step, in numbers.
type chartRow struct {
	At     time.Time
	Values []string
}

func whole(value func(api.Numbers) int64) func(api.Numbers) (float64, bool) {
	return func(n api.Numbers) (float64, bool) { return float64(value(n)), true }
}

func known(value func(api.Numbers) *float64) func(api.Numbers) (float64, bool) {
	return func(n api.Numbers) (float64, bool) {
		if v := value(n); v != nil {
			return *v, true
		}
		return 0, false
	}
}

// recordsWritten is on the overview, too.
var recordsWritten = chart{Title: "Records written", Lines: []line{
	{"contacts", whole(func(n api.Numbers) int64 { return n.ContactsWritten })}, {"participants", whole(func(n api.Numbers) int64 { return n.ParticipantsWritten })},
}}

var plots = []chart{
	{Title: "Events heard", Lines: []line{{"events", whole(func(n api.Numbers) int64 { return n.Heard })}}},
	recordsWritten,
	{Title: "Seconds until a changed contact is in step, at most", Lines: []line{
		{"half of them", known(func(n api.Numbers) *float64 { return n.LagP50 })}, {"99 %", known(func(n api.Numbers) *float64 { return n.LagP99 })},
	}},
	{Title: "Waiting events", Lines: []line{{"events", whole(func(n api.Numbers) int64 { return n.Backlog })}}},
	{Title: "HubSpot calls in 10 seconds", Lines: []line{{"calls", whole(func(n api.Numbers) int64 { return n.Calls })}}},
	{Title: "Parked items, and differences that a reconcile left", Lines: []line{
		{"parked", whole(func(n api.Numbers) int64 { return n.Parked })}, {"differences", whole(func(n api.Numbers) int64 { return n.Drift })},
	}},
}

func (c *Console) numbers(v *visit) (answer, error) {
	span := v.URL.Query().Get("span")
	view := &numbersView{}
	var chosen operator.Span
	for _, s := range operator.Spans() {
		view.Spans = append(view.Spans, s.Name)
		if s.Name == span || chosen.Name == "" {
			chosen = s
		}
	}
	view.Span = chosen.Name
	n, err := v.client.Numbers(v.ctx(), v.connection(), chosen.Name)
	if err != nil {
		return nil, err
	}
	if len(n.Items) > 0 {
		to := c.now().UTC()
		for _, p := range plots {
			view.Charts = append(view.Charts, drawn(p, n, to.Add(-chosen.Back), to))
		}
	}
	return page{name: "numbers", title: "Numbers", view: view}, nil
}

// drawn is a plot of the numbers between two times.
func drawn(p chart, n api.NumbersSpan, from, to time.Time) chart {
	most := 0.0
	step := time.Duration(n.StepSeconds) * time.Second
	if last := len(n.Items) - 1; last > 0 && n.Items[last].At.Add(step).After(to) {
		n.Items = n.Items[:last] // it goes on, so that its counts would look like a fall
	}
	for _, one := range n.Items {
		row := chartRow{At: one.At}
		for _, l := range p.Lines {
			value, ok := l.value(one)
			most = max(most, value)
			row.Values = append(row.Values, map[bool]string{true: number(value), false: "–"}[ok])
		}
		p.Rows = append(p.Rows, row)
	}
	last := p.Rows[len(p.Rows)-1]
	var parts []string
	for i, l := range p.Lines {
		parts = append(parts, fmt.Sprintf("%s %s at the end", l.Name, last.Values[i]))
	}
	p.Summary = fmt.Sprintf("%s over the last %s: at most %s, %s.", p.Title, n.Span, number(most), strings.Join(parts, ", "))
	p.Plot = plot(p, n.Items, from, to, step, most)
	return p
}

// The plot's size in SVG's own units; the page scales it.
const (
	plotWidth, plotHeight                 = 640, 160
	plotLeft, plotRight, plotTop, plotLow = 60, 630, 12, 132
)

// plot draws the lines. Only SVG's own attributes and classes of the style sheet are
// used, for the policy allows no inline styles. A step without a number, and one that
// is missing, breaks the line.
func plot(p chart, items []api.Numbers, from, to time.Time, step time.Duration, most float64) template.HTML {
	top := max(2*math.Ceil(most/2), 2) // its half is a whole number, for most plots count
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">`, plotWidth, plotHeight, template.HTMLEscapeString(p.Summary))
	for _, at := range []float64{0, .5, 1} {
		y := plotLow - at*(plotLow-plotTop)
		fmt.Fprintf(&b, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`,
			plotLeft, y, plotRight, y, plotLeft-6, y+4, number(top*at))
	}
	for i, l := range p.Lines {
		var path strings.Builder
		command, before := "M", time.Time{}
		for _, n := range items {
			value, ok := l.value(n)
			if !ok || n.At.Before(from.Add(-step)) {
				command = "M"
				continue
			}
			if !before.IsZero() && n.At.Sub(before) > step {
				command = "M"
			}
			x := plotLeft + (plotRight-plotLeft)*min(1, max(0, n.At.Sub(from).Seconds()/to.Sub(from).Seconds()))
			y := plotLow - value/top*(plotLow-plotTop)
			fmt.Fprintf(&path, "%s%.1f %.1fh1", command, x, y) // one that stands alone shows as well
			command, before = "L", n.At
		}
		class := "line"
		if i > 0 {
			class += " second"
		}
		fmt.Fprintf(&b, `<path class="%s" d="%s"/>`, class, path.String())
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // numbers, and our own texts, escaped
}

// number is a number as a plot shows it.
func number(value float64) string {
	if value == float64(int64(value)) {
		return count(int64(value))
	}
	return fmt.Sprintf("%.1f", value)
}
