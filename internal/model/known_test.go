package model

import (
	"testing"

	"advocatesync/internal/bridge"
)

// Plans that once broke a rule.
func TestKnown(t *testing.T) {
	t.Parallel()
	tests := map[string]plan{
		"debug": {bridge.DefaultRules, []step{
			{create, 7, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{setEmail, 0, 3, 0, nil},
			{erase, 0, 0, 0, nil},
			{create, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{create, 7, 0, 0, nil},
			{create, 1, 0, 0, nil},
			{mergeContacts, 6, 1, 0, nil},
		}},
	}
	l := newLab(t)
	for name, p := range tests {
		t.Run(name, func(t *testing.T) {
			w := l.world(t, p.rules)
			w.verbose = true
			if rule := w.run(p); rule != "" {
				t.Error(rule)
			}
		})
	}
}
