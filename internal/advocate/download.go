package advocate

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
)

// DownloadExport streams the participants of a completed export, holding one
// row at a time. The first error is the last item; a file without the columns
// id and accountId is invalid, one that breaks off is unavailable. The download
// starts when the sequence is read and ends when the reader stops.
//
// Source: SaaSquatch REST reference, GET export/{id}/download. Today's product
// redirects (303) to a signed link on other storage, older ones answer 200.
func (c *Client) DownloadExport(ctx context.Context, id string) iter.Seq2[bridge.Participant, error] {
	return func(yield func(bridge.Participant, error) bool) {
		file, err := c.openExport(ctx, id)
		if err != nil {
			yield(bridge.Participant{}, err)
			return
		}
		defer func() { _ = file.Close() }()
		rows, err := newRows(file, c.field)
		if err != nil {
			yield(bridge.Participant{}, err)
			return
		}
		for {
			p, err := rows.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(p, err) || err != nil {
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
	case http.StatusSeeOther, http.StatusFound, http.StatusTemporaryRedirect:
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

// rows reads participants out of a USER export. Columns are found by name: their
// order and set vary with the tenant's custom fields.
type rows struct {
	csv     *csv.Reader
	columns map[string]int
	field   string // column of the contact id
	row     int    // of the file, the header being 1
}

func newRows(r io.Reader, contactIDField string) (*rows, error) {
	buf := bufio.NewReaderSize(r, 64<<10)
	if mark, err := buf.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = buf.Discard(3) // just peeked at, so it is there
	}
	reader := csv.NewReader(buf)
	reader.ReuseRecord = true
	header, err := reader.Read()
	if err == io.EOF {
		return nil, &bridge.Error{Kind: bridge.Invalid, Op: downloadOp, Code: "NO_HEADER"}
	}
	if err != nil {
		return nil, broken(err)
	}
	out := &rows{csv: reader, columns: make(map[string]int, len(header)), field: "customFields." + contactIDField, row: 1}
	for i, name := range header {
		out.columns[name] = i
	}
	for _, name := range []string{"id", "accountId"} {
		if _, ok := out.columns[name]; !ok {
			return nil, &bridge.Error{Kind: bridge.Invalid, Op: downloadOp, Code: "MISSING_COLUMN", Err: fmt.Errorf("the export has no column %s", name)}
		}
	}
	return out, nil
}

// next returns io.EOF, bare, at the end of the file.
func (r *rows) next() (bridge.Participant, error) {
	record, err := r.csv.Read()
	if err == io.EOF {
		return bridge.Participant{}, io.EOF
	}
	if err != nil {
		return bridge.Participant{}, broken(err)
	}
	r.row++
	cell := func(column string) string {
		if i, ok := r.columns[column]; ok {
			return record[i]
		}
		return ""
	}
	p := bridge.Participant{
		AccountID: cell("accountId"), UserID: cell("id"),
		Email: cell("email"), FirstName: cell("firstName"), LastName: cell("lastName"),
		ReferralCode: cell("referralCode"), ShareLink: cell("shareLink"),
		HubSpotContactID: cell(r.field), DateCreated: cellTime(cell("dateCreated")),
	}
	if p.ShareLink == "" {
		p.ShareLink = cell("cleanShareLink")
	}
	if !p.Identity().Complete() {
		return bridge.Participant{}, &bridge.Error{Kind: bridge.Invalid, Op: downloadOp, Code: "MISSING_ID", Err: fmt.Errorf("row %d has no id", r.row)}
	}
	return p, nil
}

// broken tells a file that is no CSV from one whose transfer broke off. The
// parser's error names line and column only.
func broken(err error) error {
	var malformed *csv.ParseError
	if errors.As(err, &malformed) {
		return &bridge.Error{Kind: bridge.Invalid, Op: downloadOp, Code: "MALFORMED_CSV", Err: malformed}
	}
	return outbound.Unreachable(downloadOp, err)
}

// cellTime reads ms since the epoch; the zero time stands for anything else,
// because no decision hangs on this column.
func cellTime(text string) time.Time {
	ms, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return fromMillis(ms)
}
