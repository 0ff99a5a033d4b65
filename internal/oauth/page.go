package oauth

import (
	"html/template"
	"net/http"
	"net/url"
)

// page is what a visitor sees: text, and a link to HubSpot if there is one.
type page struct {
	Title  string
	Lines  []string
	Link   string // of the intent; empty: no link
	Target string
}

var pages = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{.Title}}</title>
<h1>{{.Title}}</h1>
{{range .Lines}}<p>{{.}}</p>
{{end}}{{if .Link}}<form method="post" action="{{.Target}}">
<input type="hidden" name="intent" value="{{.Link}}">
<button>Continue to HubSpot</button>
</form>
{{end}}</html>
`))

// show writes a page that is not cached, not framed, and leaks no referrer.
func (c *Consent) show(w http.ResponseWriter, r *http.Request, status int, p page) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"+c.consentOrigin())
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if err := pages.Execute(w, p); err != nil {
		c.log.DebugContext(r.Context(), "page not written", "err", err) // the visitor has gone
	}
}

// consentOrigin is where the form's answer leads to: browsers hold a form's
// redirects against form-action, too.
func (c *Consent) consentOrigin() string {
	u, err := url.Parse(c.vendor.ConsentURL(0, "", ""))
	if err != nil {
		return ""
	}
	return " " + u.Scheme + "://" + u.Host
}
