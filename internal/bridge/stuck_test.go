package bridge_test

import (
	"strings"
	"testing"
	"time"

	"advocatesync/internal/bridge"
)

func TestStuck_namesWhatStandsStillForTooLong(t *testing.T) {
	t.Parallel()
	around := bridge.Surroundings{ReportInterval: time.Minute}
	tests := map[string]struct {
		open  bridge.OpenWork
		stuck bool
	}{
		"an event that came this second":                {bridge.OpenWork{Work: bridge.WorkHubSpotEvents, Count: 1, Idle: time.Second}, false},
		"an event that nobody passes on":                {bridge.OpenWork{Work: bridge.WorkHubSpotEvents, Count: 1, Idle: 2 * time.Minute}, true},
		"no event":                                      {bridge.OpenWork{Work: bridge.WorkHubSpotEvents, Idle: time.Hour}, false},
		"a trigger's event that nobody takes":           {bridge.OpenWork{Work: bridge.WorkTriggerEvents, Count: 3, Idle: time.Hour}, true},
		"a report that ended a minute ago":              {bridge.OpenWork{Work: bridge.WorkReport, Step: bridge.StepStart, Count: 1, Idle: time.Minute}, false},
		"no report for half an hour":                    {bridge.OpenWork{Work: bridge.WorkReport, Step: bridge.StepStart, Count: 1, Idle: time.Hour / 2}, true},
		"an export that does not come":                  {bridge.OpenWork{Work: bridge.WorkReport, Step: bridge.StepExport, Count: 1, Idle: time.Hour / 2}, true},
		"pages that nobody writes":                      {bridge.OpenWork{Work: bridge.WorkMassSync, Step: bridge.StepPages, Count: 1, Idle: time.Hour / 2}, true},
		"a file with everybody in it":                   {bridge.OpenWork{Work: bridge.WorkMassSync, Step: bridge.StepExport, Count: 1, Idle: time.Hour / 3}, false},
		"a mass sync paused for lunch":                  {bridge.OpenWork{Work: bridge.WorkMassSync, Step: bridge.StepOperator, Count: 1, Idle: time.Hour / 2}, false},
		"a mass sync paused since yesterday":            {bridge.OpenWork{Work: bridge.WorkMassSync, Step: bridge.StepOperator, Count: 1, Idle: 24 * time.Hour}, true},
		"a reconcile that reads everybody":              {bridge.OpenWork{Work: bridge.WorkReconcile, Step: bridge.StepExport, Count: 1, Idle: time.Hour}, false},
		"a reconcile that does not repair":              {bridge.OpenWork{Work: bridge.WorkReconcile, Step: bridge.StepPages, Count: 1, Idle: time.Hour}, true},
		"a contact that a vendor keeps waiting":         {bridge.OpenWork{Work: bridge.WorkContacts, Count: 1, Idle: time.Hour}, true},
		"a switch that does not go on":                  {bridge.OpenWork{Work: bridge.WorkProgramSwitch, Step: "archiving", Count: 1, Idle: time.Hour}, true},
		"a conversion that nobody sends":                {bridge.OpenWork{Work: bridge.WorkConversions, Count: 1, Idle: time.Hour}, true},
		"a verdict that takes the night":                {bridge.OpenWork{Work: bridge.WorkVerdicts, Count: 1, Idle: 12 * time.Hour}, false},
		"a verdict that does not come":                  {bridge.OpenWork{Work: bridge.WorkVerdicts, Count: 1, Idle: 48 * time.Hour}, true},
		"deletions that nobody approves":                {bridge.OpenWork{Work: bridge.WorkDeletionApprovals, Count: 12, Idle: time.Hour}, true},
		"conversions that nobody approves":              {bridge.OpenWork{Work: bridge.WorkTriggerApprovals, Count: 30, Idle: time.Hour}, true},
		"an erasure that HubSpot does not bear out yet": {bridge.OpenWork{Work: bridge.WorkErasures, Count: 1, Idle: time.Hour}, false},
		"an erasure that fails all night":               {bridge.OpenWork{Work: bridge.WorkErasures, Count: 1, Idle: 12 * time.Hour}, true},
		"a retry that nobody works on":                  {bridge.OpenWork{Work: bridge.WorkParkedRetry, Step: bridge.StepPages, Count: 1, Idle: time.Hour}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := bridge.Stuck(bridge.Connection{Status: bridge.StatusActive}, around, []bridge.OpenWork{tt.open})
			if (len(got) == 1) != tt.stuck {
				t.Fatalf("stuck: %+v, want it to be %t", got, tt.stuck)
			}
			for _, s := range got {
				if s.Blocker == "" || !strings.HasSuffix(s.Advice, ".") {
					t.Errorf("waits for %q, advice %q", s.Blocker, s.Advice)
				}
			}
		})
	}
}

func TestStuck_reportsMayBeRare(t *testing.T) {
	t.Parallel()
	open := []bridge.OpenWork{{Work: bridge.WorkReport, Step: bridge.StepStart, Count: 1, Idle: 50 * time.Minute}}
	if got := bridge.Stuck(bridge.Connection{}, bridge.Surroundings{ReportInterval: time.Hour}, open); len(got) != 0 {
		t.Errorf("stuck between two reports: %+v", got)
	}
}

func TestStuck_blamesWhatStopsTheWholeConnectionFirst(t *testing.T) {
	t.Parallel()
	pages := bridge.OpenWork{Work: bridge.WorkReport, Step: bridge.StepPages, Count: 1, Idle: time.Hour}
	tests := map[string]struct {
		connection bridge.Connection
		around     bridge.Surroundings
		open       bridge.OpenWork
		blocker    string
		advice     string
	}{
		"an operator's pause": {bridge.Connection{PausedAt: time.Now(), Status: bridge.StatusUnauthorized}, bridge.Surroundings{}, pages, "paused", "connection resume"},
		"a vendor elsewhere":  {bridge.Connection{Status: bridge.StatusMisdirected, StatusReason: "HubSpot: 488"}, bridge.Surroundings{}, pages, "HubSpot: 488", "HUBSPOT_BASE_URL"},
		"refused credentials": {bridge.Connection{Status: bridge.StatusUnauthorized, StatusReason: "HubSpot: 401"}, bridge.Surroundings{}, pages, "HubSpot: 401", "starter connect"},
		"HubSpot's silence":   {bridge.Connection{}, bridge.Surroundings{HubSpotPause: 90 * time.Second}, pages, "1m30s", "by itself"},
		"silence does not stop an export": {
			bridge.Connection{}, bridge.Surroundings{HubSpotPause: time.Minute},
			bridge.OpenWork{Work: bridge.WorkReport, Step: bridge.StepExport, Count: 1, Idle: time.Hour}, "export from Advocate", "EXPORT_PATIENCE",
		},
		"the work itself": {bridge.Connection{}, bridge.Surroundings{}, pages, "pages", "worker"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := bridge.Stuck(tt.connection, tt.around, []bridge.OpenWork{tt.open})
			if len(got) != 1 || !strings.Contains(got[0].Blocker, tt.blocker) || !strings.Contains(got[0].Advice, tt.advice) {
				t.Errorf("%+v, want it to wait for %q with the advice %q", got, tt.blocker, tt.advice)
			}
		})
	}
}
