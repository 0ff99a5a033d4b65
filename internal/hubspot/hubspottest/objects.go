package hubspottest

import (
	"net/http"
	"strconv"
	"strings"
)

func (h *Host) objectRoutes() {
	const area = "/crm/objects"
	for _, rt := range []route{
		{method: "GET", path: "/{objectType}", handle: onStore(listObjects)},
		{method: "POST", path: "/{objectType}", handle: onStore(createObject)},
		{method: "GET", path: "/{objectType}/{id}", handle: onStore(readObject)},
		{method: "PATCH", path: "/{objectType}/{id}", handle: onStore(updateObject)},
		{method: "DELETE", path: "/{objectType}/{id}", handle: onStore(archiveObject)},
		{method: "POST", path: "/{objectType}/batch/read", handle: onStore(batchRead)},
		{method: "POST", path: "/{objectType}/batch/create", handle: onStore(batchCreate)},
		{method: "POST", path: "/{objectType}/batch/update", handle: onStore(batchUpdate)},
		{method: "POST", path: "/{objectType}/batch/upsert", handle: onStore(batchUpsert)},
		{method: "POST", path: "/{objectType}/batch/archive", handle: onStore(batchArchive)},
		{method: "POST", path: "/{objectType}/search", search: true, handle: onStore(searchObjects)},
		{method: "POST", path: "/{objectType}/merge", handle: onStore(mergeObjects)},
		{method: "POST", path: "/{objectType}/gdpr-delete", handle: onStore(gdprDelete)},
	} {
		h.versioned(area, rt)
	}
}

// onStore finds the object type of the path and runs the handler under the
// portal's lock: HubSpot's own consistency is weaker, a test's should not be.
func onStore(handle handler) handler {
	return func(c *call) reply {
		s, err := c.portal.store(c.PathValue("objectType"))
		if err != nil {
			return refused(invalid("Unable to infer object type from: %s", c.PathValue("objectType")))
		}
		c.store = s
		c.portal.mu.Lock()
		defer c.portal.mu.Unlock()
		c.portal.housekeep(s)
		return handle(c)
	}
}

func (c *call) author() author { return c.host.appAuthor(c.version) }

func (c *call) archivedOnly() bool { return c.URL.Query().Get("archived") == "true" }

// objectJSON is a record as the API shows it.
type objectJSON struct {
	ID           string                   `json:"id"`
	Properties   map[string]*string       `json:"properties"`
	History      map[string][]versionJSON `json:"propertiesWithHistory,omitempty"`
	CreatedAt    string                   `json:"createdAt"`
	UpdatedAt    string                   `json:"updatedAt"`
	Archived     bool                     `json:"archived"`
	ArchivedAt   string                   `json:"archivedAt,omitempty"`
	Associations map[string]linkPage      `json:"associations,omitempty"`
	URL          string                   `json:"url,omitempty"`
	TraceID      string                   `json:"objectWriteTraceId,omitempty"`
	New          *bool                    `json:"new,omitempty"`
	Warnings     []warning                `json:"warnings,omitempty"`
}

// versionJSON is one value in a property's history. The stand-in keeps no
// history: it shows the present value as the only one.
type versionJSON struct {
	Value     string `json:"value"`
	Timestamp string `json:"timestamp"`
}

// selection says which properties a read shows.
type selection struct {
	names   []string
	history []string
}

func (c *call) selection() selection {
	q := c.URL.Query()
	return c.store.selection(splitList(q["properties"]), splitList(q["propertiesWithHistory"]))
}

// selection of no names is the default set; the identifiers and times are always there.
func (s *store) selection(names, history []string) selection {
	if len(names) == 0 {
		return selection{names: s.kind.shown, history: history}
	}
	return selection{names: append([]string{"createdate", "hs_object_id", s.kind.modified}, names...), history: history}
}

// splitList reads lists given as "a,b" or as repeated parameters.
func splitList(values []string) []string {
	var out []string
	for _, v := range values {
		for name := range strings.SplitSeq(v, ",") {
			if name = strings.TrimSpace(name); name != "" {
				out = append(out, name)
			}
		}
	}
	return out
}

// show renders a record. A requested property without a value is null; one the
// portal does not define is absent.
func (p *Portal) show(s *store, r *record, sel selection) objectJSON {
	out := objectJSON{
		ID: formatID(r.id), Properties: make(map[string]*string, len(sel.names)),
		CreatedAt: timestamp(r.created), UpdatedAt: timestamp(r.updated),
		URL: "https://app.hubspot.com/contacts/" + formatID(p.id) + "/record/" + s.kind.typeID + "/" + formatID(r.id),
	}
	if r.archived != 0 {
		out.Archived, out.ArchivedAt = true, timestamp(r.archived)
	}
	for _, name := range sel.names {
		def, known := s.schema.active(name)
		if !known {
			continue
		}
		var shown *string
		if v := s.value(r, def); v != "" {
			shown = &v
		}
		out.Properties[name] = shown
	}
	for _, name := range sel.history {
		if def, known := s.schema.active(name); known {
			if out.History == nil {
				out.History = make(map[string][]versionJSON)
			}
			out.History[name] = []versionJSON{{s.value(r, def), timestamp(r.updated)}}
		}
	}
	return out
}

