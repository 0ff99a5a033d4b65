package bridge_test

import (
	"testing"

	"advocatesync/internal/bridge"
)

// TestDecideParticipant reads like the guide's table of sharing rules,
// impact.com to HubSpot, followed by what it says about mass syncs.
func TestDecideParticipant(t *testing.T) {
	t.Parallel()
	onlyNew, onlyUpdated := bridge.Rules{ParticipantCreated: true}, bridge.Rules{ParticipantUpdated: true}

	tests := map[string]struct {
		snap bridge.ParticipantSnapshot
		want bridge.Plan
	}{
		"a new participant becomes a contact": {
			bridge.ParticipantSnapshot{New: true, HasEmail: true, Rules: onlyNew}, bridge.PlanMatchOrCreate},
		"a new participant is left alone where the rule for new ones is off": {
			bridge.ParticipantSnapshot{New: true, HasEmail: true, Rules: onlyUpdated}, bridge.PlanBlocked},
		"an updated, unmapped participant becomes a contact": {
			bridge.ParticipantSnapshot{HasEmail: true, Rules: onlyUpdated}, bridge.PlanMatchOrCreate},
		"an updated, unmapped participant is left alone where the rule for updates is off": {
			bridge.ParticipantSnapshot{HasEmail: true, Rules: onlyNew}, bridge.PlanBlocked},
		"an unmapped participant seen before, unchanged, costs nothing": {
			bridge.ParticipantSnapshot{HasEmail: true, Handled: true, Rules: allOn}, bridge.PlanUnchanged},
		"a participant without an email cannot become a contact": {
			bridge.ParticipantSnapshot{New: true, Rules: allOn}, bridge.PlanNoEmail},
		"an updated, mapped participant updates its contact, whatever the rules": {
			bridge.ParticipantSnapshot{Mapped: true, HasEmail: true, Rules: allOff}, bridge.PlanUpdate},
		"a mapped participant needs no email to update its contact": {
			bridge.ParticipantSnapshot{Mapped: true, Rules: allOff}, bridge.PlanUpdate},
		"a mapped participant whose contact is in step costs nothing": {
			bridge.ParticipantSnapshot{Mapped: true, InStep: true, HasEmail: true, Rules: allOn}, bridge.PlanUnchanged},
		"a mass sync takes every unmapped participant in by the rule for new ones": {
			bridge.ParticipantSnapshot{FullPass: true, HasEmail: true, Handled: true, Rules: onlyNew}, bridge.PlanMatchOrCreate},
		"a mass sync leaves unmapped participants alone where that rule is off": {
			bridge.ParticipantSnapshot{FullPass: true, HasEmail: true, Rules: onlyUpdated}, bridge.PlanBlocked},
		"a mass sync writes nothing to contacts in step": {
			bridge.ParticipantSnapshot{FullPass: true, Mapped: true, InStep: true, Rules: allOn}, bridge.PlanUnchanged},
		"a row older than the deletion of its participant does not bring the contact back": {
			bridge.ParticipantSnapshot{Deleted: true, HasEmail: true, FullPass: true, Rules: allOn}, bridge.PlanBlocked},
		"an erased person never becomes a contact again": {
			bridge.ParticipantSnapshot{Tombstone: true, New: true, HasEmail: true, Rules: allOn}, bridge.PlanBlocked},
		"an erased person is blocked even where a mapping was left": {
			bridge.ParticipantSnapshot{Tombstone: true, Mapped: true, FullPass: true, Rules: allOn}, bridge.PlanBlocked},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := bridge.DecideParticipant(tt.snap); got != tt.want {
				t.Errorf("DecideParticipant() = %s, want %s", got, tt.want)
			}
		})
	}
}
