package advocate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/csvscan"
	"advocatesync/internal/lenient"
	"advocatesync/internal/outbound"
)

const (
	// maxRow is the longest row of an export that is read, in bytes. Real rows
	// have some hundred.
	maxRow = 1 << 20
	// maxExport is the largest export that is read, in bytes: some twenty million
	// participants.
	maxExport = 8 << 30
	// stallAfter is how long a download may go on without leastProgress bytes.
	stallAfter    = time.Minute
	leastProgress = 1 << 10
)

// DownloadExport streams the participants of a completed export, holding one row
// at a time. A row that names no participant is a *bridge.UnreadableRowError, and the
// rows behind it follow. Any other error is the last item: a file that is no USER
// export, or is too large, is invalid; one that breaks off or stalls is
// unavailable. The download starts when the sequence is read and ends when the
// reader stops.
//
// Source: SaaSquatch REST reference, GET export/{id}/download. Today's product
// redirects (303) to a signed link on other storage, older ones answer 200.
func (c *Client) DownloadExport(ctx context.Context, id string) iter.Seq2[bridge.Participant, error] {
	return func(yield func(bridge.Participant, error) bool) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		file, err := c.openExport(ctx, id)
		if err != nil {
			yield(bridge.Participant{}, err)
			return
		}
		defer func() { _ = file.Close() }()
		rows, err := newRows(&download{Reader: file, ctx: ctx, cancel: cancel, stall: c.stall, left: c.maxExport}, c.field)
		if err != nil {
			yield(bridge.Participant{}, err)
			return
		}
		for {
			p, err := rows.next()
			if errors.Is(err, io.EOF) {
				return
			}
			_, one := errors.AsType[*bridge.UnreadableRowError](err)
			if !yield(p, err) || err != nil && !one {
				return
			}
		}
	}
}

const downloadOp = "advocate.download_export"

func (c *Client) openExport(ctx context.Context, id string) (io.ReadCloser, error) {
	resp, err := c.send(ctx, c.files, downloadOp, http.MethodGet, "/export/"+url.PathEscape(id)+"/download", nil)
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return resp.Body, nil
	case http.StatusSeeOther, http.StatusFound, http.StatusTemporaryRedirect, http.StatusMovedPermanently, http.StatusPermanentRedirect:
		_ = resp.Body.Close()
		return c.openStorage(ctx, resp)
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, c.refused(downloadOp, outbound.Read(resp, maxAnswer))
}

// openStorage follows the signed link. Our credentials stay behind: storage
// refuses them, and they are none of its business. Whatever storage answers but
// the file is passing, since the next attempt gets a new link.
func (c *Client) openStorage(ctx context.Context, redirect *http.Response) (io.ReadCloser, error) {
	link, err := redirect.Location()
	if err != nil || (link.Scheme != "https" && (c.secure || link.Scheme != "http")) {
		return nil, &bridge.Error{Kind: bridge.Unavailable, Op: downloadOp, Err: errors.New("the download link cannot be used")}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link.String(), http.NoBody)
	if err != nil {
		return nil, &bridge.Error{Kind: bridge.Unavailable, Op: downloadOp, Err: errors.New("the download link cannot be used")}
	}
	resp, err := c.storage.Do(req)
	if err != nil {
		return nil, outbound.Unreachable(downloadOp, err)
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, &bridge.Error{Kind: bridge.Unavailable, Op: downloadOp, Status: resp.StatusCode, Code: "STORAGE"}
	}
	return resp.Body, nil
}

var (
	errStalled  = errors.New("the download stalled")
	errTooLarge = errors.New("the export is too large")
)

// download bounds how much a file may bring, and how long it may bring nothing.
type download struct {
	io.Reader
	ctx    context.Context
	cancel context.CancelCauseFunc // of ctx: ends a read that hangs
	stall  time.Duration
	left   int64 // bytes that may still come

	waited time.Duration // for the next leastProgress bytes
	got    int64         // of those
}

func (d *download) Read(b []byte) (int, error) {
	began := time.Now()
	timer := time.AfterFunc(d.stall-d.waited, func() { d.cancel(errStalled) })
	n, err := d.Reader.Read(b)
	timer.Stop()
	d.waited, d.got, d.left = d.waited+time.Since(began), d.got+int64(n), d.left-int64(n)
	if d.got >= leastProgress {
		d.waited, d.got = 0, 0
	}
	switch {
	case d.left < 0:
		return 0, errTooLarge
	case err != nil && errors.Is(context.Cause(d.ctx), errStalled):
		return n, errStalled
	}
	return n, err
}