// showWritten renders the answer to a write: every value the record has.
func (p *Portal) showWritten(s *store, r *record, pr prepared) objectJSON {
	names := []string{"createdate", "hs_object_id", s.kind.modified}
	r.values.each(func(key int, _ string) bool {
		if def := s.schema.byKey[key]; def != nil {
			names = append(names, def.Name)
		}
		return true
	})
	out := p.show(s, r, selection{names: names})
	out.Warnings = pr.warnings
	return out
}

// one finds the record of a single call: merged ids resolve, emails by idProperty.
func (c *call) one(archived bool) (*record, *failure) {
	id, by := c.PathValue("id"), c.URL.Query().Get("idProperty")
	if by != "" {
		r, f := c.store.byUnique(by, id)
		if f == nil && (r == nil || archived) {
			f = notFound()
		}
		return r, f
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, fail(http.StatusNotFound, "OBJECT_NOT_FOUND",
			"Object not found.  objectId are usually numeric.").with("id", id)
	}
	if r := c.portal.find(c.store, n, archived, true); r != nil {
		return r, nil
	}
	return nil, notFound()
}

func readObject(c *call) reply {
	r, f := c.one(c.archivedOnly())
	if f == nil && !c.portal.visible(c.store, r) {
		f = notFound()
	}
	if f != nil {
		return refused(f)
	}
	out := c.portal.show(c.store, r, c.selection())
	if out.Associations, f = c.portal.pages(c.store, r, splitList(c.URL.Query()["associations"])); f != nil {
		return refused(f)
	}
	return ok(out)
}

func listObjects(c *call) reply {
	limit, after, f := c.page(10, 100)
	if f != nil {
		return refused(f)
	}
	archived, sel, kinds := c.archivedOnly(), c.selection(), splitList(c.URL.Query()["associations"])
	out := listJSON{Results: []objectJSON{}}
	i, _ := c.store.position(after)
	for ; i < len(c.store.order); i++ {
		r := c.store.order[i]
		if (r.archived != 0) != archived {
			continue
		}
		if len(out.Results) == limit {
			out.Paging = nextPage(formatID(r.id))
			break
		}
		shown := c.portal.show(c.store, r, sel)
		if shown.Associations, f = c.portal.pages(c.store, r, kinds); f != nil {
			return refused(f)
		}
		out.Results = append(out.Results, shown)
	}
	return ok(out)
}

type listJSON struct {
	Total   *int         `json:"total,omitempty"` // search only
	Results []objectJSON `json:"results"`
	Paging  *paging      `json:"paging,omitempty"`
}

type paging struct {
	Next struct {
		After string `json:"after"`
	} `json:"next"`
}

func nextPage(after string) *paging {
	p := &paging{}
	p.Next.After = after
	return p
}

// page reads limit and after; after is the id of the first record to show.
func (c *call) page(standard, most int) (limit int, after int64, f *failure) {
	q := c.URL.Query()
	limit = standard
	if v := q.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > most {
			return 0, 0, invalid("limit must be between 1 and %d", most)
		}
		limit = n
	}
	if v := q.Get("after"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return 0, 0, invalid("Invalid paging cursor: %s", v)
		}
		after = n
	}
	return limit, after, nil
}

// inputJSON is a create or update of one record, alone or in a batch.
type inputJSON struct {
	ID           string          `json:"id"`
	IDProperty   string          `json:"idProperty"`
	TraceID      string          `json:"objectWriteTraceId"`
	Properties   map[string]text `json:"properties"`
	Associations []linkInput     `json:"associations"`
}

func createObject(c *call) reply {
	var in inputJSON
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	out, f := c.portal.createFrom(c.store, in, c.author())
	if f != nil {
		return refused(f)
	}
	answer := created(out)
	answer.header = http.Header{"Location": {c.URL.Path + "/" + out.ID}}
	return answer
}

// createFrom creates a record with its associations, or nothing.
func (p *Portal) createFrom(s *store, in inputJSON, by author) (objectJSON, *failure) {
	pr, f := p.checkCreate(s, in.Properties, by)
	if f != nil {
		return objectJSON{}, f
	}
	ends, f := p.checkLinks(s, in.Associations)
	if f != nil {
		return objectJSON{}, f
	}
	r := p.insert(s, pr, by)
	p.linkAll(ref{s.kind, r.id}, ends, by)
	out := p.showWritten(s, r, pr)
	out.TraceID = in.TraceID
	return out, nil
}

func updateObject(c *call) reply {
	var in inputJSON
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	r, f := c.one(false)
	if f != nil {
		return refused(f)
	}
	pr, f := c.portal.checkUpdate(c.store, r, in.Properties, c.author())
	if f != nil {
		return refused(f)
	}
	c.portal.update(c.store, r, pr, c.author())
	return ok(c.portal.showWritten(c.store, r, pr))
}

// archiveObject answers 204 for a record that is already archived, 404 for one
// that never was; HubSpot's answer to both is not documented.
func archiveObject(c *call) reply {
	r, f := c.one(false)
	if f == nil {
		c.portal.archive(c.store, r, c.author())
		return noContent()
	}
	if _, gone := c.one(true); gone == nil {
		return noContent()
	}
	return refused(f)
}
