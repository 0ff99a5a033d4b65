// Package csvscan reads comma-separated rows from a file that may be damaged.
// One bad row never hides the rows behind it.
//
// encoding/csv cannot do that: a quoted field may hold line breaks, so after an
// error nobody knows where the next row starts, and a quote that is never closed
// swallows the rest of the file. A Scanner knows how many columns a row must
// have. It gives up a bad row at the end of its first line, reports the row, and
// takes the next line for the start of a row again. If a row of several lines
// has a good row among its lines, its first line is bad, too: a later quote has
// closed by accident what was left open.
//
// Otherwise a well-formed file is read as encoding/csv reads it (RFC 4180): blank
// lines are skipped, and a line break inside a field is "\n".
package csvscan

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Row is one row of a file.
type Row struct {
	Line   int      // where the row starts; the first line of the file is 1
	Fields []string // as many as the header has; nil if the row is bad

	// Fault says what is wrong with a bad row. It quotes nothing of the row. It
	// is empty for a good row.
	Fault string
	// Raw is how a bad row begins: its first line, or rawBytes of it.
	Raw string
}

// rawBytes is how much of a bad row is kept: enough to know it again.
const rawBytes = 1024

// Errors of a file that cannot be read at all.
var (
	ErrNoHeader  = errors.New("the file has no header")
	ErrBadHeader = errors.New("the header is no row")
)

// Scanner reads the rows of one file. It holds one row at a time.
type Scanner struct {
	r      *bufio.Reader
	maxRow int
	line   int // the line that the next unread byte is on
	width  int // columns of the header; 0: not read yet
}

// mark is the byte order mark that some programs put before UTF-8 text.
const mark = "\ufeff"

// New returns a Scanner of r. A row of more than maxRow bytes is bad; the Scanner
// needs that much memory.
func New(r io.Reader, maxRow int) *Scanner {
	s := &Scanner{r: bufio.NewReaderSize(r, maxRow), maxRow: maxRow, line: 1}
	if start, err := s.r.Peek(len(mark)); err == nil && string(start) == mark {
		_, _ = s.r.Discard(len(mark)) // just peeked at, so it is there
	}
	return s
}

// Header reads the first row and fixes the number of columns. Call it once,
// before Next. The error is ErrNoHeader, ErrBadHeader, or what reading the file
// failed with.
func (s *Scanner) Header() ([]string, error) {
	row, err := s.Next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, ErrNoHeader
	case err != nil:
		return nil, err
	case row.Fault != "":
		return nil, fmt.Errorf("%w: %s", ErrBadHeader, row.Fault)
	}
	s.width = len(row.Fields)
	return row.Fields, nil
}

// Next returns the next row, good or bad. The error is io.EOF, bare, at the end
// of the file, and otherwise what reading the file failed with.
func (s *Scanner) Next() (Row, error) {
	if err := s.skipBlankLines(); err != nil {
		return Row{}, err
	}
	row := Row{Line: s.line}
	found, err := s.parse(0)
	if err != nil {
		return Row{}, err
	}
	swallows, err := s.swallowsRows(found)
	switch {
	case err != nil:
		return Row{}, err
	case found.fault != "":
		row.Fault = found.fault
	case swallows:
		row.Fault = "a quote in it is opened and not closed"
	case s.width > 0 && len(found.fields) != s.width:
		row.Fault, row.Raw = fmt.Sprintf("it has %s instead of %d", columns(len(found.fields)), s.width), s.beginning()
		return row, s.skip(found.size)
	default:
		row.Fields = found.fields
		return row, s.skip(found.size)
	}
	row.Raw = s.beginning()
	return row, s.skipLine()
}

// beginning returns the first line that is not read yet, or rawBytes of it.
func (s *Scanner) beginning() string {
	window, _ := s.r.Peek(min(rawBytes, s.r.Buffered())) // no error: it is there
	line, _, _ := bytes.Cut(window, []byte("\n"))
	return string(line)
}

func columns(n int) string {
	if n == 1 {
		return "1 column"
	}
	return fmt.Sprintf("%d columns", n)
}

// telling is from how many columns on a line of a text cannot be taken for a row.
const telling = 3

// swallowsRows reports whether a row of several lines has a good row among its
// lines. Texts do not look like rows of many columns: rather, a quote was opened
// and not closed, and one of a later row closes it by accident.
func (s *Scanner) swallowsRows(row parsed) (bool, error) {
	if row.fault != "" || s.width < telling {
		return false, nil
	}
	for at := 0; ; {
		window, _ := s.r.Peek(row.size) // no error: it was parsed
		stop := bytes.IndexByte(window[at:], '\n')
		if at += stop + 1; stop < 0 || at >= row.size {
			return false, nil
		}
		inner, err := s.parse(at)
		if err != nil {
			return false, err
		}
		if inner.fault == "" && len(inner.fields) == s.width && at+inner.size <= row.size {
			return true, nil
		}
	}
}

// parsed is a row, or why there is none.
type parsed struct {
	fields []string
	size   int // bytes, the line break included
	fault  string
}

