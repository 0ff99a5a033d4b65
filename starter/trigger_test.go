package main

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"advocatesync/activities"
	"advocatesync/internal/bridge"
	"advocatesync/internal/wiring/wiringtest"
)

// mapped makes a contact that has become a participant, as the worker does it.
func (l *laptop) mapped(t *testing.T, email string) string {
	t.Helper()
	id := l.CreateContact(t, map[string]string{"email": email})
	contacts := activities.NewContacts(l.Connections, l.Store, wiringtest.Hold, time.Now)
	_, err := contacts.SyncContact(t.Context(), activities.SyncContactInput{
		ConnectionID: l.Connection.ID, ContactID: id, Hints: bridge.Hints{CreatedAt: time.Now()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// deal makes a deal that is won, of a contact.
func (l *laptop) deal(t *testing.T, contact string) string {
	t.Helper()
	id, err := l.Portal.Person(1).Create("deals", map[string]string{"dealname": "Big", "dealstage": "closedwon", "amount": "1200.50"})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Portal.Person(1).Associate("deals", id, "contacts", contact, false); err != nil {
		t.Fatal(err)
	}
	return id
}

// What the manual's commands about triggers do, run as it has them.
func TestTriggerCommands_doWhatTheManualSays(t *testing.T) {
	t.Parallel()
	l := newLaptop(t)
	deal := l.deal(t, l.mapped(t, "ann@shop.example"))
	source, err := os.ReadFile("../docs/triggers/deal-won.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l.input = strings.NewReader(strings.Replace(string(source), ">= 100.0", ">= 200.0", 1))
	const done, failed, wrong = 0, 1, 2
	var ran []string
	for _, step := range []struct {
		line string
		code int
		says string
	}{
		{"trigger list", done, "There are no triggers"},
		{"trigger properties", done, "deal.dealstage "},
		{"trigger properties --object person", failed, "must be one of"},
		{"trigger apply -f docs/triggers/deal-won.yaml", done, "Trigger deal-won is applied: version 1, enabled."},
		{"trigger apply -f docs/triggers/deal-won.yaml", done, "was applied already: version 1"},
		{"trigger apply -f docs/triggers/lead-form.yaml", failed, "line 7, column 10: event.forms: the portal has no form"},
		{"trigger apply -f -", done, "Trigger deal-won is applied: version 2, enabled."},
		{"trigger list", done, "deal property changed (dealstage, amount) -> conversion"},
		{"trigger show deal-won", done, "deal.amount >= 200.0"},
		{"trigger show deal-won --version 1", done, "deal.amount >= 100.0"},
		{"trigger show deal-won --version 3", wrong, "no version 3"},
		{"trigger test deal-won --object " + deal, done, "would send the request below"},
		{"trigger test deal-won --object " + deal, done, "  Amount=1200.5\n"},
		{"trigger test deal-won --object 999", failed, "no live deal 999"},
		{"trigger disable deal-won", done, "Trigger deal-won is disabled."},
		{"trigger enable deal-won --json", done, `"enabled": true`},
		{"trigger enable nobody", failed, `there is no trigger "nobody"`},
		{"trigger events deal-won", done, "No trigger has matched a change yet."},
		{"trigger events --state lost", failed, "must be one of"},
		{"trigger approvals", done, "No event waits for approval."},
		{"trigger approve deal-won", wrong, "--yes"},
		{"trigger approve deal-won --yes", failed, "no such event"},
		{"trigger skip deal-won --yes", failed, "no such event"},
		{"webhooks manifest", done, `"propertyName": "dealstage"`},
	} {
		ran = append(ran, step.line)
		code, out, said := l.starter(t, strings.Replace(step.line, "docs/", "../docs/", 1))
		if code != step.code || !strings.Contains(out+said, step.says) {
			t.Errorf("starter %s: exit code %d, want %d, and %q in:\n%s%s", step.line, code, step.code, step.says, out, said)
		}
	}
	if sent := len(l.Tenant.Conversions()); sent != 0 {
		t.Errorf("a trial has sent %d conversions", sent)
	}
	manual, err := os.ReadFile("../docs/triggers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, documented := range regexp.MustCompile("(?m)starter ((?:trigger|webhooks) [a-z]+)").FindAllStringSubmatch(string(manual), -1) {
		if !slices.ContainsFunc(ran, func(line string) bool { return strings.HasPrefix(line, documented[1]) }) {
			t.Errorf("nobody ran what the manual documents: starter %s", documented[1])
		}
	}
}

func TestWebhooksManifest_isAFileOfTheProject(t *testing.T) {
	t.Parallel()
	_, out, _ := newLaptop(t).starter(t, "webhooks manifest")
	var file struct {
		UID    string `json:"uid"`
		Type   string `json:"type"`
		Config struct {
			Settings      map[string]any              `json:"settings"`
			Subscriptions map[string][]map[string]any `json:"subscriptions"`
		} `json:"config"`
	}
	if err := json.Unmarshal([]byte(out), &file); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	classes := file.Config.Subscriptions
	if file.UID == "" || file.Type != "webhooks" || file.Config.Settings["targetUrl"] != wiringtest.PublicURL+"/webhooks/hubspot" ||
		len(classes["hubEvents"]) != 1 || len(classes["legacyCrmObjects"]) != 9 {
		t.Errorf("the file is\n%s", out)
	}
}
