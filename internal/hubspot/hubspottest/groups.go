package hubspottest

import (
	"net/http"
	"slices"
	"strings"
)

func listGroups(c *call) reply {
	out := struct {
		Results []Group `json:"results"`
	}{[]Group{}}
	for _, g := range c.store.schema.groups {
		if g.Archived == c.archivedOnly() {
			out.Results = append(out.Results, *g)
		}
	}
	slices.SortFunc(out.Results, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
	return ok(out)
}

func createGroup(c *call) reply {
	var in Group
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	if in.Name == "" || in.Label == "" {
		return refused(invalid("name and label are required"))
	}
	if old := c.store.schema.groups[in.Name]; old != nil && !old.Archived {
		f := fail(http.StatusConflict, "OBJECT_ALREADY_EXISTS", "A property group named '%s' already exists.", in.Name)
		f.SubCategory = "PropertyGroupError.PROPERTY_GROUP_WITH_NAME_EXISTS"
		return refused(f)
	}
	in.Archived = false
	c.store.schema.groups[in.Name] = &in
	return created(in)
}

func (c *call) group() (*Group, *failure) {
	g := c.store.schema.groups[c.PathValue("name")]
	if g == nil || g.Archived {
		return nil, fail(http.StatusNotFound, "OBJECT_NOT_FOUND", "Property group '%s' does not exist", c.PathValue("name"))
	}
	return g, nil
}

func readGroup(c *call) reply {
	g, f := c.group()
	if f != nil {
		return refused(f)
	}
	return ok(*g)
}

func updateGroup(c *call) reply {
	g, f := c.group()
	if f != nil {
		return refused(f)
	}
	next := *g
	if f := c.decode(&next); f != nil {
		return refused(f)
	}
	next.Name, next.Archived = g.Name, false
	*g = next
	return ok(next)
}

// archiveGroup refuses while the group has active properties (observed).
func archiveGroup(c *call) reply {
	g, f := c.group()
	if f != nil {
		return refused(f)
	}
	for _, p := range c.store.schema.byName {
		if p.GroupName == g.Name && p.archived == 0 {
			f := invalid("Property group '%s' has active properties", g.Name)
			f.SubCategory = "PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES"
			return refused(f)
		}
	}
	g.Archived = true
	return noContent()
}
