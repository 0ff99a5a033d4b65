package hubspottest

import (
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strings"
)

// pageRoutes serve the page of a contact, at the address that HubSpot gives it: for
// people who look at the stand-in in a browser, and correct something there.
func (h *Host) pageRoutes() {
	const record = "/contacts/{portal}/record/0-1/{id}"
	h.mux.HandleFunc("GET "+record, h.showRecord)
	h.mux.HandleFunc("POST "+record, h.changeRecord)
}

var recordPage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Contact {{.ID}} · stand-in for HubSpot</title>
<h1>Contact {{.ID}}</h1>
<p>This stands in for the contact's page in HubSpot.{{if .Archived}} <b>The contact is in the recycle bin.</b>{{end}}</p>
<form method="post">
{{range .Fields}}<p><label>{{.Name}}<br><input name="{{.Name}}" value="{{.Value}}" size="60"></label></p>
{{end}}<p>{{if .Archived}}<button name="act" value="restore">Restore</button>{{else}}<button name="act" value="save">Save</button> <button name="act" value="delete">Delete</button>{{end}} <button name="act" value="erase">Delete permanently, for privacy</button></p>
</form>
`))

// recordField is a property that a person can edit on the page.
type recordField struct{ Name, Value string }

func (h *Host) recordOf(w http.ResponseWriter, r *http.Request) (*Portal, Record, bool) {
	p, err := h.portalByText(r.PathValue("portal"))
	if err != nil {
		http.Error(w, "there is no such portal", http.StatusNotFound)
		return nil, Record{}, false
	}
	record, found := p.Record("contacts", r.PathValue("id"))
	if !found {
		http.Error(w, "there is no such contact", http.StatusNotFound)
		return nil, Record{}, false
	}
	return p, record, true
}

func (h *Host) showRecord(w http.ResponseWriter, r *http.Request) {
	_, record, found := h.recordOf(w, r)
	if !found {
		return
	}
	fields := []recordField{}
	for name, value := range record.Properties {
		if strings.HasPrefix(name, "advocate_") && !slices.Contains(alwaysShown, name) {
			fields = append(fields, recordField{name, value})
		}
	}
	for _, name := range alwaysShown {
		fields = append(fields, recordField{name, record.Properties[name]})
	}
	slices.SortFunc(fields, func(a, b recordField) int { return strings.Compare(a.Name, b.Name) })
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = recordPage.Execute(w, map[string]any{"ID": record.ID, "Archived": record.Archived, "Fields": fields}) // whoever hung up needs no answer
}

// alwaysShown are the properties that the page shows also where they are empty.
var alwaysShown = []string{"email", "firstname", "lastname", "advocate_referred_by_code"}

func (h *Host) changeRecord(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	p, record, found := h.recordOf(w, r)
	if !found {
		return
	}
	person := p.Person(1)
	var err error
	switch r.PostFormValue("act") {
	case "save":
		changes := map[string]string{}
		for name, values := range r.PostForm {
			if name != "act" && values[0] != record.Properties[name] {
				changes[name] = values[0]
			}
		}
		err = person.Edit("contacts", record.ID, changes)
	case "delete":
		err = person.Archive("contacts", record.ID)
	case "restore":
		err = person.Restore("contacts", record.ID)
	case "erase":
		err = person.Erase(record.ID)
	default:
		err = errors.New("say what to do: save, delete, restore or erase")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	http.Redirect(w, r, r.URL.Path, http.StatusSeeOther)
}
