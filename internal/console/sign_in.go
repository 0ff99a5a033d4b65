package console

import (
	"net/http"
	"net/url"
	"strings"

	"advocatesync/internal/bridge"
)

// signInView is the page for whoever is not signed in.
type signInView struct {
	scope

	Next    string // the page that they wanted
	People  bool   // an identity provider lets people sign in, too
	Left    bool   // somebody has just signed out
	Problem string // why the last try failed
}

func (c *Console) signInForm(v *visit) (answer, error) {
	next := localPath(v.URL.Query().Get("next"))
	if v.caller.Role != "" {
		return see{path: next}, nil
	}
	return page{name: "sign_in", title: "Sign in", view: &signInView{Next: next, People: c.identity != nil, Left: v.URL.Query().Has("left")}}, nil
}

func (c *Console) signIn(v *visit) (answer, error) {
	next := localPath(v.PostFormValue("next"))
	caller, err := c.api.SignIn(v.Request, strings.TrimSpace(v.PostFormValue("token")))
	if err != nil {
		p, refused := problemOf(err)
		if !refused {
			return nil, err
		}
		return page{name: "sign_in", title: "Sign in", status: p.Status, view: &signInView{Next: next, People: c.identity != nil, Problem: wrongToken(p)}}, nil
	}
	if err := c.enter(v, caller); err != nil {
		return nil, err
	}
	return see{path: next}, nil
}

func (c *Console) signOut(v *visit) (answer, error) {
	if v.caller.Kind != "" {
		if err := c.record(v, v.caller, operationSignOut); err != nil {
			return nil, err
		}
	}
	if err := c.sessions.Destroy(v.ctx()); err != nil {
		return nil, err
	}
	return see{path: "/sign-in?left="}, nil // a notice would need a session
}

// signInFirst sends a visitor to the sign-in page, and back afterwards.
func signInFirst(v *visit) answer {
	path := "/sign-in"
	if v.Method == http.MethodGet && v.URL.Path != "/" {
		path += "?" + url.Values{"next": {v.URL.RequestURI()}}.Encode()
	}
	return see{path: path}
}

// localPath is a path of ours, or "/": an address of another site, which somebody
// may have put into a link, is none.
func localPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	return path
}

// scope is what every page knows: who looks at it, and at which connection.
type scope struct {
	Caller     bridge.Caller
	Connection string // the id; empty: none
}

func (s *scope) setScope(v *visit) { s.Caller, s.Connection = v.caller, v.connection() }

// May reports whether the visitor may do what needs a role.
func (s *scope) May(role bridge.Role) bool { return s.Caller.Role.Allows(role) }
