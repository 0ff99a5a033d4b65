package trigger_test

import (
	"errors"
	"strings"
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/trigger"
)

// FuzzLoad: whatever somebody applies, it is a trigger that decides, or it is
// refused with reasons.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		dealWon, signup, "", "{}", "[]", "- a\n- b", "id: &a x\nobject: *a", "a: b: c", "\x00", "id: 1\nid: 2", "---\n---\n", "? [a]\n: b",
		`{"id": "x", "object": "deal", "event": {"type": "created"}, "conversion": {"campaign_id": 1e99, "fields": {"Amount": "= ["}}}`,
		"when: >\n  deal.amount >\n  lots\n", "wait_for_contact: -1h", "event: {type: property_changed, property: []}",
		"advocate_event: {key: k, fields: {a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}}}",
		"when: deal.dealname.split('').all(a, deal.dealname.split('').all(b, a == b))", "conversion: {fields: {Numeric1: .nan, Date1: 2026-13-40}}",
	} {
		f.Add(seed)
	}
	for _, bomb := range []string{ // of expressions and of YAML
		strings.Repeat("(", 5000), strings.Repeat("[", 5000), strings.Repeat("!", 5000) + "true", "1" + strings.Repeat("+1", 5000) + " == 2",
		strings.Repeat("[1].all(x, ", 200) + "true" + strings.Repeat(")", 200), strings.Repeat("cel.bind(x, ", 24) + "true" + strings.Repeat(", x)", 24),
		strings.Repeat("9", 20_000) + " == 1", `"a".matches("(` + strings.Repeat("a*", 500) + `)*b")`,
	} {
		f.Add("id: x\nobject: deal\nevent: {type: created}\nwhen: '" + bomb + "'\nadvocate_event: {key: k}\n")
	}
	f.Add("a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d]\n")
	f.Add(strings.Repeat("[", 20_000))
	f.Add(strings.Repeat("? ", 20_000))
	f.Add(strings.Repeat("a: b\n", 5000))
	f.Fuzz(func(t *testing.T, source string) {
		tr, err := trigger.Load([]byte(source), schema)
		if err != nil {
			mistakes, ok := errors.AsType[trigger.MistakesError](err)
			if !ok || len(mistakes) == 0 {
				t.Fatalf("%T: %v", err, err)
			}
			for _, m := range mistakes {
				if m.Problem == "" || m.Line < 0 || m.Column < 0 {
					t.Errorf("%+v", m)
				}
			}
			return
		}
		facts := facts(won())
		facts.Object.Type = bridge.ObjectDeal
		if _, err := tr.Decide(facts); err != nil {
			t.Error(err)
		}
		tr.Watches()
	})
}
