package console

import (
	"bytes"
	"fmt"
	"net/http"

	"advocatesync/internal/api"
)

// answer is what a handler answers with.
type answer interface {
	write(c *Console, v *visit, w http.ResponseWriter) error
}

// viewOf is what the template of a page shows: a pointer to a struct that embeds scope.
type viewOf interface{ setScope(v *visit) }

// page is a whole page.
type page struct {
	name   string // of the template
	title  string
	status int // 0: OK
	view   viewOf
}

// frame is what the layout around every page shows.
type frame struct {
	scope

	Title  string
	Name   string // of the connection that the page is about, for people; empty: none
	Path   string // of the page, without its query
	Notice string
	View   viewOf
}

func (p page) write(c *Console, v *visit, w http.ResponseWriter) error {
	f := &frame{Title: p.title, Name: c.connectionName(v), Path: v.URL.Path, Notice: c.sessions.PopString(v.ctx(), keyNotice), View: p.view}
	f.setScope(v)
	p.view.setScope(v)
	var out bytes.Buffer // a template that fails must not leave half a page
	if err := c.pages.render(&out, p.name, "layout", f); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if p.status != 0 {
		w.WriteHeader(p.status)
	}
	_, _ = out.WriteTo(w) // whoever hung up needs no answer
	return nil
}

// connectionName is what people call the connection that an address names. With
// several portals, each page has to say which one an act is about.
func (c *Console) connectionName(v *visit) string {
	if v.connection() == "" || v.client == nil {
		return ""
	}
	connection, err := v.client.Connection(v.ctx(), v.connection())
	if err != nil { // the page itself says what is wrong
		return ""
	}
	return nameOf(connection)
}

// nameOf is what people call a connection.
func nameOf(c api.Connection) string { return fmt.Sprintf("Portal %d and %s", c.PortalID, c.Tenant) }

// see sends the browser on, after a form for one, so that reloading the page that
// it lands on repeats nothing.
type see struct {
	path   string // below the public address
	notice string // what the next page says; empty: nothing
}

func (s see) write(c *Console, v *visit, w http.ResponseWriter) error {
	if s.notice != "" {
		c.notify(v, s.notice)
	}
	http.Redirect(w, v.Request, c.pages.prefix+s.path, http.StatusSeeOther)
	return nil
}
