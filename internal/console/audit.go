package console

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"advocatesync/internal/api"
)

// auditView is who asked for what, the latest first.
type auditView struct {
	scope

	Filter  api.AuditFilter
	Choices []operationView
	Entries []api.AuditEntry
	Next    string
}

func (c *Console) audit(v *visit) (answer, error) {
	query := v.URL.Query()
	filter := api.AuditFilter{
		ConnectionID: query.Get("connection"), Actor: query.Get("actor"), Operation: query.Get("operation"), Subject: query.Get("subject"),
	}
	entries, err := v.client.AuditEntries(v.ctx(), filter, query.Get("page"))
	if err != nil {
		return nil, err
	}
	view := &auditView{Filter: filter, Entries: entries.Items}
	for _, operation := range append(api.AuditedOperations(), operationSignIn, operationSignOut) {
		view.Choices = append(view.Choices, operationView{operation, operationWords(operation)})
	}
	slices.SortFunc(view.Choices, func(a, b operationView) int { return cmp.Compare(a.Text, b.Text) })
	if entries.NextPage != "" {
		next := url.Values{"page": {entries.NextPage}}
		for _, name := range []string{"connection", "actor", "operation", "subject"} {
			if value := query.Get(name); value != "" {
				next.Set(name, value)
			}
		}
		view.Next = "?" + next.Encode()
	}
	return page{name: "audit", title: "Audit log", view: view}, nil
}

// operationView is an operation to choose from.
type operationView struct{ Operation, Text string }

// planned are the operations whose names do not say what a person has asked for.
var planned = map[string]string{
	"planErasePerson": "See whom an erasure reaches", "planProgramSwitch": "See what a program switch changes", "applyTrigger": "Write a trigger",
	"testTrigger": "Try a trigger", "findContacts": "Look a contact up by email", "requestConsent": "Ask for consent", "requestConsentAgain": "Ask for consent again",
	"revealContact": "Reveal a person", "eraseContact": "Erase the person of a contact", "exportPerson": "Export a person's data", "connect": "Connect a portal",
	"newRecoveryKey": "Make a recovery key", "cancelMassSync": "Stop a mass sync", "cancelReconcile": "Stop a reconcile",
}

// wordStart is where a word begins within a name such as startMassSync.
var wordStart = regexp.MustCompile(`[A-Z]+`)

// operationWords are what an operation is for people: startMassSync is "Start mass sync".
func operationWords(operation string) string {
	if words, ok := planned[operation]; ok {
		return words
	}
	return sentenceStart(wordStart.ReplaceAllStringFunc(operation, func(start string) string { return " " + strings.ToLower(start) }))
}

// subjectView is what an entry is about: in words, and the page that shows it.
type subjectView struct {
	Text string
	Path []any // of the page; none: there is no page
}

// subjectOf says what an entry of the audit log is about. Subjects are a kind and an
// id, such as contact:101.
func subjectOf(connection, subject string) subjectView {
	kind, id, ok := strings.Cut(subject, ":")
	if !ok {
		return subjectView{Text: subject}
	}
	view := subjectView{Text: kind + " " + id}
	below := map[string]string{"contact": "contacts", "trigger": "triggers"}[kind]
	switch {
	case kind == "erasure" && strings.Contains(id, ","): // of one person
		view.Path = []any{"erasures"}
	case kind == "erasure":
		view.Path = []any{"erasures", id}
	case kind == "connection":
		view.Path = []any{"connections", id}
	case below != "" && connection != "":
		view.Path = []any{"connections", connection, below, id}
	}
	return view
}
