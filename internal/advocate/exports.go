package advocate

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/lenient"
	"advocatesync/internal/outbound"
)

// ExportStatus is where an export job stands.
type ExportStatus string

const (
	ExportPending   ExportStatus = "PENDING"
	ExportCompleted ExportStatus = "COMPLETED" // it can be downloaded
	ExportAborted   ExportStatus = "ABORTED"   // it never will be
	ExportExpired   ExportStatus = "EXPIRED"   // it no longer can be
)

// ExportRequest asks for the participants of the tenant.
type ExportRequest struct {
	// Name is how FindExport finds the job again; choose a new one for each.
	Name string
	// ProgramID is the program whose codes and share links the rows carry.
	ProgramID string
	// Since leaves out who was neither created nor updated from then on, by
	// Advocate's clock; the zero time leaves out nobody.
	Since time.Time
}

// Export is an export job. DateCreated is Advocate's clock, the only safe base
// for the next request's Since; DateCompleted is zero while it is pending.
type Export struct {
	ID            string
	Name          string
	Status        ExportStatus
	DateCreated   time.Time
	DateCompleted time.Time
}

type exportAnswer struct {
	ID            lenient.Text   `json:"id"`
	Name          lenient.Text   `json:"name"`
	Requester     lenient.Text   `json:"requester"`
	Status        lenient.Text   `json:"status"`
	DateCreated   lenient.Moment `json:"dateCreated"`
	DateCompleted lenient.Moment `json:"dateCompleted"`
}

// export refuses a job that cannot be asked about again, whose rows nobody could
// date, or that does not say where it stands.
func (a exportAnswer) export(op string) (Export, error) {
	id, ok := a.ID.ID()
	if !ok || id == "" || a.DateCreated.IsZero() || a.Status.String() == "" {
		return Export{}, outbound.Unreadable(op, http.StatusOK)
	}
	return Export{
		ID: id, Name: a.Name.String(), Status: ExportStatus(a.Status.String()),
		DateCreated: a.DateCreated.Time, DateCompleted: a.DateCompleted.Time,
	}, nil
}

// requester marks the exports that are ours.
const requester = "advocatesync"

// CreateExport starts a USER export in CSV. Jobs take seconds to minutes; ask
// Export about it.
//
// Source: SaaSquatch REST reference, POST export. Dates are ms since the epoch.
func (c *Client) CreateExport(ctx context.Context, req ExportRequest) (Export, error) {
	const op = "advocate.create_export"
	params := map[string]any{"programId": req.ProgramID}
	if !req.Since.IsZero() {
		params["createdOrUpdatedSince"] = req.Since.UnixMilli()
	}
	in := map[string]any{"type": "USER", "format": "CSV", "name": req.Name, "requester": requester, "params": params}
	var out exportAnswer
	if err := c.do(ctx, op, http.MethodPost, "/export", in, &out); err != nil {
		return Export{}, err
	}
	return out.export(op)
}

// Export looks an export job up.
//
// Source: SaaSquatch REST reference, GET export/{id}.
func (c *Client) Export(ctx context.Context, id string) (Export, error) {
	const op = "advocate.get_export"
	var out exportAnswer
	if err := c.do(ctx, op, http.MethodGet, "/export/"+url.PathEscape(id), nil, &out); err != nil {
		return Export{}, err
	}
	return out.export(op)
}

// FindExport finds the newest of our exports with that name among the last 100
// of the tenant; it is not_found if there is none. A process that died between
// asking for an export and noting its id takes it up again this way.
//
// Source: SaaSquatch REST reference, GET export/history/list, newest first.
func (c *Client) FindExport(ctx context.Context, name string) (Export, error) {
	const op = "advocate.find_export"
	var out struct {
		Data lenient.List[exportAnswer] `json:"data"`
	}
	if err := c.do(ctx, op, http.MethodGet, "/export/history/list?limit=100&offset=0", nil, &out); err != nil {
		return Export{}, err
	}
	if out.Data == nil { // not an empty list: ours may be there
		return Export{}, outbound.Unreadable(op, http.StatusOK)
	}
	for _, e := range out.Data {
		if e.Name.String() == name && e.Requester.String() == requester {
			return e.export(op)
		}
	}
	return Export{}, &bridge.Error{Kind: bridge.NotFound, Op: op}
}
