package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"advocatesync/internal/api"
)

// programView is the tenant's programs, and the latest switch.
type programView struct {
	scope

	Programs []api.Program
	Others   int                // live programs that are not connected
	Away     string             // why Advocate does not tell its programs; empty: it does
	Current  string             // the connected program's id
	Latest   *programSwitchView // nil: there was none
}

// programSwitchView is one switch of the program.
type programSwitchView struct {
	scope
	api.ProgramSwitch

	Progress state
}

func programSwitchViewOf(s api.ProgramSwitch) programSwitchView {
	view := programSwitchView{ProgramSwitch: s, Progress: good(sentence(s.Meaning))}
	switch {
	case s.State == "refused":
		view.Progress = bad(sentence(s.Meaning))
	case !s.Ended() && !s.Stopped:
		view.Progress = busy(sentence(s.Meaning))
	case s.Stopped:
		view.Progress = warn("It stopped: start the same switch again to continue it.")
	}
	return view
}

func (c *Console) program(v *visit) (answer, error) {
	connection, err := v.client.Connection(v.ctx(), v.connection())
	if err != nil {
		return nil, err
	}
	view := &programView{Current: connection.Program}
	if view.Programs, err = v.client.Programs(v.ctx(), v.connection()); err != nil {
		if view.Away = awayWords(err); view.Away == "" {
			return nil, err
		}
	}
	for _, p := range view.Programs {
		if !p.Connected && p.Status == "live" {
			view.Others++
		}
	}
	latest, err := v.client.ProgramSwitch(v.ctx(), v.connection(), 0)
	switch p, refused := problemOf(err); {
	case refused && p.Status == http.StatusNotFound:
	case err != nil:
		return nil, err
	default:
		view.Latest = new(programSwitchViewOf(latest))
	}
	return page{name: "program", title: "Program", view: view}, nil
}

func switchRequest(values url.Values) api.SwitchRequest {
	return api.SwitchRequest{Program: values.Get("program"), InPlace: values.Get("way") == "in_place", MassSync: values.Get("mass_sync") != ""}
}

// askSwitch checks a switch, says what it changes and what it breaks, and asks.
func (c *Console) askSwitch(v *visit) (answer, error) {
	in := switchRequest(v.URL.Query())
	if in.Program == "" {
		return nil, refusal(http.StatusUnprocessableEntity, "nothing_chosen", "Choose a program.")
	}
	plan, err := v.client.PlanProgramSwitch(v.ctx(), v.connection(), in)
	if err != nil {
		return nil, err
	}
	view := &askView{
		Lines:  []string{fmt.Sprintf("The connected program changes from %s to %s (%s).", plan.From, plan.To.Name, plan.To.ProgramID)},
		Action: v.path("program", "switches"), Button: "Switch the program", Danger: !in.InPlace, Back: v.path("program"),
		Hidden: []field{{"program", in.Program}, {"way", v.URL.Query().Get("way")}, {"mass_sync", v.URL.Query().Get("mass_sync")}},
	}
	missing, contacts := 0, quantityOf(plan.Contacts, plan.CountsAge, c.now()).Of("contact", "contacts")
	for _, p := range plan.Properties {
		if p.Missing {
			missing++
		}
	}
	if in.InPlace {
		view.Lines = append(view.Lines, fmt.Sprintf("%s will be kept, so forms, lists and emails that use them keep working; the values of %s will be replaced.",
			plural(len(plan.Properties)-missing, "property", "properties"), contacts))
	} else {
		view.Lines = append(view.Lines,
			fmt.Sprintf("%s will be removed from HubSpot and created again, and the values of %s will be replaced.",
				plural(len(plan.Properties)-missing, "property", "properties"), contacts),
			"Lists, forms, emails and workflows in HubSpot that use them lose the reference, or HubSpot refuses the removal. Switch in place to keep them.")
	}
	if missing > 0 {
		view.Lines = append(view.Lines, plural(missing, "missing property", "missing properties")+" will be created.")
	}
	if in.MassSync {
		view.Lines = append(view.Lines, "Participants of the program without a contact are synced as well, as the sharing rules say.")
	}
	if plan.UnderWay {
		view.Lines = append(view.Lines, "This switch is already under way, and continues where it stands.")
	}
	return page{name: "ask", title: "Switch to " + plan.To.Name, view: view}, nil
}

func (c *Console) startSwitch(v *visit) (answer, error) {
	if err := v.ParseForm(); err != nil {
		return nil, err
	}
	started, err := v.client.StartProgramSwitch(v.ctx(), v.connection(), switchRequest(v.PostForm))
	if p, refused := problemOf(err); refused && p.Code == "no_worker" { // it was taken, and has not begun
		return see{path: v.path("program"), notice: "The switch is requested. It starts as soon as a worker is available, and then appears on this page."}, nil
	}
	if err != nil {
		return nil, err
	}
	return see{path: v.path("program", "switches", strconv.FormatInt(started.SwitchID, 10))}, nil
}

func (v *visit) programSwitch(ctx context.Context) (programSwitchView, error) {
	id, err := strconv.ParseInt(v.PathValue("switch"), 10, 64)
	if err != nil || id < 1 {
		return programSwitchView{}, notFound("There is no such switch.")
	}
	s, err := v.client.ProgramSwitch(ctx, v.connection(), id)
	return programSwitchViewOf(s), err
}

func (c *Console) showSwitch(v *visit) (answer, error) {
	view, err := v.programSwitch(v.ctx())
	if err != nil {
		return nil, err
	}
	return page{name: "program_switch", title: fmt.Sprintf("Switch from program %s to %s", view.FromProgram, view.ToProgram), view: &view}, nil
}

func (c *Console) followSwitch(v *visit) (answer, error) {
	return live{page: "program_switch", region: func(ctx context.Context) (viewOf, bool, error) {
		view, err := v.programSwitch(ctx)
		return &view, view.Ended(), err
	}}, nil
}
