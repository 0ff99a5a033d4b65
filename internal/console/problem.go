package console

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
)

// problemOf is the API's refusal; ok is false for any other error.
func problemOf(err error) (p *api.Problem, ok bool) {
	return errors.AsType[*api.Problem](err)
}

func refusal(status int, code, detail string) error {
	return &api.Problem{Status: status, Code: code, Title: http.StatusText(status), Detail: detail}
}

func forbidden(caller bridge.Caller, needed bridge.Role) error {
	return refusal(http.StatusForbidden, "forbidden", fmt.Sprintf("This needs the role %s. You are signed in as %s, with the role %s.", needed, caller.Name, caller.Role))
}

// notFound says that an address leads nowhere.
func notFound(detail string) error { return refusal(http.StatusNotFound, "not_found", detail) }

func (c *Console) nothingHere(v *visit) (answer, error) {
	if v.caller.Role == "" {
		return signInFirst(v), nil
	}
	return nil, notFound("There is no such page.")
}

// wrongToken says in a person's words why a token does not open the console.
func wrongToken(p *api.Problem) string {
	switch p.Code {
	case "unauthorized":
		return "This token opens nothing. Check that you copied all of it, from adv_ to the end."
	case "token_revoked":
		return "This token was revoked. Ask an admin for a new one."
	default:
		return sentence(p.Detail)
	}
}

// problemView is a page that says what went wrong.
type problemView struct {
	scope

	Detail    string
	Mistakes  []api.Mistake
	RequestID string
}

// fail answers with an error, in words. What is no refusal is a fault of ours: the
// log has it, under the request's id that the page shows.
func (c *Console) fail(w http.ResponseWriter, v *visit, err error) {
	tooLarge := &http.MaxBytesError{}
	p, refused := problemOf(err)
	switch {
	case errors.As(err, &tooLarge):
		p = &api.Problem{Status: http.StatusRequestEntityTooLarge, Title: "Too much at once", Detail: fmt.Sprintf("A form may send at most %d KB.", maxBody>>10)}
	case !refused:
		p = &api.Problem{Status: http.StatusInternalServerError, Title: "Something failed here", Detail: "The server's log says why, under the request's id."}
	}
	if p.Status >= http.StatusInternalServerError {
		c.log.ErrorContext(v.ctx(), "console page failed", "request_id", v.id, "status", p.Status, "err", err)
	}
	view := &problemView{Detail: sentence(p.Detail), RequestID: v.id}
	for _, m := range p.Mistakes {
		if !strings.Contains(p.Detail, m.Detail) { // some details are the mistakes, joined
			view.Mistakes = append(view.Mistakes, m)
		}
	}
	if err := (page{name: "problem", title: titleOf(p), status: p.Status, view: view}).write(c, v, w); err != nil {
		c.log.ErrorContext(v.ctx(), "console page of an error failed", "request_id", v.id, "err", err)
		http.Error(w, "Something failed here. Request "+v.id, http.StatusInternalServerError)
	}
}

// titleOf is a page's heading for a refusal.
func titleOf(p *api.Problem) string {
	switch p.Status {
	case http.StatusNotFound:
		return "Not found"
	case http.StatusForbidden:
		return "Not allowed"
	case http.StatusConflict:
		return "Not now"
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return "This needs correcting"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "No answer"
	default:
		return p.Title
	}
}

// awayWords say why a vendor does not tell a page what it asked for, where the page
// is worth showing without it; empty for any other error.
func awayWords(err error) string {
	p, refused := problemOf(err)
	if !refused {
		return ""
	}
	switch p.Status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return sentence(p.Detail)
	default:
		return ""
	}
}

// crossOrigin refuses what another site has the visitor's browser do.
func (c *Console) crossOrigin(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	c.log.WarnContext(r.Context(), "console refused a request of another site")
	http.Error(w, "This came from another site. Open the console and do it there.", http.StatusForbidden)
}
