package hubspottest

import (
	"net/http"
	"slices"
	"strconv"
)

// ref names a record of any object type.
type ref struct {
	kind *kind
	id   int64
}

// link is one end of an association as seen from the other.
type link struct {
	to    ref
	types []int
}

// Association type ids, all HUBSPOT_DEFINED (HubSpot docs: associations).
var linkTypes = map[[2]*kind]struct{ plain, primary int }{
	{&dealKind, &contactKind}:    {3, 0},
	{&contactKind, &dealKind}:    {4, 0},
	{&contactKind, &companyKind}: {279, 1},
	{&companyKind, &contactKind}: {280, 2},
	{&dealKind, &companyKind}:    {341, 5},
	{&companyKind, &dealKind}:    {342, 6},
}

func (h *Host) associationRoutes() {
	read := onStore(linksBatchRead)
	h.versioned("/crm/associations", route{method: "POST", path: "/{objectType}/{toType}/batch/read", handle: read})
	h.mux.HandleFunc("POST /crm/v4/associations/{objectType}/{toType}/batch/read", h.serve(route{
		method: "POST", path: "/crm/associations/" + current + "/{objectType}/{toType}/batch/read", handle: read}, "v4"))
	list := route{method: "GET", path: "/{objectType}/{id}/associations/{toType}", handle: onStore(linksOfObject)}
	h.versioned("/crm/objects", list)
	list.path = "/crm/objects/" + current + list.path
	h.mux.HandleFunc("GET /crm/v4/objects/{objectType}/{id}/associations/{toType}", h.serve(list, "v4"))
}

// link associates two records in both directions.
func (p *Portal) link(from, to ref, primary bool, by author) *failure {
	there, known := linkTypes[[2]*kind{from.kind, to.kind}]
	back := linkTypes[[2]*kind{to.kind, from.kind}]
	if !known {
		return invalid("No association from %s to %s", from.kind.plural, to.kind.plural)
	}
	primary = primary && there.primary != 0
	out, in := []int{there.plain}, []int{back.plain}
	if primary {
		out, in = append(out, there.primary), append(in, back.primary)
	}
	p.setLink(from, to, out)
	p.setLink(to, from, in)
	p.announceLink(from, to, primary, false, by)
	return nil
}

func (p *Portal) setLink(from, to ref, types []int) {
	for i, l := range p.links[from] {
		if l.to == to {
			for _, t := range types {
				if !slices.Contains(l.types, t) {
					p.links[from][i].types = append(p.links[from][i].types, t)
				}
			}
			return
		}
	}
	p.links[from] = append(p.links[from], link{to, types})
}

// unlink removes an association; it reports whether there was one.
func (p *Portal) unlink(from, to ref, by author) bool {
	before := len(p.links[from])
	p.dropLink(from, to)
	if len(p.links[from]) == before {
		return false
	}
	p.dropLink(to, from)
	p.announceLink(from, to, false, true, by)
	return true
}

func (p *Portal) dropLink(from, to ref) {
	p.links[from] = slices.DeleteFunc(p.links[from], func(l link) bool { return l.to == to })
	if len(p.links[from]) == 0 {
		delete(p.links, from)
	}
}

func (p *Portal) unlinkAll(from ref, by author) {
	for _, l := range slices.Clone(p.links[from]) {
		p.unlink(from, l.to, by)
	}
}

// moveLinks carries associations over to the survivor of a merge, silently.
func (p *Portal) moveLinks(from, to ref) {
	for _, l := range slices.Clone(p.links[from]) {
		back := linkTypes[[2]*kind{l.to.kind, from.kind}]
		p.dropLink(l.to, from)
		p.setLink(to, l.to, l.types)
		p.setLink(l.to, to, []int{back.plain})
	}
	delete(p.links, from)
}

// visibleLinks are the associations of a record to live records of one type.
func (p *Portal) visibleLinks(from ref, to *kind) []link {
	var out []link
	for _, l := range p.links[from] {
		if l.to.kind == to && p.find(p.stores[to.typeID], l.to.id, false, false) != nil {
			out = append(out, l)
		}
	}
	return out
}

// linkInput is an association given on create.
type linkInput struct {
	To struct {
		ID text `json:"id"`
	} `json:"to"`
	Types []struct {
		Category string `json:"associationCategory"`
		TypeID   int    `json:"associationTypeId"`
	} `json:"types"`
}

type linkEnd struct {
	to      ref
	primary bool
}

// checkLinks finds the records that a create wants to be associated with.
func (p *Portal) checkLinks(s *store, in []linkInput) ([]linkEnd, *failure) {
	var out []linkEnd
	for _, one := range in {
		id, err := strconv.ParseInt(string(one.To.ID), 10, 64)
		if err != nil || len(one.Types) == 0 {
			return nil, invalid("An association needs a record id and a type")
		}
		for _, t := range one.Types {
			end, known := endOf(s.kind, t.TypeID)
			if !known || t.Category != "HUBSPOT_DEFINED" {
				return nil, invalid("Association type %d does not exist for %s", t.TypeID, s.kind.plural)
			}
			end.to.id = id
			if p.find(p.stores[end.to.kind.typeID], id, false, false) == nil {
				return nil, invalid("One or more associations are not valid: %d", id)
			}
			out = append(out, end)
		}
	}
	return out, nil
}

