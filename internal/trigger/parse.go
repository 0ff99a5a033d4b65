package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"advocatesync/internal/bridge"
)

// MaxSource is the longest definition, in bytes.
const MaxSource = 64 << 10

// Parse reads a definition in YAML or JSON. The error is MistakesError; what could
// be read is returned with it. It checks the form only; Load also checks the
// meaning.
func Parse(source []byte) (Definition, error) {
	d, mistakes := parse(source)
	return d, mistakes.err()
}

func parse(source []byte) (Definition, MistakesError) {
	r := &reader{lines: strings.Split(string(source), "\n"), places: map[string]place{}}
	d := Definition{Once: OncePerObject, Wait: DefaultWait, AtOnce: DefaultAtOnce}
	switch root := r.document(source); {
	case root == nil:
	case root.Kind != yaml.MappingNode:
		r.wrong(root, "", "settings (name: value) are expected here")
	default:
		r.definition(root, &d)
	}
	d.places = r.places
	return d, r.mistakes
}

// reader walks through a document and collects its mistakes.
type reader struct {
	lines    []string
	places   map[string]place
	mistakes MistakesError
}

func (r *reader) wrong(n *yaml.Node, path, format string, args ...any) {
	r.mistakes = append(r.mistakes, Mistake{Line: n.Line, Column: n.Column, Path: path, Problem: fmt.Sprintf(format, args...)})
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// document returns the root of the only document in the source.
func (r *reader) document(source []byte) *yaml.Node {
	if len(source) > MaxSource {
		r.mistakes = append(r.mistakes, Mistake{Problem: fmt.Sprintf("a definition is at most %d KiB long", MaxSource>>10)})
		return nil
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(source)))
	var doc, more yaml.Node
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) || err == nil && len(doc.Content) != 1 {
		r.mistakes = append(r.mistakes, Mistake{Problem: "there is nothing in it"})
		return nil
	} else if err != nil {
		m := yamlLine.FindStringSubmatch(err.Error())
		mistake := Mistake{Problem: "this is no YAML: " + yamlLine.ReplaceAllString(err.Error(), "")}
		if strings.Contains(mistake.Problem, "mapping values") {
			mistake.Problem += "; an expression with a colon has to stand in 'quotes'"
		}
		if len(m) > 1 && m[1] != "" {
			mistake.Line, _ = strconv.Atoi(m[1])
			mistake.Column = 1
		}
		r.mistakes = append(r.mistakes, mistake)
		return nil
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		r.wrong(&more, "", "a file holds one definition")
	}
	return doc.Content[0]
}

// setting reads the value of one key. A nil setting marks a key that another
// one reads.
type setting func(n *yaml.Node, path string)

// mapping reads a mapping whose keys are all known.
func (r *reader) mapping(n *yaml.Node, path string, known map[string]setting) {
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	r.pairs(n, path, func(key, value *yaml.Node) {
		at := join(path, key.Value)
		read, ok := known[key.Value]
		if !ok {
			r.wrong(key, at, "there is no such setting%s; there are %s", suggestion(key.Value, names), strings.Join(names, ", "))
			return
		}
		r.places[at] = place{line: value.Line, column: value.Column}
		read(value, at)
	})
}

