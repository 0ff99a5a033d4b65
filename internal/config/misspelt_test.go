package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/config"
)

func TestMisspelt(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		environ []string
		want    []string
	}{
		"our own names are fine": {[]string{"HUBSPOT_CLIENT_SECRET=x", "DATABASE_URL=y"}, nil},
		"others are not our business": {
			[]string{"HOME=/root", "HUBSPOT_PORTAL=1", "TEMPORAL_ADDRESS=z", "=C:=drive"}, nil,
		},
		"a letter is missing": {
			[]string{"HUBSPOT_CLIENT_SECRT=x"},
			[]string{"HUBSPOT_CLIENT_SECRT is not a variable of ours; did you mean HUBSPOT_CLIENT_SECRET?"},
		},
		"two letters are swapped": {
			[]string{"REPROT_SYNC_INTERVAL=2s"},
			[]string{"REPROT_SYNC_INTERVAL is not a variable of ours; did you mean REPORT_SYNC_INTERVAL?"},
		},
		"a letter too many": {
			[]string{"DELETION_HOLDS=5s"},
			[]string{"DELETION_HOLDS is not a variable of ours; did you mean DELETION_HOLD?"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, config.Misspelt(tt.environ)); diff != "" {
				t.Errorf("warnings (-want +got)\n%s", diff)
			}
		})
	}
}

func TestMisspelt_knowsEveryVariableThatIsRead(t *testing.T) {
	t.Parallel()
	read := map[string]bool{}
	note := func(name string) string {
		read[name] = true
		return ""
	}
	// The environment is empty: only the names asked for are of interest.
	_, _ = config.LoadStarter(note)
	_, _ = config.LoadWorker(note)
	if len(read) < 10 {
		t.Fatalf("only %d variables read", len(read))
	}
	for name := range read {
		if warnings := config.Misspelt([]string{name + "X=1"}); len(warnings) != 1 {
			t.Errorf("a slip in %s gives %d warnings, want 1", name, len(warnings))
		}
		if warnings := config.Misspelt([]string{name + "=1"}); warnings != nil {
			t.Errorf("%s itself gives %v", name, warnings)
		}
	}
}
