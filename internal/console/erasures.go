package console

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"advocatesync/internal/api"
)

// erasuresView lists erasures, the latest first.
type erasuresView struct {
	scope

	Open     bool // only those that have not ended
	Erasures []erasureView
	Next     string
}

// erasureView is one erasure, step by step.
type erasureView struct {
	scope
	api.Erasure

	State   state
	Steps   []stepView
	Receipt bool // there is one
	Ended   bool

	From, HubSpotSays, AdvocateSays string // in words
}

// stepView is a step of an erasure.
type stepView struct {
	Name string
	At   time.Time // zero: not done yet
}

// erasureSources say who told of an erasure.
var erasureSources = map[string]string{
	"hubspot": "HubSpot", "request": "a comparison with HubSpot", "operator": "an operator", "replay": "the replay of an export",
}

// erasureAnswers are what a vendor answered when it was asked for the person again.
var erasureAnswers = map[string]string{
	"not_found": "knows nobody", "archived": "in the recycle bin", "merged": "merged into another contact", "shown": "shows the contact", "do_not_track": "do not track",
}

// words are what a code means, or the code itself where a newer one is not listed.
func words[C ~string](meanings map[C]string, code C) string {
	return cmp.Or(meanings[code], strings.ReplaceAll(string(code), "_", " "))
}

func erasureViewOf(e api.Erasure) erasureView {
	view := erasureView{Erasure: e, State: busy("Under way: it is tried until it is done."), Receipt: !e.ForgottenAt.IsZero(), Steps: []stepView{
		{"Heard", e.HeardAt}, {"Blocked: nothing makes a participant of the person again", e.BlockedAt}, {"Verified: HubSpot no longer shows the contact", e.VerifiedAt},
		{"Deleted in Advocate, with do-not-track", e.DeletedAt}, {"Both vendors asked again", e.CheckedAt}, {"Forgotten here", e.ForgottenAt},
	}}
	view.From = words(erasureSources, string(e.Source))
	view.HubSpotSays, view.AdvocateSays = words(erasureAnswers, string(e.HubSpotAnswer)), words(erasureAnswers, string(e.AdvocateAnswer))
	switch {
	case !e.DoubtedAt.IsZero():
		view.State, view.Ended = bad("Not done: HubSpot went on showing the contact. Nothing was erased, and an item is parked."), true
	case view.Receipt:
		view.State, view.Ended = good("Done and proven."), true
	case e.Problem != "":
		view.State = bad("Held up: " + sentence(e.Problem) + " It is tried until it is done.")
	}
	return view
}

func (c *Console) erasures(v *visit) (answer, error) {
	open := v.URL.Query().Get("open") != ""
	all, err := v.client.Erasures(v.ctx(), "", open, v.URL.Query().Get("page"))
	if err != nil {
		return nil, err
	}
	view := &erasuresView{Open: open}
	for _, e := range all.Items {
		view.Erasures = append(view.Erasures, erasureViewOf(e))
	}
	if all.NextPage != "" {
		next := url.Values{"page": {all.NextPage}}
		if open {
			next.Set("open", "1")
		}
		view.Next = "?" + next.Encode()
	}
	return page{name: "erasures", title: "Erasures", view: view}, nil
}

func (v *visit) erasureNumber() (int64, error) {
	id, err := strconv.ParseInt(v.PathValue("erasure"), 10, 64)
	if err != nil || id < 1 {
		return 0, notFound("There is no such erasure.")
	}
	return id, nil
}

func (c *Console) showErasure(v *visit) (answer, error) {
	id, err := v.erasureNumber()
	if err != nil {
		return nil, err
	}
	e, err := v.client.Erasure(v.ctx(), id)
	if err != nil {
		return nil, err
	}
	view := erasureViewOf(e)
	return page{name: "erasure", title: fmt.Sprintf("Erasure %d", id), view: &view}, nil
}

func (c *Console) followErasure(v *visit) (answer, error) {
	id, err := v.erasureNumber()
	if err != nil {
		return nil, err
	}
	return live{page: "erasure", region: func(ctx context.Context) (viewOf, bool, error) {
		e, err := v.client.Erasure(ctx, id)
		view := erasureViewOf(e)
		return &view, view.Ended, err
	}}, nil
}

// receipt saves the signed receipt of an erasure as a file.
func (c *Console) receipt(v *visit) (answer, error) {
	id, err := v.erasureNumber()
	if err != nil {
		return nil, err
	}
	receipt, err := v.client.ErasureReceipt(v.ctx(), id)
	if err != nil {
		return nil, err
	}
	return download{name: fmt.Sprintf("erasure-%d.jws", id), kind: "application/jose", content: receipt.Receipt + "\n"}, nil
}

// download is a file to be saved.
type download struct{ name, kind, content string }

func (d download) write(_ *Console, _ *visit, w http.ResponseWriter) error {
	w.Header().Set("Content-Type", d.kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	_, _ = w.Write([]byte(d.content)) // whoever hung up needs no answer
	return nil
}
