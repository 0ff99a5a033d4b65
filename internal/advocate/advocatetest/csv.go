package advocatetest

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const customPrefix = "customFields."

// The columns of the vendor's USER sample, but for statistics and custom fields.
var baseColumns = []string{
	"id", "accountId", "email", "firstName", "lastName", "referralCode", "imageUrl", "firstSeenIP", "lastSeenIP",
	"dateCreated", "dateUsTaxFormSubmitted", "emailHash", "referralSource", "locale", "countryCode",
	"shareLink", "facebookShareLink", "twitterShareLink", "emailShareLink", "linkedinShareLink", "cleanShareLink",
}

var statsColumns = []string{
	"stats.dateModified", "stats.traffic", "stats.referrals", "stats.conversions", "stats.goals", "stats.rewards",
	"stats.widgetLoads", "stats.revenue", "stats.generatedRevenue", "stats.referredRevenue",
}

var shareColumns = map[string]string{
	"shareLink": "DIRECT", "facebookShareLink": "FACEBOOK", "twitterShareLink": "TWITTER",
	"emailShareLink": "EMAIL", "linkedinShareLink": "LINKEDIN",
}

// sheet is what writing a file needs, taken under the lock; the rows themselves
// are immutable and are read without it.
type sheet struct {
	columns []string
	rows    []*user
	tenant  *Tenant // for codes and links, as a frozen copy
	program int     // -1 for none: no codes, no links
	flaws   FileFlaws
}

// frozen is a copy that codes and links can be read from without the lock. It
// needs host.mu.
func (t *Tenant) frozen() *Tenant {
	return &Tenant{cfg: t.cfg, programs: append([]Program(nil), t.programs...)}
}

// freeze takes what a file is written from. It needs host.mu.
func (t *Tenant) freeze(e *export) sheet {
	frozen := t.frozen()
	return sheet{columns: e.columns, rows: e.rows, tenant: frozen, program: frozen.programIndex(e.params.ProgramID), flaws: e.flaws}
}

// write streams the file row by row.
func (s sheet) write(w io.Writer) error {
	buf := bufio.NewWriterSize(w, 64<<10)
	if s.flaws.Text != "" {
		_, _ = buf.WriteString(s.flaws.Text) // Flush repeats the error
		return buf.Flush()
	}
	out := csv.NewWriter(buf)
	if err := out.Write(s.columns); err != nil {
		return fmt.Errorf("advocatetest: csv: %w", err)
	}
	record := make([]string, len(s.columns))
	for n, u := range s.rows {
		for i, column := range s.columns {
			record[i] = s.cell(u, column)
		}
		if flaw, spoilt := s.flaws.row(n+1, u); spoilt {
			out.Flush()
			_, _ = buf.WriteString(flaw.write(s.columns, record))
			continue
		}
		if err := out.Write(record); err != nil {
			return fmt.Errorf("advocatetest: csv: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("advocatetest: csv: %w", err)
	}
	_, _ = buf.WriteString(s.flaws.Footer)
	return buf.Flush()
}

func (s sheet) cell(u *user, column string) string {
	switch column {
	case "id":
		return u.id
	case "accountId":
		return u.accountID
	case "email":
		return u.email
	case "firstName":
		return u.firstName
	case "lastName":
		return u.lastName
	case "dateCreated":
		return strconv.FormatInt(u.created, 10)
	case "dateUsTaxFormSubmitted":
		return millisCell(u.detail().taxForm)
	case "locale":
		return u.detail().locale
	case "countryCode":
		return u.detail().country
	case "imageUrl":
		return u.detail().imageURL
	case "emailHash":
		return emailHashCell(u.email)
	case "stats.dateModified":
		return strconv.FormatInt(u.updated, 10)
	}
	if key, ok := strings.CutPrefix(column, customPrefix); ok {
		return customCell(u, key)
	}
	if strings.HasPrefix(column, "stats.") {
		return "0"
	}
	return s.programCell(u, column)
}

// programCell is empty where the user has no code in the chosen program yet.
func (s sheet) programCell(u *user, column string) string {
	if s.program < 0 {
		return ""
	}
	switch column {
	case "referralCode":
		return s.tenant.code(u, s.program)
	case "cleanShareLink":
		return s.tenant.cleanLink(u, s.program)
	}
	if medium, ok := shareColumns[column]; ok {
		return s.tenant.shareLink(u, s.program, "UNKNOWN", medium)
	}
	return ""
}

func customCell(u *user, key string) string {
	for _, f := range u.fields {
		if f.key == key {
			return fmt.Sprint(f.value)
		}
	}
	return ""
}

func emailHashCell(email string) string {
	hash, _ := emailHash(email).(string)
	return hash
}

func millisCell(ms int64) string {
	if ms == 0 {
		return ""
	}
	return strconv.FormatInt(ms, 10)
}