func endOf(from *kind, typeID int) (linkEnd, bool) {
	for pair, t := range linkTypes {
		if pair[0] == from && (typeID == t.plain || typeID == t.primary) && typeID != 0 {
			return linkEnd{to: ref{kind: pair[1]}, primary: typeID == t.primary}, true
		}
	}
	return linkEnd{}, false
}

// linkAll makes the associations of a create, which checkLinks has let through.
func (p *Portal) linkAll(from ref, ends []linkEnd, by author) {
	for _, end := range ends {
		_ = p.link(from, end.to, end.primary, by)
	}
}

// linkPage are the associations shown with a single record.
type linkPage struct {
	Results []linkShown `json:"results"`
}

type linkShown struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// pages renders associations of a record; a labelled pair repeats the id.
func (p *Portal) pages(s *store, r *record, names []string) (map[string]linkPage, *failure) {
	var out map[string]linkPage
	for _, name := range names {
		k, known := kindNamed(name)
		if !known {
			return nil, invalid("Unable to infer object type from: %s", name)
		}
		var page linkPage
		for _, l := range p.visibleLinks(ref{s.kind, r.id}, k) {
			label := s.kind.singular + "_to_" + k.singular
			for _, t := range l.types {
				shown := linkShown{formatID(l.to.id), label}
				if t != linkTypes[[2]*kind{s.kind, k}].plain {
					shown.Type = label + "_primary"
				}
				page.Results = append(page.Results, shown)
			}
		}
		if len(page.Results) > 0 {
			if out == nil {
				out = make(map[string]linkPage)
			}
			out[k.plural] = page
		}
	}
	return out, nil
}

// linkedJSON is one associated record in the associations API. The id is a
// string since 2026 and a number in v4.
type linkedJSON struct {
	ToObjectID any            `json:"toObjectId"`
	Types      []linkTypeJSON `json:"associationTypes"`
}

type linkTypeJSON struct {
	Category string  `json:"category"`
	TypeID   int     `json:"typeId"`
	Label    *string `json:"label"`
}

func (c *call) linked(l link) linkedJSON {
	out := linkedJSON{ToObjectID: formatID(l.to.id)}
	if c.version == "v4" {
		out.ToObjectID = l.to.id
	}
	for _, t := range l.types {
		shown := linkTypeJSON{Category: "HUBSPOT_DEFINED", TypeID: t}
		if t != linkTypes[[2]*kind{c.store.kind, l.to.kind}].plain {
			label := "Primary"
			shown.Label = &label
		}
		out.Types = append(out.Types, shown)
	}
	return out
}

// linksPerPage is how many associations of one record an answer holds.
const linksPerPage = 500

// linksBatchRead takes up to 1,000 inputs, unlike all other batches.
func linksBatchRead(c *call) reply {
	to, known := kindNamed(c.PathValue("toType"))
	if !known {
		return refused(invalid("Unable to infer object type from: %s", c.PathValue("toType")))
	}
	var in struct {
		Inputs []struct {
			ID    text `json:"id"`
			After text `json:"after"`
		} `json:"inputs"`
	}
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	if len(in.Inputs) == 0 || len(in.Inputs) > 1000 {
		return refused(invalid("A batch takes 1 to 1000 inputs, not %d", len(in.Inputs)))
	}
	type result struct {
		From struct {
			ID string `json:"id"`
		} `json:"from"`
		To     []linkedJSON `json:"to"`
		Paging *paging      `json:"paging,omitempty"`
	}
	results, failed := []result{}, []batchError(nil)
	for _, one := range in.Inputs {
		id, _ := strconv.ParseInt(string(one.ID), 10, 64)
		links := c.portal.visibleLinks(ref{c.store.kind, id}, to)
		if len(links) == 0 {
			none := fail(http.StatusNotFound, "OBJECT_NOT_FOUND", "No %s is associated with %s %s.",
				to.singular, c.store.kind.singular, one.ID)
			none.SubCategory = "crm.associations.NO_ASSOCIATIONS_FOUND"
			failed = append(failed, none.item("fromObjectId", string(one.ID)))
			continue
		}
		after, _ := strconv.Atoi(string(one.After))
		start := min(max(after, 0), len(links))
		end := min(start+linksPerPage, len(links))
		var out result
		out.From.ID = formatID(id)
		out.To = []linkedJSON{}
		for _, l := range links[start:end] {
			out.To = append(out.To, c.linked(l))
		}
		if end < len(links) {
			out.Paging = nextPage(strconv.Itoa(end))
		}
		results = append(results, out)
	}
	return c.envelope(http.StatusOK, results, failed)
}

func linksOfObject(c *call) reply {
	to, known := kindNamed(c.PathValue("toType"))
	if !known {
		return refused(invalid("Unable to infer object type from: %s", c.PathValue("toType")))
	}
	r, f := c.one(false)
	if f != nil {
		return refused(f)
	}
	limit, after, f := c.page(linksPerPage, linksPerPage)
	if f != nil {
		return refused(f)
	}
	var out struct {
		Results []linkedJSON `json:"results"`
		Paging  *paging      `json:"paging,omitempty"`
	}
	out.Results = []linkedJSON{}
	links := c.portal.visibleLinks(ref{c.store.kind, r.id}, to)
	from, end := min(int(after), len(links)), min(int(after)+limit, len(links))
	for _, l := range links[max(from, 0):end] {
		out.Results = append(out.Results, c.linked(l))
	}
	if end < len(links) {
		out.Paging = nextPage(strconv.Itoa(end))
	}
	return ok(out)
}
