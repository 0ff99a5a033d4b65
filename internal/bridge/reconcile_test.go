package bridge_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
)

// inStep is a pair that is as it should be.
func inStep(changes func(*bridge.ContactComparison)) bridge.ContactComparison {
	c := bridge.ContactComparison{
		Presence: bridge.PresenceLive, Names: bridge.NamesMapped, Mapped: true, State: bridge.StateMapped,
		ParticipantExists: true, NamedExists: true, SameValues: true, HasEmail: true, Rules: bridge.DefaultRules,
		InferredErased: bridge.InferredAsk,
	}
	changes(&c)
	return c
}

// unmapped is a live contact without a participant that nobody has decided about.
func unmapped(changes func(*bridge.ContactComparison)) bridge.ContactComparison {
	c := bridge.ContactComparison{
		Presence: bridge.PresenceLive, Names: bridge.NamesNone, HasEmail: true, ChangedSince: true, Rules: bridge.DefaultRules,
		InferredErased: bridge.InferredAsk,
	}
	changes(&c)
	return c
}

func TestCompareContact(t *testing.T) {
	t.Parallel()
	nothing := bridge.Finding{}
	for name, tt := range map[string]struct {
		c    bridge.ContactComparison
		want bridge.Finding
	}{
		"a pair in step": {inStep(func(*bridge.ContactComparison) {}), nothing},
		"other values, ids untouched": {inStep(func(c *bridge.ContactComparison) { c.SameValues = false }),
			bridge.Finding{Class: bridge.ClassContactValues, Repair: bridge.RepairPage}},
		"other values, but what we wrote after the export": {inStep(func(c *bridge.ContactComparison) { c.SameValues, c.NewerThanExport = false, true }), nothing},
		"wiped ids are put back by the contact's own life": {inStep(func(c *bridge.ContactComparison) { c.SameValues, c.Names = false, bridge.NamesNone }),
			bridge.Finding{Class: bridge.ClassContactValues, Repair: bridge.RepairHintResync}},
		"inputs that Advocate never got": {inStep(func(c *bridge.ContactComparison) { c.Unsent = true }),
			bridge.Finding{Class: bridge.ClassUnsentChanges, Repair: bridge.RepairHintUpdated}},
		"the participant names another contact": {inStep(func(c *bridge.ContactComparison) { c.WrongContactID = true }),
			bridge.Finding{Class: bridge.ClassWrongContactID, Repair: bridge.RepairHintResync}},
		"ids of another participant": {inStep(func(c *bridge.ContactComparison) { c.Names, c.SameValues = bridge.NamesOther, false }),
			bridge.Finding{Class: bridge.ClassIDsEdited, Repair: bridge.RepairHintUpdated}},
		"half a pair that waits for a person already": {inStep(func(c *bridge.ContactComparison) { c.Names, c.Parked = bridge.NamesHalf, true }),
			bridge.Finding{Class: bridge.ClassIDsEdited, Repair: bridge.RepairNone}},
		"half a pair that was edited again": {inStep(func(c *bridge.ContactComparison) { c.Names, c.Parked, c.ChangedSince = bridge.NamesHalf, true, true }),
			bridge.Finding{Class: bridge.ClassIDsEdited, Repair: bridge.RepairHintUpdated}},
		"its participant is gone": {inStep(func(c *bridge.ContactComparison) { c.ParticipantExists, c.SameValues = false, false }),
			bridge.Finding{Class: bridge.ClassParticipantGone, Repair: bridge.RepairHintResync}},
		"its participant is gone for good, and it is marked": {inStep(func(c *bridge.ContactComparison) {
			c.ParticipantExists, c.SameValues, c.State = false, false, bridge.StateDoNotTrack
		}), nothing},
		"mapped, and in the recycle bin": {inStep(func(c *bridge.ContactComparison) { c.Presence = bridge.PresenceArchived }),
			bridge.Finding{Class: bridge.ClassDeletedContact, Repair: bridge.RepairHintDeleted}},
		"never synced, and in the recycle bin": {unmapped(func(c *bridge.ContactComparison) { c.Presence = bridge.PresenceArchived }), nothing},
		"unmapped and recognised, and in the recycle bin": {unmapped(func(c *bridge.ContactComparison) {
			c.Presence, c.Recognised, c.State = bridge.PresenceArchived, true, bridge.StateParked
		}), bridge.Finding{Class: bridge.ClassDeletedContact, Repair: bridge.RepairHintDeleted}},
		"deleted, and in the recycle bin": {unmapped(func(c *bridge.ContactComparison) {
			c.Presence, c.Recognised, c.State = bridge.PresenceArchived, true, bridge.StateDeleted
		}), nothing},
		"unmapped and recognised, and merged away": {unmapped(func(c *bridge.ContactComparison) {
			c.Presence, c.Recognised, c.State = bridge.PresenceMerged, true, bridge.StateNotShared
		}), bridge.Finding{Class: bridge.ClassMergedContact, Repair: bridge.RepairHintMerged}},
		"mapped, and merged away": {inStep(func(c *bridge.ContactComparison) { c.Presence = bridge.PresenceMerged }),
			bridge.Finding{Class: bridge.ClassMergedContact, Repair: bridge.RepairHintMerged}},
		"gone without a trace": {inStep(func(c *bridge.ContactComparison) { c.Presence = bridge.PresenceMissing }),
			bridge.Finding{Class: bridge.ClassVanishedContact, Repair: bridge.RepairPark}},
		"gone without a trace, while it waits for a person about something else": {inStep(func(c *bridge.ContactComparison) {
			c.Presence, c.Parked = bridge.PresenceMissing, true
		}), bridge.Finding{Class: bridge.ClassVanishedContact, Repair: bridge.RepairPark}},
		"gone without a trace, which counts as an erasure": {inStep(func(c *bridge.ContactComparison) {
			c.Presence, c.InferredErased = bridge.PresenceMissing, bridge.InferredErase
		}), bridge.Finding{Class: bridge.ClassVanishedContact, Repair: bridge.RepairHintErased}},
		"gone since before the recycle bin was emptied": {inStep(func(c *bridge.ContactComparison) {
			c.Presence, c.UnseenFor, c.InferredErased = bridge.PresenceMissing, 91*24*time.Hour, bridge.InferredErase
		}), bridge.Finding{Class: bridge.ClassDeletedContact, Repair: bridge.RepairHintDeleted}},
		"erased, and gone": {unmapped(func(c *bridge.ContactComparison) { c.Presence, c.State = bridge.PresenceMissing, bridge.StateErased }), nothing},
		"erased, and mapped still": {inStep(func(c *bridge.ContactComparison) { c.Presence, c.OwnErasure = bridge.PresenceMissing, true }),
			bridge.Finding{Class: bridge.ClassErasedPresent, Repair: bridge.RepairHintErased}},
		"somebody who was erased is in HubSpot again": {unmapped(func(c *bridge.ContactComparison) { c.PersonErased = true }),
			bridge.Finding{Class: bridge.ClassErasedPresent, Repair: bridge.RepairPark}},
		"a new contact":                        {unmapped(func(c *bridge.ContactComparison) { c.Young = true }), bridge.Finding{Class: bridge.ClassMissingParticipant, Repair: bridge.RepairHintCreated}},
		"a new contact, rule off":              {unmapped(func(c *bridge.ContactComparison) { c.Young, c.Rules.ContactCreated = true, false }), nothing},
		"a new contact without an email waits": {unmapped(func(c *bridge.ContactComparison) { c.Young, c.HasEmail = true, false }), nothing},
		"one that was there before us":         {unmapped(func(*bridge.ContactComparison) {}), nothing},
		"one that was there before us, with a referral since": {unmapped(func(c *bridge.ContactComparison) { c.HasInputs = true }),
			bridge.Finding{Class: bridge.ClassMissingParticipant, Repair: bridge.RepairHintUpdated}},
		"one that waited for an email and has one": {unmapped(func(c *bridge.ContactComparison) { c.State = bridge.StateAwaitingEmail }),
			bridge.Finding{Class: bridge.ClassMissingParticipant, Repair: bridge.RepairHintUpdated}},
		"one that a rule keeps out":                    {unmapped(func(c *bridge.ContactComparison) { c.State, c.Young = bridge.StateNotShared, true }), nothing},
		"one that a rule kept out, with another email": {unmapped(func(c *bridge.ContactComparison) { c.State, c.EmailChanged = bridge.StateNotShared, true }), bridge.Finding{Class: bridge.ClassMissingParticipant, Repair: bridge.RepairHintUpdated}},
		"restored, with the ids of what was deleted":   {unmapped(func(c *bridge.ContactComparison) { c.FormerDeleted, c.Names = true, bridge.NamesOther }), bridge.Finding{Class: bridge.ClassMissingParticipant, Repair: bridge.RepairHintRestored}},
		"restored, of a person whom Advocate does not take": {unmapped(func(c *bridge.ContactComparison) {
			c.FormerDeleted, c.Names, c.State = true, bridge.NamesOther, bridge.StateDoNotTrack
		}), nothing},
		"ids of a participant of this tenant":           {unmapped(func(c *bridge.ContactComparison) { c.Names, c.NamedExists = bridge.NamesOther, true }), bridge.Finding{Class: bridge.ClassMissingParticipant, Repair: bridge.RepairHintResync}},
		"ids of nobody in this tenant: a copied portal": {unmapped(func(c *bridge.ContactComparison) { c.Names = bridge.NamesOther }), bridge.Finding{Class: bridge.ClassForeignIDs, Repair: bridge.RepairPark}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, found := bridge.CompareContact(tt.c)
			if !found {
				got = nothing
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("finding (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompareParticipant(t *testing.T) {
	t.Parallel()
	missing := bridge.Finding{Class: bridge.ClassMissingContact, Repair: bridge.RepairPage}
	for name, tt := range map[string]struct {
		p    bridge.ParticipantComparison
		want bridge.Finding
	}{
		"new":                                    {bridge.ParticipantComparison{HasEmail: true, Young: true}, missing},
		"changed since a report has seen it":     {bridge.ParticipantComparison{HasEmail: true, Handled: true, Changed: true}, missing},
		"as a report has seen it":                {bridge.ParticipantComparison{HasEmail: true, Young: true, Handled: true}, bridge.Finding{}},
		"there before us: a mass sync's":         {bridge.ParticipantComparison{HasEmail: true}, bridge.Finding{}},
		"without an email":                       {bridge.ParticipantComparison{Young: true}, bridge.Finding{}},
		"its contact went":                       {bridge.ParticipantComparison{HasEmail: true, Young: true, Ended: true}, bridge.Finding{}},
		"its contact is being mapped":            {bridge.ParticipantComparison{HasEmail: true, Young: true, Named: true}, bridge.Finding{}},
		"it names somebody else's contact":       {bridge.ParticipantComparison{HasEmail: true, Contested: true}, bridge.Finding{Class: bridge.ClassContestedContact, Repair: bridge.RepairPark}},
		"a person who was erased is there again": {bridge.ParticipantComparison{HasEmail: true, Young: true, Erased: true}, bridge.Finding{Class: bridge.ClassErasedPresent, Repair: bridge.RepairNone}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.p.Rules = bridge.DefaultRules
			got, found := bridge.CompareParticipant(tt.p)
			if !found {
				got = bridge.Finding{}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("finding (-want +got):\n%s", diff)
			}
		})
	}
}
