package bridge_test

import (
	"testing"

	"advocatesync/internal/bridge"
)

func TestRole_allowsItsOwnWorkAndLooking(t *testing.T) {
	t.Parallel()
	const viewer, operator, privacy, admin = bridge.RoleViewer, bridge.RoleOperator, bridge.RolePrivacy, bridge.RoleAdmin
	tests := map[bridge.Role]map[bridge.Role]bool{
		viewer:   {viewer: true, operator: false, privacy: false, admin: false},
		operator: {viewer: true, operator: true, privacy: false, admin: false},
		privacy:  {viewer: true, operator: false, privacy: true, admin: false},
		admin:    {viewer: true, operator: true, privacy: true, admin: true},
		"":       {viewer: false, operator: false, privacy: false, admin: false},
		"root":   {viewer: false, admin: false, "root": false},
	}
	for role, needs := range tests {
		for needed, want := range needs {
			if got := role.Allows(needed); got != want {
				t.Errorf("%q does what %q may: %t, want %t", role, needed, got, want)
			}
		}
	}
	if len(bridge.Roles()) != len(tests)-2 {
		t.Errorf("the table misses a role of %v", bridge.Roles())
	}
}
