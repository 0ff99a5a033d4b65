package trigger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// place is a position in an operator's text, from 1.
type place struct {
	line, column int
	block        *block // of an expression in a block of lines
}

// block is a YAML block scalar.
type block struct {
	line    int // of the first
	indent  int // spaces before each
	lengths []int
	folded  bool // YAML folds them into one line
	prefix  int  // bytes before the expression
}

// within returns the position of a line (from 1) and column (from 0) of the
// expression that begins at p.
func (p place) within(line, column int) place {
	switch {
	case p.block == nil:
		return place{line: p.line, column: p.column + column}
	case p.block.folded:
		return p.block.unfold(column + p.block.prefix)
	case line == 1:
		column += p.block.prefix
	}
	return place{line: p.block.line + line - 1, column: p.block.indent + column + 1}
}

// unfold finds the line that a column of the folded line came from.
func (b *block) unfold(column int) place {
	at := place{line: b.line, column: b.indent + column + 1}
	for _, length := range b.lengths {
		if column <= length {
			return place{line: at.line, column: b.indent + column + 1}
		}
		column -= length + 1 // the space that replaces the end of the line
		at.line++
	}
	return at
}

// Mistake is one mistake in a definition.
type Mistake struct {
	Line    int    `json:"line"`   // from 1; 0: unknown
	Column  int    `json:"column"` // from 1, in characters
	Path    string `json:"path"`   // "conversion.fields.Amount"; empty for the whole
	Problem string `json:"problem"`
}

func (m Mistake) String() string {
	var b strings.Builder
	if m.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d: ", m.Line, m.Column)
	}
	if m.Path != "" {
		b.WriteString(m.Path + ": ")
	}
	b.WriteString(m.Problem)
	return b.String()
}

// MistakesError is an error with all mistakes of one definition, in the order of
// the text.
type MistakesError []Mistake

func (m MistakesError) Error() string {
	lines := make([]string, len(m))
	for i, one := range m {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

// err returns the sorted mistakes as an error, or nil if there are none.
func (m MistakesError) err() error {
	if len(m) == 0 {
		return nil
	}
	return m.sorted()
}

// sorted returns the mistakes in the order of the text.
func (m MistakesError) sorted() MistakesError {
	slices.SortStableFunc(m, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return m
}

// WithMistakes adds mistakes that only a vendor can tell to the error of Load.
func WithMistakes(err error, more ...Mistake) error {
	mistakes, wrong := errors.AsType[MistakesError](err)
	if err != nil && !wrong {
		return err
	}
	return append(slices.Clone(mistakes), more...).err()
}

// has reports whether there is a mistake at a path already, so that its
// consequences need not be reported.
func (m MistakesError) has(path string) bool {
	return slices.ContainsFunc(m, func(one Mistake) bool { return one.Path == path })
}
