package model

import (
	"testing"

	"advocatesync/internal/bridge"
)

// Plans that broke a rule once.
func TestKnown(t *testing.T) {
	t.Parallel()
	tests := map[string][]step{
		"ids that name nobody are written on a contact, and nobody tells": {
			{create, 0, 0, 0, nil},
			{remap, 0, 0, 2, nil},
			{loseNews, 0, 4, 0, nil},
		},
		"staff removes the participant of a contact that was restored, and the news is told again": {
			{create, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{archive, 0, 0, 0, nil},
			{restore, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{removeByStaff, 0, 7, 0, nil},
		},
		"a contact is restored whose participant staff has deleted for good, and the news is told again": {
			{create, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{removeByStaff, 0, 7, 0, nil},
			{archive, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{restore, 0, 0, 0, nil},
		},
		"a report maps a contact while its own life makes another participant": {
			{join, 2, 0, 0, nil},
			{form, 2, 0, 0, nil},
			{setCode, 0, 5, 0, nil},
			{redeliver, 0, 0, 0, nil},
			{live, 0, 0, 0, []interruption{{4, step{failCall, 0, 0, 0, nil}}, {6, step{report, 0, 0, 0, nil}}}},
		},
		"the ids on the survivor of a merge are half changed before the merge is followed": {
			{report, 0, 0, 0, []interruption{{1, step{form, 1, 0, 0, nil}}}},
			{quiet, 0, 0, 0, nil},
			{join, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{mergeContacts, 1, 0, 0, nil},
			{remap, 0, 0, 0, nil},
		},
		"an email leads to a participant that was erased under another email": {
			{join, 0, 0, 0, nil},
			{readdress, 0, 1, 0, nil},
			{quiet, 0, 0, 0, nil},
			{create, 0, 0, 0, nil},
			{erase, 0, 0, 0, nil},
			{report, 0, 0, 0, []interruption{{5, step{removeByStaff, 0, 0, 0, nil}}}},
		},
		"a cookie that Advocate does not take is left out": {
			{join, 0, 0, 0, nil},
			{form, 0, 0, 0, nil},
			{deliver, 0, 3, 0, nil},
			{live, 0, 0, 0, nil},
			{setCookie, 0, 5, 0, nil},
		},
		"the news of an erasure comes after the deletion has been carried out": {
			{create, 0, 0, 0, nil},
			{setEmail, 0, 6, 0, nil},
			{quiet, 0, 0, 0, nil},
			{remap, 0, 0, 7, nil},
			{erase, 0, 0, 0, nil},
			{setRules, 0, 0, 0, nil},
			{deliver, 4, 2, 0, nil},
			{live, 5, 6, 1, nil},
			{ninetyDays, 4, 6, 6, nil},
			{join, 5, 6, 3, nil},
		},
		"a participant is made anew for another contact, and a merge leaves it": {
			{create, 6, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{archive, 0, 0, 0, nil},
			{create, 0, 0, 0, nil},
			{create, 2, 0, 0, nil},
			{create, 1, 0, 0, nil},
			{quiet, 3, 1, 0, nil},
			{create, 3, 1, 5, nil},
			{mergeContacts, 7, 3, 7, nil},
		},
		"a participant that an email led to is re-mapped at once, and the contact erased": {
			{join, 6, 0, 0, nil},
			{join, 0, 0, 0, nil},
			{create, 2, 0, 0, nil},
			{report, 0, 0, 0, nil},
			{remap, 0, 1, 2, nil},
			{deliver, 0, 0, 0, nil},
			{live, 0, 6, 6, nil},
			{erase, 4, 5, 7, nil},
		},
		"a contact that shares a participant is erased while its deletion only unmaps it": {
			{join, 1, 0, 0, nil},
			{join, 0, 0, 0, nil},
			{report, 0, 0, 0, nil},
			{remap, 0, 0, 2, nil},
			{ninetyDays, 0, 0, 0, nil},
			{archive, 0, 0, 6, nil},
			{deliver, 1, 0, 5, nil},
			{live, 2, 5, 4, []interruption{{6, step{erase, 0, 2, 3, nil}}}},
		},
		"an erasure is given up that met a report standing still": {
			{join, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{newCode, 0, 0, 0, nil},
			{erase, 0, 0, 0, nil},
			{massSync, 0, 0, 0, []interruption{{5, step{deliver, 0, 3, 0, nil}}}},
			{report, 0, 0, 0, []interruption{{6, step{live, 0, 0, 0, nil}}}},
		},
		"a merge left a participant, and its survivor is gone for ninety days": {
			{join, 5, 0, 0, nil},
			{join, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{mergeContacts, 1, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{archive, 0, 0, 0, nil},
			{ninetyDays, 0, 0, 0, nil},
		},
		"the survivor of a merge goes to the recycle bin before the merge is followed": {
			{join, 0, 0, 0, nil},
			{create, 6, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{mergeContacts, 0, 5, 0, nil},
			{archive, 0, 0, 0, nil},
			{deliver, 1, 3, 0, nil},
			{live, 2, 0, 6, nil},
		},
		"the survivor of a merge is erased": {
			{create, 0, 0, 0, nil},
			{create, 1, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{mergeContacts, 0, 1, 0, nil},
			{erase, 2, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{join, 1, 6, 0, nil},
			{report, 0, 0, 0, nil},
		},
		"the survivor of two merges is erased long after the first": {
			{create, 0, 0, 0, nil},
			{create, 1, 0, 0, nil},
			{create, 2, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{mergeContacts, 0, 1, 0, nil},
			{quiet, 0, 0, 0, nil},
			{ninetyDays, 0, 0, 0, nil},
			{mergeContacts, 2, 3, 0, nil},
			{quiet, 0, 0, 0, nil},
			{erase, 4, 0, 0, nil},
		},
		"an erased person whom staff had removed from Advocate joins again": {
			{join, 3, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{erase, 0, 0, 0, nil},
			{removeByStaff, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{join, 7, 0, 0, nil},
		},
		"a person maps a contact to a participant that goes and comes back": {
			{create, 1, 0, 0, nil},
			{join, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{archive, 0, 0, 0, nil},
			{remap, 5, 7, 2, nil},
			{create, 1, 0, 0, nil},
			{deliver, 0, 6, 7, nil},
			{live, 5, 2, 6, nil},
		},
		"an email changes, staff removes the participant, the contact is erased, the old email comes back": {
			{form, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{setEmail, 0, 1, 0, nil},
			{quiet, 0, 0, 0, nil},
			{removeByStaff, 0, 0, 0, nil},
			{erase, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{form, 0, 0, 0, nil},
		},
		"a contact that a report found by email goes before it is written to": {
			{join, 1, 0, 0, nil},
			{create, 1, 0, 0, nil},
			{report, 0, 0, 0, []interruption{{7, step{archive, 0, 0, 0, nil}}}},
		},
		"a report makes a participant's contact while the contact's own life makes another participant": {
			{create, 2, 0, 0, nil},
			{deliver, 0, 7, 0, nil},
			{join, 2, 0, 0, nil},
			{report, 0, 0, 0, []interruption{{7, step{live, 0, 0, 0, nil}}}},
		},
		"a report brings news of a participant while a person maps the contact to another one": {
			{form, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{join, 0, 6, 0, nil},
			{newCode, 0, 0, 0, nil},
			{remap, 0, 1, 2, nil},
			{report, 0, 0, 0, nil},
		},
		"contacts are merged before anything is known of them": {
			{create, 0, 0, 0, nil},
			{create, 4, 0, 0, nil},
			{mergeContacts, 1, 0, 0, nil},
		},
		"an email leads to a participant that the erased person was not mapped to": {
			{join, 0, 6, 0, nil},
			{report, 0, 0, 0, nil},
			{erase, 0, 0, 0, nil},
			{join, 0, 0, 0, nil},
			{report, 0, 0, 0, nil},
		},
		"a contact takes an erased person's email, and is deleted": {
			{create, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{erase, 0, 0, 0, nil},
			{join, 0, 6, 0, nil},
			{report, 0, 0, 0, nil},
			{archive, 1, 0, 0, nil},
		},
		"HubSpot fails on the only record of a report's page": {
			{create, 0, 0, 0, nil},
			{deliver, 0, 3, 0, nil},
			{live, 0, 0, 0, nil},
			{newCode, 0, 0, 0, nil},
			{report, 0, 0, 0, []interruption{{3, step{poison, 0, 0, 0, nil}}}},
		},
		"another contact gets the latest email of a deleted contact, of which Advocate never heard": {
			{join, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{setEmail, 0, 6, 0, nil},
			{archive, 0, 0, 0, nil},
			{form, 1, 0, 0, nil},
		},
		"a contact is restored while its deletion is carried out": {
			{form, 0, 1, 3, nil},
			{quiet, 0, 0, 0, nil},
			{setCode, 0, 0, 0, nil},
			{archive, 0, 0, 0, nil},
			{deliver, 0, 3, 0, nil},
			{live, 0, 0, 0, []interruption{{5, step{restore, 0, 0, 0, nil}}}},
		},
		"HubSpot fails for a day over a contact in the recycle bin": {
			{create, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{archive, 0, 0, 0, nil},
			{deliver, 0, 7, 0, nil},
			{live, 0, 0, 0, []interruption{{1, step{poison, 0, 0, 0, nil}}}},
			{quiet, 0, 0, 0, nil},
		},
		"only the deletion is told of an erased contact, and ninety days pass": {
			{create, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{erase, 0, 0, 0, nil},
			{loseNews, 0, 4, 0, nil},
			{ninetyDays, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
		},
		"nobody tells that a contact was erased that loses its participant by another one's erasure": {
			{create, 0, 0, 0, nil},
			{create, 1, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{remap, 1, 0, 2, nil},
			{quiet, 0, 0, 0, nil},
			{erase, 1, 0, 0, nil},
			{loseNews, 0, 8, 0, nil},
			{erase, 0, 0, 0, nil},
			{deliver, 0, 8, 0, nil},
			{live, 0, 0, 0, nil},
		},
		"nobody tells that a contact was erased whose participant staff had removed": {
			{create, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{removeByStaff, 0, 0, 0, nil},
			{reconcile, 0, 0, 0, nil},
			{erase, 0, 0, 0, nil},
			{loseNews, 0, 8, 0, nil},
		},
		"nobody tells that contacts without a participant are deleted or merged": {
			{setRules, 0, 0, 0, nil},
			{create, 0, 0, 0, nil},
			{create, 1, 0, 0, nil},
			{create, 2, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{archive, 2, 0, 0, nil},
			{mergeContacts, 0, 1, 0, nil},
			{loseNews, 0, 8, 0, nil},
			{ninetyDays, 0, 0, 0, nil},
		},
		"an import goes by the page while a participant joins and another contact is erased": {
			{create, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{join, 2, 0, 0, nil},
			{importContacts, 1, 3, 0, nil},
			{erase, 0, 0, 0, nil},
			{deliver, 0, 8, 0, nil},
			{page, 0, 0, 0, nil},
		},
		"an import is deleted by the page, and one of its contacts restored": {
			{importContacts, 0, 2, 0, nil},
			{deliver, 0, 8, 0, nil},
			{page, 0, 0, 0, nil},
			{archive, 0, 0, 0, nil},
			{archive, 1, 0, 0, nil},
			{archive, 2, 0, 0, nil},
			{restore, 1, 0, 0, nil},
			{deliver, 0, 8, 0, nil},
			{page, 0, 0, 0, nil},
		},
		"a contact gets an erased person's email beside its own": {
			{create, 0, 0, 0, nil},
			{create, 1, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{erase, 0, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{addEmail, 1, 0, 0, nil},
		},
		"staff deletes a participant for good, and a person maps the contact to another one": {
			{join, 1, 0, 0, nil},
			{form, 0, 0, 0, nil},
			{report, 0, 0, 0, nil},
			{removeByStaff, 0, 7, 0, nil},
			{wipeIDs, 1, 0, 0, nil},
			{quiet, 0, 0, 0, nil},
			{remap, 1, 0, 2, nil},
		},
	}
	l := newLab(t)
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			p := plan{rules: bridge.DefaultRules, steps: steps}
			if rule := l.world(t, p).run(p); rule != "" {
				t.Error(rule)
			}
		})
	}
}

// Those that need a HubSpot that does not show new contacts at once.
func TestKnown_late(t *testing.T) {
	t.Parallel()
	tests := map[string]plan{
		"the answer to a contact's making is lost, and HubSpot does not show it yet": {rules: bridge.DefaultRules, lag: 2, steps: []step{
			{join, 0, 0, 0, nil},
			{report, 0, 0, 0, []interruption{{7, step{loseAnswer, 0, 0, 0, nil}}}},
		}},
		"a contact goes whose participant another has that HubSpot does not show yet": {rules: bridge.DefaultRules, lag: 3, steps: []step{
			{create, 0, 0, 0, nil},
			{deliver, 0, 3, 0, nil},
			{live, 0, 0, 0, []interruption{{2, step{form, 1, 0, 0, nil}}}},
			{erase, 3, 0, 0, nil},
			{join, 1, 0, 7, nil},
			{quiet, 3, 4, 1, nil},
			{create, 4, 5, 0, nil},
			{remap, 4, 5, 3, nil},
			{quiet, 4, 3, 0, nil},
			{archive, 0, 3, 5, nil},
		}},
	}
	l := newLab(t)
	for name, p := range tests {
		t.Run(name, func(t *testing.T) {
			if rule := l.world(t, p).run(p); rule != "" {
				t.Error(rule)
			}
		})
	}
}
