package advocatetest

import (
	"encoding/csv"
	"slices"
	"strings"
)

// FileFlaws spoil the file of one export.
type FileFlaws struct {
	// Without names columns that are missing.
	Without []string `json:"without"`
	// Rows are single rows that are wrong; the others are right.
	Rows []RowFlaw `json:"rows"`
	// Footer follows the last row as it is: "Total: 3 users\n".
	Footer string `json:"footer"`
	// Text is the whole file: the page of a storage service, an archive.
	Text string `json:"text"`
}

// RowFlaw spoils the row of one participant.
type RowFlaw struct {
	Row   int    `json:"row"`   // counted from 1; 0 to go by Email
	Email string `json:"email"` // whose row
	How   How    `json:"how"`
}

// How says in what way a row is wrong.
type How string

// The ways in which a row can be wrong. The last two are right, though unusual.
const (
	StrayQuote   How = "stray_quote"   // a quote within a field without quotes
	OpenQuote    How = "open_quote"    // a quote that nothing closes: what follows belongs to the field
	TooFew       How = "too_few"       // the last two columns are missing
	TooMany      How = "too_many"      // one column more
	BlankID      How = "blank_id"      // no user id
	BlankAccount How = "blank_account" // no account id
	OddDate      How = "odd_date"      // dateCreated is no number
	NUL          How = "nul"           // a NUL in the first name
	BadUTF8      How = "bad_utf8"      // a Latin-1 letter in the first name
	Long         How = "long"          // a first name of two megabytes
	Twice        How = "twice"         // the row stands there two times
	LineBreak    How = "line_break"    // a line break within quotes
)

// row finds the flaw of the n-th row.
func (f FileFlaws) row(n int, u *user) (RowFlaw, bool) {
	i := slices.IndexFunc(f.Rows, func(r RowFlaw) bool { return r.Row == n || r.Row == 0 && r.Email == u.email })
	if i < 0 {
		return RowFlaw{}, false
	}
	return f.Rows[i], true
}

// write returns the spoilt row with the line's end.
func (f RowFlaw) write(columns, record []string) string {
	record = slices.Clone(record)
	first := slices.Index(columns, "firstName")
	blank := func(column string) string {
		if i := slices.Index(columns, column); i >= 0 {
			record[i] = ""
		}
		return line(record)
	}
	switch f.How {
	case StrayQuote, OpenQuote:
		const mark = "\x01" // the writer would quote a quote
		record[first] = map[How]string{StrayQuote: "A" + mark + "n", OpenQuote: mark + "Ann"}[f.How]
		return strings.Replace(line(record), mark, `"`, 1)
	case TooFew:
		return line(record[:len(record)-2])
	case TooMany:
		return line(append(record, "surplus"))
	case BlankID:
		return blank("id")
	case BlankAccount:
		return blank("accountId")
	case OddDate:
		record[slices.Index(columns, "dateCreated")] = "yesterday"
	case NUL:
		record[first] = "An\x00n"
	case BadUTF8:
		record[first] = "Ren\xe9"
	case Long:
		record[first] = strings.Repeat("n", 2<<20)
	case Twice:
		return line(record) + line(record)
	case LineBreak:
		record[first] = "Ann\nMarie"
	}
	return line(record)
}

// line is one row as an ordinary file has it.
func line(record []string) string {
	var out strings.Builder
	w := csv.NewWriter(&out)
	_ = w.Write(record) // a strings.Builder never fails
	w.Flush()
	return out.String()
}

// SpoilNextExports orders flaws for the files of the exports created next, one
// each.
func (t *Tenant) SpoilNextExports(flaws ...FileFlaws) {
	t.host.mu.Lock()
	defer t.host.mu.Unlock()
	t.nextFlaws = append(t.nextFlaws, flaws...)
}

// Ordered reports whether verdicts or flaws are left for exports that nobody has
// created yet.
func (t *Tenant) Ordered() bool {
	t.host.mu.Lock()
	defer t.host.mu.Unlock()
	return len(t.nextFlaws)+len(t.nextExport) > 0
}

// takeFlaws returns what was ordered for the next file. It needs host.mu.
func (t *Tenant) takeFlaws() FileFlaws {
	if len(t.nextFlaws) == 0 {
		return FileFlaws{}
	}
	next := t.nextFlaws[0]
	t.nextFlaws = t.nextFlaws[1:]
	return next
}
