package console

import (
	"bytes"
	"strings"
	"testing"

	"advocatesync/internal/api"
)

// What a dry run foretold stands beside what was done, also where it is nothing.
func TestMassSync_showsWhatWasForetold(t *testing.T) {
	t.Parallel()
	pages, err := parsePages("")
	if err != nil {
		t.Fatal(err)
	}
	view := massSyncViewOf(api.MassSync{Run: 2, MassSyncCounts: api.MassSyncCounts{Total: 360, Created: 199}, Predicted: &api.MassSyncPrediction{
		Run: 1, MassSyncCounts: api.MassSyncCounts{Total: 1360},
	}})
	var out bytes.Buffer
	if err := pages.render(&out, "mass_sync", "region", &view); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		`Participants in Advocate</th><td class="n">360</td><td class="n">1,360</td>`, `Contacts created</th><td class="n">199</td><td class="n">0</td>`,
	} {
		if !strings.Contains(out.String(), row) {
			t.Errorf("the page does not have %s:\n%s", row, out.String())
		}
	}
}
