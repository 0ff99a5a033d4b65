package console

import (
	"fmt"
	"net/http"
	"strconv"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
)

// tokensView lists the tokens, and makes one.
type tokensView struct {
	scope

	Tokens   []tokenView
	Roles    []roleView
	Made     *api.CreatedToken // with its secret, which is shown this once
	Problems []string
	Name     string
	Role     bridge.Role
}

type tokenView struct {
	api.Token

	State state
}

// roleView is a role, and what it may do.
type roleView struct {
	Role bridge.Role
	May  string
}

var roleViews = []roleView{
	{bridge.RoleViewer, "see everything that is not personal"},
	{bridge.RoleOperator, "see what a viewer sees, and run the sync: rules, problems, mass syncs, programs, triggers, pauses"},
	{bridge.RolePrivacy, "see everything that is not personal, reveal and erase people, read the audit log"},
	{bridge.RoleAdmin, "do all of that, and manage connections and tokens"},
}

func (c *Console) tokens(v *visit) (answer, error) { return c.tokensPage(v, &tokensView{}, 0) }

func (c *Console) tokensPage(v *visit, view *tokensView, status int) (answer, error) {
	tokens, err := v.client.Tokens(v.ctx())
	if err != nil {
		return nil, err
	}
	view.Roles = roleViews
	for _, t := range tokens {
		one := tokenView{Token: t, State: good("live")}
		switch {
		case !t.RevokedAt.IsZero():
			one.State = bad("revoked")
		case !c.now().Before(t.ExpiresAt):
			one.State = warn("expired")
		}
		view.Tokens = append(view.Tokens, one)
	}
	return page{name: "tokens", title: "Tokens", status: status, view: view}, nil
}

// createToken shows the secret on its own answer: it is in no address, no session
// and no second page.
func (c *Console) createToken(v *visit) (answer, error) {
	in := api.NewToken{Name: v.PostFormValue("name"), Role: bridge.Role(v.PostFormValue("role"))}
	view := &tokensView{Name: in.Name, Role: in.Role}
	if text := v.PostFormValue("days"); text != "" {
		days, err := strconv.Atoi(text)
		if err != nil {
			view.Problems = []string{"The number of days is a number."}
			return c.tokensPage(v, view, http.StatusUnprocessableEntity)
		}
		in.ExpiresInDays = days
	}
	made, err := v.client.CreateToken(v.ctx(), in)
	if p, refused := problemOf(err); refused && p.Status < http.StatusInternalServerError {
		view.Problems = mistakeLines(p)
		return c.tokensPage(v, view, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return nil, err
	}
	return c.tokensPage(v, &tokensView{Made: &made}, 0)
}

func (c *Console) askRevoke(v *visit) (answer, error) {
	tokens, err := v.client.Tokens(v.ctx())
	if err != nil {
		return nil, err
	}
	for _, t := range tokens {
		if t.ID == v.PathValue("token") {
			view := &askView{
				Lines:  []string{fmt.Sprintf("1 token, %q with the role %s, will open nothing any more, at once. Whoever is signed in with it is signed out.", t.Name, t.Role)},
				Action: "/tokens/" + t.ID + "/revoke", Button: "Revoke", Danger: true, Back: "/tokens",
			}
			return page{name: "ask", title: "Revoke the token " + t.Name, view: view}, nil
		}
	}
	return nil, notFound("There is no such token.")
}

func (c *Console) revokeToken(v *visit) (answer, error) {
	t, err := v.client.RevokeToken(v.ctx(), v.PathValue("token"))
	if err != nil {
		return nil, err
	}
	return see{path: "/tokens", notice: fmt.Sprintf("The token %q opens nothing any more.", t.Name)}, nil
}