// parse looks at the row that starts so many bytes behind the next unread one,
// and takes nothing out of the file.
func (s *Scanner) parse(start int) (parsed, error) {
	p := parser{Scanner: s, at: start}
	for {
		more, err := p.field()
		var fault faulty
		switch {
		case errors.As(err, &fault):
			return parsed{fault: fmt.Sprintf("column %d %s", len(p.fields)+1, fault)}, nil
		case errors.Is(err, errTooLong):
			return parsed{fault: fmt.Sprintf("it is longer than %d bytes", s.maxRow)}, nil
		case err != nil:
			return parsed{}, err
		case !more:
			return parsed{fields: p.fields, size: p.at - start}, nil
		}
	}
}

// faulty is what is wrong with one column.
type faulty string

func (f faulty) Error() string { return string(f) }

const (
	errStrayQuote faulty = "has a quote in the middle of an unquoted value"
	errTextAfter  faulty = "has text behind its closing quote"
	errOpenQuote  faulty = "has a quote that is never closed"
)

var errTooLong = errors.New("the row is too long")

// parser takes one row apart.
type parser struct {
	*Scanner
	at     int // offset from the next unread byte
	fields []string
}

// next returns the byte at the parser's place. more is false at the end of the
// file.
func (p *parser) next() (c byte, more bool, err error) {
	if p.at >= p.maxRow {
		return 0, false, errTooLong
	}
	if p.at >= p.r.Buffered() {
		if _, err := p.r.Peek(p.at + 1); err == io.EOF {
			return 0, false, nil
		} else if err != nil {
			return 0, false, err
		}
	}
	window, _ := p.r.Peek(p.r.Buffered()) // no error: it is there
	return window[p.at], true, nil
}

// field reads one field and what separates it from the next. more is false if
// it was the last one of its row.
func (p *parser) field() (more bool, err error) {
	c, some, err := p.next()
	if err != nil {
		return false, err
	}
	if some && c == '"' {
		p.at++
		return p.quoted()
	}
	return p.plain()
}

// plain reads a field without quotes, a stretch of the window at a time.
func (p *parser) plain() (more bool, err error) {
	start := p.at
	for {
		_, some, err := p.next()
		if err != nil {
			return false, err
		}
		window, _ := p.r.Peek(p.r.Buffered())
		if !some {
			p.fields = append(p.fields, string(bytes.TrimSuffix(window[start:p.at], []byte("\r"))))
			return false, nil
		}
		stop := bytes.IndexAny(window[p.at:], "\",\n")
		if stop < 0 {
			p.at = len(window)
			continue
		}
		p.at += stop
		value := window[start:p.at]
		switch window[p.at] {
		case '"':
			return false, errStrayQuote
		case '\n':
			value = bytes.TrimSuffix(value, []byte("\r"))
		}
		more = window[p.at] == ','
		p.fields = append(p.fields, string(value))
		p.at++
		return more, nil
	}
}

// quoted reads the rest of a field whose opening quote is read.
func (p *parser) quoted() (more bool, err error) {
	var value strings.Builder
	for {
		c, some, err := p.next()
		if !some && err == nil || errors.Is(err, errTooLong) {
			return false, errOpenQuote
		}
		if err != nil {
			return false, err
		}
		p.at++
		if c != '"' {
			value.WriteByte(c)
			continue
		}
		c, some, err = p.next()
		if err != nil {
			return false, err
		}
		if some && c == '"' {
			value.WriteByte(c)
			p.at++
			continue
		}
		p.fields = append(p.fields, strings.ReplaceAll(value.String(), "\r\n", "\n"))
		return p.afterQuote()
	}
}

// afterQuote reads what separates a quoted field from the next.
func (p *parser) afterQuote() (more bool, err error) {
	c, some, err := p.next()
	if err == nil && some && c == '\r' {
		p.at++
		if c, some, err = p.next(); err == nil && some && c != '\n' {
			c = '\r'
		}
	}
	if err != nil || !some {
		return false, err
	}
	p.at++
	if c != ',' && c != '\n' {
		p.fields = p.fields[:len(p.fields)-1] // the fault is this column's
		return false, errTextAfter
	}
	return c == ',', nil
}

// skipBlankLines returns io.EOF if nothing follows them.
func (s *Scanner) skipBlankLines() error {
	for {
		p := parser{Scanner: s}
		c, some, err := p.next()
		if err == nil && some && c == '\r' {
			p.at++
			if c, some, err = p.next(); err == nil && some && c != '\n' {
				return nil
			}
		}
		switch {
		case err != nil:
			return err
		case !some:
			return io.EOF
		case c != '\n':
			return nil
		}
		if err := s.skip(p.at + 1); err != nil {
			return err
		}
	}
}

// skip takes n bytes out of the file.
func (s *Scanner) skip(n int) error {
	for n > 0 {
		window, err := s.r.Peek(min(n, max(s.r.Buffered(), 1)))
		if err != nil {
			return err
		}
		s.line += bytes.Count(window, []byte("\n"))
		n -= len(window)
		_, _ = s.r.Discard(len(window)) // just peeked at, so it is there
	}
	return nil
}

// skipLine takes the rest of the line out of the file, however long it is.
func (s *Scanner) skipLine() error {
	for {
		_, err := s.r.ReadSlice('\n')
		switch {
		case err == nil:
			s.line++
			return nil
		case errors.Is(err, io.EOF):
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}
