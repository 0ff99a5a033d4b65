package operator_test

import (
	"testing"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot/hubspottest"
	"advocatesync/internal/wiring/wiringtest"
)

// Whoever asks learns whether lost webhooks are made up for, and what to do if not.
func TestConnectionStatus_saysWhetherTheJournalIsRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, s *wiringtest.System)
		want    bridge.JournalState
		reason  bool
	}{
		"nobody has read yet": {func(*testing.T, *wiringtest.System) {}, bridge.JournalIdle, false},
		"it is read":          {func(t *testing.T, s *wiringtest.System) { s.Ears(t) }, bridge.JournalFollowing, false},
		"the app lacks the scopes": {func(t *testing.T, s *wiringtest.System) {
			s.HubSpot.Journal().Tune(func(k *hubspottest.JournalKnobs) { k.Scopes = []string{} })
			if err := s.Ears(t).Journal.Pass(t.Context()); err == nil {
				t.Error("the journal is read without the scopes")
			}
		}, bridge.JournalMissingScopes, true},
		"it does not record for the portal": {func(t *testing.T, s *wiringtest.System) {
			s.Ears(t)
			s.Exec(t, "UPDATE journal_portal SET subscribed_at = NULL, problem = 'the app is not installed'")
		}, bridge.JournalNotRecorded, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := wiringtest.New(t)
			tt.prepare(t, s)
			status, err := s.Operator.ConnectionStatus(t.Context(), s.Connection)
			if err != nil {
				t.Fatal(err)
			}
			j := status.Journal
			if j.State != tt.want || (j.Reason != "") != tt.reason || (j.State.Advice() == "") != (tt.want == bridge.JournalFollowing) {
				t.Errorf("%+v, advice %q", j, j.State.Advice())
			}
		})
	}
}
