package intake

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// mappings are contacts with the participants that they have, or had.
type mappings map[string][]store.HeldParticipant

// journalInbox is an inbox that knows who is mapped.
type journalInbox struct {
	*memoryInbox
	mappings
}

func (j journalInbox) ParticipantsEver(_ context.Context, _ string, contactIDs []string) (map[string][]store.HeldParticipant, error) {
	ever := maps.Clone(j.mappings)
	maps.DeleteFunc(ever, func(id string, _ []store.HeldParticipant) bool { return !slices.Contains(contactIDs, id) })
	return ever, nil
}

// journalIntake is a journal beside the webhooks' handler, over one inbox.
type journalIntake struct {
	*Journal
	push     *intake
	registry *prometheus.Registry
}

func newJournalIntake(known mappings, watches ...trigger.Watch) *journalIntake {
	in := &journalIntake{push: newIntake(watches...), registry: prometheus.NewRegistry()}
	in.Journal = NewJournal(JournalConfig{
		Inbox: journalInbox{in.push.inbox, known}, Triggers: watching(watches),
		Wake: func() { in.push.pokes++ }, WakeObjects: func() { in.push.objPokes++ }, Metrics: in.registry, Now: func() time.Time { return receipt },
	})
	return in
}

func (in *journalIntake) hear(t *testing.T, rows ...string) map[Disposition]int {
	t.Helper()
	var raw []json.RawMessage
	for _, row := range rows {
		raw = append(raw, json.RawMessage(row))
	}
	before := countJournal(t, in.registry)
	if err := in.Take(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	after := countJournal(t, in.registry)
	for disposition, n := range before {
		after[disposition] -= n
	}
	maps.DeleteFunc(after, func(_ Disposition, n int) bool { return n == 0 })
	return after
}

func countJournal(t *testing.T, registry *prometheus.Registry) map[Disposition]int {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[Disposition]int{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			counts[Disposition(label(m, "disposition"))] += int(m.GetCounter().GetValue())
		}
	}
	return counts
}

// row is a row of the journal about contact 501, at the moment of the webhooks'
// events, with what else is in it.
func row(action, more string) string {
	return `{"type":"crmObject","portalId":4711001,"occurredAt":"2026-11-18T10:50:00.123Z","action":"` + action + `","objectTypeId":"0-1","objectId":501` + more + `}`
}

var rowMoment = time.Date(2026, 11, 18, 10, 50, 0, 123e6, time.UTC)