// pairs calls each for every entry of a mapping whose keys are plain text and
// occur once.
func (r *reader) pairs(n *yaml.Node, path string, each func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.wrong(n, path, "settings (name: value) are expected here")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch at := join(path, key.Value); {
		case key.Kind != yaml.ScalarNode:
			r.wrong(key, path, "a name is expected here")
		case seen[key.Value]:
			r.wrong(key, at, "is there twice")
		case value.Kind == yaml.AliasNode || value.Anchor != "":
			r.wrong(value, at, "anchors and aliases (& and *) are not taken: write the value out")
		default:
			seen[key.Value] = true
			each(key, value)
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (r *reader) definition(n *yaml.Node, d *Definition) {
	r.places[""] = place{line: n.Line, column: n.Column}
	r.mapping(n, "", map[string]setting{
		"id":               r.text(&d.ID),
		"description":      r.text(&d.Description),
		"enabled":          func(n *yaml.Node, path string) { r.truth(n, path, &d.Enabled) },
		"object":           func(n *yaml.Node, path string) { choose(r, n, path, &d.Object, bridge.ObjectTypes()...) },
		"event":            func(n *yaml.Node, path string) { r.event(n, path, &d.Event) },
		"when":             r.expression(&d.When),
		"once":             func(n *yaml.Node, path string) { choose(r, n, path, &d.Once, OncePerObject, OncePerChange) },
		"wait_for_contact": func(n *yaml.Node, path string) { r.span(n, path, &d.Wait) },
		"reverse_when":     r.expression(&d.ReverseWhen),
		"at_once":          func(n *yaml.Node, path string) { r.atOnce(n, path, &d.AtOnce) },
		"conversion":       func(n *yaml.Node, path string) { d.Conversion = r.conversion(n, path) },
		"advocate_event":   func(n *yaml.Node, path string) { d.Advocate = r.advocateEvent(n, path) },
	})
}

func (r *reader) event(n *yaml.Node, path string, e *Event) {
	r.mapping(n, path, map[string]setting{
		"type":     func(n *yaml.Node, path string) { choose(r, n, path, &e.Type, Created, PropertyChanged, FormSubmitted) },
		"property": func(n *yaml.Node, path string) { r.list(n, path, &e.Properties) },
		"forms":    func(n *yaml.Node, path string) { r.list(n, path, &e.Forms) },
	})
}

func (r *reader) conversion(n *yaml.Node, path string) *Conversion {
	c := &Conversion{CustomerEmail: EmailSHA1}
	r.mapping(n, path, map[string]setting{
		"campaign_id":       func(n *yaml.Node, path string) { r.id(n, path, &c.CampaignID) },
		"action_tracker_id": func(n *yaml.Node, path string) { r.id(n, path, &c.ActionTrackerID) },
		"event_type_id":     func(n *yaml.Node, path string) { r.id(n, path, &c.EventTypeID) },
		"event_type_code":   r.text(&c.EventTypeCode),
		"customer_email": func(n *yaml.Node, path string) {
			choose(r, n, path, &c.CustomerEmail, EmailRaw, EmailSHA1, EmailSHA256)
		},
		"disposition_code": r.text(&c.DispositionCode),
		"fields":           func(n *yaml.Node, path string) { c.Fields = r.fields(n, path, nil, false) },
	})
	return c
}

func (r *reader) advocateEvent(n *yaml.Node, path string) *AdvocateEvent {
	e := &AdvocateEvent{}
	r.mapping(n, path, map[string]setting{
		"key":    r.text(&e.Key),
		"fields": func(n *yaml.Node, path string) { e.Fields = r.fields(n, path, nil, true) },
	})
	return e
}

// fields reads the fields of a request; only those of Advocate's events nest.
func (r *reader) fields(n *yaml.Node, path string, outer []string, nest bool) []Field {
	var out []Field
	r.pairs(n, path, func(key, value *yaml.Node) {
		at := join(path, key.Value)
		r.places[at] = place{line: value.Line, column: value.Column}
		inner := append(slices.Clone(outer), key.Value)
		const deepest = 8
		switch {
		case key.Value == "" || strings.Contains(key.Value, "."):
			r.wrong(key, at, "a field's name is neither empty nor has it a dot")
		case value.Kind == yaml.MappingNode && nest && len(inner) < deepest:
			out = append(out, r.fields(value, at, inner, nest)...)
		case value.Kind != yaml.ScalarNode:
			r.wrong(value, at, "a value, or an expression that begins with =, is expected here")
		default:
			out = append(out, r.field(value, at, inner))
		}
	})
	return out
}

// field reads an expression, which begins with "=", or a literal value.
func (r *reader) field(n *yaml.Node, path string, names []string) Field {
	f := Field{Path: names}
	if expr, computed := strings.CutPrefix(n.Value, "="); computed {
		f.Expr = Expression(strings.TrimSpace(expr))
		r.places[path] = r.expressionPlace(n, len(n.Value)-len(strings.TrimLeft(expr, " \t\r\n")))
		if f.Expr == "" {
			r.wrong(n, path, "there is no expression after the =")
		}
		return f
	}
	f.Text, f.Value = n.Value, n.Value
	var decoded any
	if n.Decode(&decoded) != nil {
		return f
	}
	switch v := decoded.(type) {
	case int, int64, uint64:
		f.Value = json.Number(fmt.Sprint(v))
	case float64:
		f.Value = r.number(n, path)
	case bool:
		f.Value = v
	case nil:
		f.Text, f.Value = "", ""
	}
	return f
}

// number reads a number with decimals as it is written: YAML's decoder rounds it.
func (r *reader) number(n *yaml.Node, path string) json.Number {
	d, ok := parseDecimal(n.Value)
	if !ok {
		r.wrong(n, path, "%s cannot be sent as a number", n.Value)
		return "0"
	}
	text, _ := d.text() // a decimal notation always ends
	return json.Number(text)
}

// expressionPlace returns where an expression begins: prefix bytes into a value.
func (r *reader) expressionPlace(n *yaml.Node, prefix int) place {
	p := place{line: n.Line, column: n.Column}
	switch n.Style {
	case yaml.DoubleQuotedStyle, yaml.SingleQuotedStyle:
		p.column += 1 + prefix
	case yaml.LiteralStyle, yaml.FoldedStyle:
		p.block = r.block(n)
		p.block.prefix = prefix
	case 0:
		p.column += prefix
	}
	return p
}

// block finds the lines of a value that begins with | or >.
func (r *reader) block(n *yaml.Node) *block {
	b := &block{line: n.Line + 1, folded: n.Style == yaml.FoldedStyle}
	for _, text := range r.lines[min(n.Line, len(r.lines)):] {
		indent := len(text) - len(strings.TrimLeft(text, " "))
		if len(b.lengths) == 0 {
			b.indent = indent
		}
		if indent < b.indent {
			break
		}
		b.lengths = append(b.lengths, len(text)-b.indent)
	}
	return b
}

func (r *reader) expression(into *Expression) setting {
	return func(n *yaml.Node, path string) {
		if !r.scalar(n, path) {
			return
		}
		*into = Expression(n.Value)
		r.places[path] = r.expressionPlace(n, 0)
		if strings.TrimSpace(n.Value) == "" {
			r.wrong(n, path, "there is no expression: leave the setting out instead")
		}
	}
}

func (r *reader) scalar(n *yaml.Node, path string) bool {
	if n.Kind != yaml.ScalarNode {
		r.wrong(n, path, "one value is expected here")
		return false
	}
	return true
}

func (r *reader) text(into *string) setting {
	return func(n *yaml.Node, path string) {
		if r.scalar(n, path) {
			*into = n.Value
		}
	}
}

// id reads a vendor's id: a whole number above zero.
func (r *reader) id(n *yaml.Node, path string, into *int64) {
	if !r.scalar(n, path) {
		return
	}
	v, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil || v <= 0 {
		r.wrong(n, path, "%q is not a whole number above 0", n.Value)
		return
	}
	*into = v
}

// mostAtOnce is the largest value of at_once.
const mostAtOnce = 1_000_000

func (r *reader) atOnce(n *yaml.Node, path string, into *int) {
	if !r.scalar(n, path) {
		return
	}
	v, err := strconv.Atoi(n.Value)
	if err != nil || v < 0 || v > mostAtOnce {
		r.wrong(n, path, "%q is not a whole number from 0 (any number) to %d", n.Value, mostAtOnce)
		return
	}
	*into = v
}

func (r *reader) truth(n *yaml.Node, path string, into **bool) {
	var v bool
	if n.Kind != yaml.ScalarNode || n.Decode(&v) != nil {
		r.wrong(n, path, "true or false is expected here")
		return
	}
	*into = &v
}

// longestWait is the longest wait for a mapped contact: impact.com does not accept
// events that are older than 88 days.
const longestWait = 80 * 24 * time.Hour

func (r *reader) span(n *yaml.Node, path string, into *time.Duration) {
	if !r.scalar(n, path) {
		return
	}
	v, err := readSpan(n.Value)
	if err != nil || v < 0 || v > longestWait {
		r.wrong(n, path, "%q is not a time between 0 and 80 days: write it as 90m, 36h or 7d", n.Value)
		return
	}
	*into = v
}

func readSpan(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

// list reads one value or a list of them.
func (r *reader) list(n *yaml.Node, path string, into *[]string) {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	for _, item := range items {
		if item.Kind != yaml.ScalarNode || item.Value == "" {
			r.wrong(item, path, "a value, or a list of values, is expected here")
			return
		}
		if slices.Contains(*into, item.Value) {
			r.wrong(item, path, "%q is there twice", item.Value)
			return
		}
		*into = append(*into, item.Value)
	}
	if len(*into) == 0 {
		r.wrong(n, path, "the list is empty")
	}
}

// choose reads one of a few words.
func choose[T ~string](r *reader, n *yaml.Node, path string, into *T, words ...T) {
	if n.Kind == yaml.ScalarNode && slices.Contains(words, T(n.Value)) {
		*into = T(n.Value)
		return
	}
	names := make([]string, len(words))
	for i, w := range words {
		names[i] = string(w)
	}
	r.wrong(n, path, "%q is not one of %s%s", n.Value, strings.Join(names, ", "), suggestion(n.Value, names))
}
