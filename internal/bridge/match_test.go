package bridge_test

import (
	"testing"

	"advocatesync/internal/bridge"
)

func TestMatchParticipant(t *testing.T) {
	t.Parallel()
	member := func(id string) bridge.Participant { return bridge.Participant{AccountID: id, UserID: id} }
	first, second := member("ann@example.com"), member("member-7")
	tests := map[string]struct {
		byID    *bridge.Participant
		byEmail []bridge.Participant
		taken   []bridge.Identity
		match   bridge.Match
		want    bridge.Participant
	}{
		"nobody has the email": {
			match: bridge.MatchNone,
		},
		"the ids are the email": {
			byID: &first, byEmail: []bridge.Participant{first},
			match: bridge.MatchFound, want: first,
		},
		"the ids are the email, and the email changed since": {
			byID: &first, match: bridge.MatchFound, want: first,
		},
		"one has the email under other ids": {
			byEmail: []bridge.Participant{second},
			match:   bridge.MatchFound, want: second,
		},
		"several have the email, and the ids of one are the email": {
			byID: &first, byEmail: []bridge.Participant{first, second},
			match: bridge.MatchFound, want: first,
		},
		"several have the email under other ids": {
			byEmail: []bridge.Participant{second, member("member-8")},
			match:   bridge.MatchAmbiguous,
		},
		"the one with the ids belongs to another contact": {
			byID: &first, byEmail: []bridge.Participant{first, second}, taken: []bridge.Identity{first.Identity()},
			match: bridge.MatchTaken, want: first,
		},
		"the one with the email belongs to another contact": {
			byEmail: []bridge.Participant{second}, taken: []bridge.Identity{second.Identity()},
			match: bridge.MatchTaken, want: second,
		},
		"another one that has the email belongs to another contact": {
			byID: &first, byEmail: []bridge.Participant{first, second}, taken: []bridge.Identity{second.Identity()},
			match: bridge.MatchFound, want: first,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			match, participant := bridge.MatchParticipant(tt.byID, tt.byEmail, tt.taken)
			if match != tt.match || participant != tt.want {
				t.Errorf("MatchParticipant() = %s %+v, want %s %+v", match, participant, tt.match, tt.want)
			}
		})
	}
}

func TestMatchContact(t *testing.T) {
	t.Parallel()
	id, other := bridge.Identity{AccountID: "acc", UserID: "usr"}, bridge.Identity{AccountID: "acc2", UserID: "usr2"}
	tests := map[string]struct {
		contact *bridge.Contact
		owner   bridge.Identity
		want    bridge.Match
	}{
		"nobody has the email":                                     {nil, bridge.Identity{}, bridge.MatchNone},
		"a contact has the email and names nobody":                 {ann, bridge.Identity{}, bridge.MatchFound},
		"a contact has the email and names the participant":        {named("acc", "usr"), bridge.Identity{}, bridge.MatchFound},
		"a contact has the email and is mapped to the participant": {ann, id, bridge.MatchFound},
		"a contact has the email and is mapped to another":         {ann, other, bridge.MatchTaken},
		"a contact has the email and names another":                {named("acc2", "usr2"), bridge.Identity{}, bridge.MatchTaken},
		"a contact has the email and names half of another":        {named("acc2", "usr"), id, bridge.MatchTaken},
		"a contact has the email and names half of nobody":         {named("", "usr"), bridge.Identity{}, bridge.MatchTaken},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := bridge.MatchContact(id, tt.contact, tt.owner); got != tt.want {
				t.Errorf("MatchContact() = %s, want %s", got, tt.want)
			}
		})
	}
}