// rows reads participants out of a USER export. Columns are found by name: their
// order and set vary with the tenant's custom fields.
type rows struct {
	csv     *csvscan.Scanner
	columns map[string]int
	field   string // column of the contact id
}

func newRows(r io.Reader, contactIDField string) (*rows, error) {
	scanner := csvscan.New(r, maxRow)
	header, err := scanner.Header()
	if err != nil {
		return nil, broken(err)
	}
	out := &rows{csv: scanner, columns: make(map[string]int, len(header)), field: "customFields." + contactIDField}
	for i, name := range header {
		if _, repeated := out.columns[name]; repeated && name != "" {
			return nil, &bridge.Error{Kind: bridge.Invalid, Op: downloadOp, Code: "REPEATED_COLUMN", Err: errors.New("the export has two columns of one name")}
		}
		out.columns[name] = i
	}
	for _, names := range neededColumns {
		if !slices.ContainsFunc(names, out.has) {
			return nil, &bridge.Error{Kind: bridge.Invalid, Op: downloadOp, Code: "MISSING_COLUMN", Err: fmt.Errorf("the export has no column %s", names[0])}
		}
	}
	return out, nil
}

// neededColumns are those that an export must have, or another one in their place.
// Without a column nobody knows what is in it: taken for empty, a code that is
// called otherwise would be cleared from every contact.
var neededColumns = [][]string{{"id"}, {"accountId"}, {"email"}, {"referralCode"}, {"shareLink", "cleanShareLink"}}

func (r *rows) has(column string) bool {
	_, has := r.columns[column]
	return has
}

// next returns io.EOF, bare, at the end of the file.
func (r *rows) next() (bridge.Participant, error) {
	row, err := r.csv.Next()
	if errors.Is(err, io.EOF) {
		return bridge.Participant{}, io.EOF
	}
	if err != nil {
		return bridge.Participant{}, broken(err)
	}
	if row.Fault != "" {
		return bridge.Participant{}, &bridge.UnreadableRowError{Line: row.Line, Fault: row.Fault, Raw: row.Raw}
	}
	cell := func(column string) string {
		if i, ok := r.columns[column]; ok {
			return row.Fields[i]
		}
		return ""
	}
	p := bridge.Participant{
		AccountID: cell("accountId"), UserID: cell("id"),
		Email: cell("email"), FirstName: cell("firstName"), LastName: cell("lastName"),
		ReferralCode: cell("referralCode"), ShareLink: cell("shareLink"),
		DateCreated: lenient.ParseMoment(cell("dateCreated")), // no decision hangs on one that cannot be read
	}
	if contactID := cell(r.field); lenient.IsID(contactID) {
		p.HubSpotContactID = contactID // any other names no contact
	}
	if p.ShareLink == "" {
		p.ShareLink = cell("cleanShareLink")
	}
	for _, column := range []string{"id", "accountId"} {
		if fault := idFault(cell(column)); fault != "" {
			return bridge.Participant{}, &bridge.UnreadableRowError{Line: row.Line, Fault: "its " + column + " " + fault, Raw: strings.Join(row.Fields, ",")}
		}
	}
	return p, nil
}

// idFault says why text cannot be an id of Advocate's. Ids are stored and become
// parts of addresses as they are, so they cannot be cleaned.
func idFault(text string) string {
	switch {
	case strings.TrimSpace(text) == "":
		return "is blank"
	case text == ".", text == "..":
		return "is no id"
	case !lenient.IsID(text):
		return "has characters that no id has"
	}
	return ""
}

// broken tells a file that is no export from one whose transfer broke off. The
// scanner's errors quote nothing of the file.
func broken(err error) error {
	invalid := func(code string) error {
		return &bridge.Error{Kind: bridge.Invalid, Op: downloadOp, Code: code, Err: err}
	}
	switch {
	case errors.Is(err, csvscan.ErrNoHeader):
		return invalid("NO_HEADER")
	case errors.Is(err, csvscan.ErrBadHeader):
		return invalid("BAD_HEADER")
	case errors.Is(err, errTooLarge):
		return invalid("TOO_LARGE")
	case errors.Is(err, errStalled):
		return &bridge.Error{Kind: bridge.Unavailable, Op: downloadOp, Code: "STALLED", Err: err}
	default:
		return outbound.Unreachable(downloadOp, err)
	}
}