func TestJournal_tellsWhatWebhooksTell(t *testing.T) {
	t.Parallel()
	heard := func(kind store.EventKind, property string) store.Event {
		return store.Event{ConnectionID: "c1", ContactID: "501", Kind: kind, Property: property, OccurredAt: rowMoment, Bulk: kind == store.EventDeleted}
	}
	tests := map[string]struct {
		row  string
		want []store.Event
	}{
		"a creation, and what was set by it": {row("CREATE", `,"propertyChanges":{"email":"ada@example.test","phone":"1"}`),
			[]store.Event{heard(store.EventCreated, ""), heard(store.EventUpdated, "email")}},
		"changes by name": {row("UPDATE", `,"propertyChanges":{"email":"a@example.test","advocate_referral_cookie":"x"}`),
			[]store.Event{heard(store.EventUpdated, "advocate_referral_cookie"), heard(store.EventUpdated, "email")}},
		"changes as a list of objects": {row("UPDATE", `,"propertyChanges":[{"name":"email","value":"a@example.test"},{"propertyName":"advocate_referral_cookie"}]`),
			[]store.Event{heard(store.EventUpdated, "advocate_referral_cookie"), heard(store.EventUpdated, "email")}},
		"changes as a list of names": {row("UPDATE", `,"propertyChanges":["email",null,7]`), []store.Event{heard(store.EventUpdated, "email")}},
		"a deletion":                 {row("DELETE", ""), []store.Event{heard(store.EventDeleted, "")}},
		"a restore":                  {row("RESTORE", ""), []store.Event{heard(store.EventRestored, "")}},
		"a merge":                    {row("MERGE", ""), []store.Event{heard(store.EventMerged, "")}},
		"a privacy deletion":         {row("GDPR_DELETE", ""), []store.Event{heard(store.EventErased, "")}},
		"an action in small letters": {row("delete", ""), []store.Event{heard(store.EventDeleted, "")}},
		"ids as texts":               {strings.Replace(row("DELETE", ""), `"objectId":501`, `"objectId":"501"`, 1), []store.Event{heard(store.EventDeleted, "")}},
		"a moment in milliseconds": {strings.Replace(row("DELETE", ""), `"2026-11-18T10:50:00.123Z"`, "1794999000123", 1),
			[]store.Event{heard(store.EventDeleted, "")}},
		"a moment in another zone": {strings.Replace(row("DELETE", ""), "10:50:00.123Z", "12:50:00.123+02:00", 1), []store.Event{heard(store.EventDeleted, "")}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newJournalIntake(nil)
			in.hear(t, tt.row)
			sorted := cmpopts.SortSlices(func(a, b store.Event) bool { return string(a.Kind)+a.Property < string(b.Kind)+b.Property })
			if diff := cmp.Diff(tt.want, in.push.inbox.events, sorted, cmpopts.IgnoreFields(store.Event{}, "DedupeKey")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJournal_aRowThatCannotBeUsedStopsNoOther(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		row  string
		want Disposition
	}{
		"no object":                           {`"CREATE"`, Malformed},
		"null":                                {`null`, Malformed},
		"no portal":                           {strings.Replace(row("CREATE", ""), `"portalId":4711001,`, "", 1), Malformed},
		"no id":                               {strings.Replace(row("CREATE", ""), `"objectId":501`, `"objectId":{}`, 1), Malformed},
		"an id below zero":                    {strings.Replace(row("CREATE", ""), `"objectId":501`, `"objectId":-1`, 1), Malformed},
		"no moment":                           {strings.Replace(row("CREATE", ""), `2026-11-18T10:50:00.123Z`, "yesterday", 1), Malformed},
		"no type":                             {strings.Replace(row("CREATE", ""), `"0-1"`, `""`, 1), Malformed},
		"another type":                        {strings.Replace(row("CREATE", ""), `"0-1"`, `"0-5"`, 1), UnknownType},
		"another action":                      {row("ASSOCIATE", ""), UnknownType},
		"a portal of nobody's":                {strings.Replace(row("CREATE", ""), "4711001", "999", 1), UnknownPortal},
		"a property of no use":                {row("UPDATE", `,"propertyChanges":{"phone":"1"}`), Ignored},
		"a deal's change that cannot be read": {strings.Replace(row("UPDATE", ""), `"0-1"`, `"0-3"`, 1), Malformed},
		"a deal nobody watches":               {strings.Replace(row("CREATE", ""), `"0-1"`, `"0-3"`, 1), Ignored},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newJournalIntake(nil)
			got := in.hear(t, tt.row, row("DELETE", ""))
			if diff := cmp.Diff(map[Disposition]int{tt.want: 1, Accepted: 1}, got); diff != "" {
				t.Error(diff)
			}
			if len(in.push.inbox.events) != 1 || in.push.inbox.events[0].Kind != store.EventDeleted {
				t.Errorf("kept %+v", in.push.inbox.events)
			}
		})
	}
}

func TestJournal_aFactThatAWebhookToldCountsOnce(t *testing.T) {
	t.Parallel()
	rows := []string{row("CREATE", ""), row("UPDATE", `,"propertyChanges":{"email":"ada@example.test"}`)}
	deliver := func(in *journalIntake) {
		if w := in.push.deliver(signed(array(creation, newEmail), receipt)); w.Code != 200 {
			t.Fatal(w.Code)
		}
	}
	in := newJournalIntake(nil)
	deliver(in)
	if got := in.hear(t, rows...); got[Duplicate] != 2 || len(in.push.inbox.events) != 2 {
		t.Errorf("the webhook first: %v", got)
	}
	in = newJournalIntake(nil)
	in.hear(t, rows...)
	deliver(in)
	if got := in.hear(t, rows...); got[Duplicate] != 2 || len(in.push.inbox.events) != 2 {
		t.Errorf("the journal first: %v", got)
	}
}

// The journal does not say who made a change, and a lost webhook cannot either.
func TestJournal_ourOwnWritesBringNoNews(t *testing.T) {
	t.Parallel()
	is, was, later := bridge.Identity{AccountID: "acc", UserID: "usr"}, bridge.Identity{AccountID: "acc0", UserID: "usr0"}, rowMoment.Add(time.Hour)
	known := mappings{
		"501": {{Identity: was, EndedAt: rowMoment}, {Identity: is}},
		"502": {{Identity: is, EndedAt: later}}, // it has no participant any more
	}
	of := func(id, row string) string { return strings.Replace(row, `"objectId":501`, `"objectId":`+id, 1) }
	ids := func(account, user string) string {
		return row("UPDATE", `,"propertyChanges":{"advocate_user_id":`+user+`,"advocate_account_id":`+account+`}`)
	}
	for name, tt := range map[string]struct {
		row  string
		news bool
	}{
		"the creation of a contact that has a participant": {row("CREATE", `,"propertyChanges":{"email":"ada@example.test"}`), false},
		"the creation of one that had a participant":       {of("502", row("CREATE", "")), false},
		"the creation of an unknown contact":               {of("503", row("CREATE", "")), true},
		"the ids of its participant":                       {ids(`"acc"`, `"usr"`), false},
		"the ids of one that it had until then":            {ids(`"acc0"`, `"usr0"`), true},
		"the ids of one that it had then":                  {of("502", ids(`"acc"`, `"usr"`)), false},
		"the account of the one and the user of another":   {ids(`"acc0"`, `"usr"`), true},
		"other ids":                                 {ids(`"other"`, `"other"`), true},
		"one other id":                              {ids(`"acc"`, `"other"`), true},
		"ids that somebody wiped":                   {ids(`""`, `null`), true},
		"ids whose values are not told":             {row("UPDATE", `,"propertyChanges":["advocate_user_id"]`), true},
		"ids that we took off a contact":            {of("502", ids(`""`, `null`)), false},
		"ids taken off an unknown contact":          {of("503", ids(`""`, `""`)), false},
		"ids that somebody gave a contact":          {of("503", ids(`"acc"`, `"usr"`)), true},
		"values not told, of a contact without one": {of("502", row("UPDATE", `,"propertyChanges":["advocate_user_id"]`)), false},
		"its ids together with an email":            {row("UPDATE", `,"propertyChanges":{"advocate_user_id":"usr","email":"a@example.test"}`), true},
		"changes in a shape that nobody documents":  {row("UPDATE", `,"propertyChanges":7`), true},
		"the same of one that had a participant":    {of("502", row("UPDATE", "")), false},
		"the same of an unknown contact":            {of("503", row("UPDATE", `,"propertyChanges":[{"x":1}]`)), true},
		"its deletion":                              {row("DELETE", ""), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newJournalIntake(known)
			if got := in.hear(t, tt.row); (got[Accepted] > 0) != tt.news || (got[Echo] > 0) == tt.news {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestJournal_triggersHearOfDealsAndNeverOfContacts(t *testing.T) {
	t.Parallel()
	in := newJournalIntake(nil, trigger.Watch{Object: bridge.ObjectDeal, Property: "dealstage"}, trigger.Watch{Object: bridge.ObjectContact, Created: true})
	deal := strings.Replace(row("UPDATE", `,"propertyChanges":{"dealstage":"won","amount":"5"}`), `"0-1"`, `"0-3"`, 1)
	if got := in.hear(t, deal, row("CREATE", "")); got[Accepted] != 2 || got[Ignored] != 1 {
		t.Errorf("%v", got)
	}
	in.hear(t, strings.Replace(deal, "10:50:00.123Z", "10:50:00Z", 1)) // the webhook told another moment of it
	if len(in.push.inbox.objects) != 1 || in.push.inbox.objects[0].Property != "dealstage" || in.push.objPokes != 1 {
		t.Errorf("%+v", in.push.inbox.objects)
	}
	stage := `{"eventId":1,"portalId":4711001,"occurredAt":1794999000123,"subscriptionType":"deal.propertyChange","objectId":501,"propertyName":"dealstage"}`
	in.push.deliver(signed(array(stage), receipt))
	if len(in.push.inbox.objects) != 1 {
		t.Errorf("the webhook's word of the same change counts again: %+v", in.push.inbox.objects)
	}
}

// Without a moment that can be, each fact still has a key of its own.
func TestJournal_momentsThatCannotBe(t *testing.T) {
	t.Parallel()
	in := newJournalIntake(nil)
	later := func(moment string) string {
		return strings.Replace(row("DELETE", ""), "2026-11-18T10:50:00.123Z", moment, 1)
	}
	in.hear(t, later("2099-01-01T00:00:00.000Z"), later("2099-01-02T00:00:00.000Z"), later("2099-01-01T00:00:00.000Z"))
	if len(in.push.inbox.events) != 2 {
		t.Errorf("%+v", in.push.inbox.events)
	}
	for _, e := range in.push.inbox.events {
		if e.OccurredAt.After(receipt) {
			t.Errorf("it happened at %s", e.OccurredAt)
		}
	}
}

func TestJournal_saysNothingWhileTheStoreFails(t *testing.T) {
	t.Parallel()
	in := newJournalIntake(nil)
	in.push.inbox.appendErr = &bridge.Error{Kind: bridge.Unavailable, Op: "store.append_events"}
	if err := in.Take(t.Context(), []json.RawMessage{json.RawMessage(row("DELETE", ""))}); err == nil {
		t.Error("no error")
	}
	in.push.inbox.appendErr = nil
	if got := in.hear(t, row("DELETE", "")); got[Accepted] != 1 {
		t.Errorf("taken again: %v", got)
	}
}
