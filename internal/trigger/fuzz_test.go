package trigger_test

import (
	"errors"
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
