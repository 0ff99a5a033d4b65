package portal

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/hubspot/hubspottest"
)

const routeList = "GET /crm/objects/" + hubspot.Version + "/contacts"

// Some records make HubSpot fail wherever they turn up. The list is read around them,
// and says what it left out.
func TestStandin_listIsReadAroundRecordsThatHubSpotCannotShow(t *testing.T) {
	dense := make([]string, 250)
	for i := range dense {
		dense[i] = fmt.Sprint(508_000_000_001 + i)
	}
	sparse := []string{"17", "900", "70000", "508000000001", "508000000044", "9000000000000"}
	type lost = []bridge.Unlisted
	tests := map[string]struct {
		ids  []string
		bad  []string
		lost lost
		most int // calls
	}{
		"none":                     {ids: dense, most: 3},
		"the very first":           {dense, dense[:1], lost{{To: "508000000002"}}, 130},
		"the second":               {dense, dense[1:2], lost{{From: "508000000002", To: "508000000003"}}, 60},
		"one in the middle":        {dense, dense[120:121], lost{{From: "508000000121", To: "508000000122"}}, 60},
		"the last":                 {dense, dense[249:], lost{{From: "508000000250", To: "508000000251"}}, 140},
		"one after another":        {dense, dense[7:10], lost{{From: "508000000008", To: "508000000011"}}, 60},
		"one here and one there":   {dense, []string{dense[3], dense[200]}, lost{{From: "508000000004", To: "508000000005"}, {From: "508000000201", To: "508000000202"}}, 110},
		"one among a few":          {sparse, sparse[2:3], lost{{From: "70000", To: "70001"}}, 40},
		"the first of a few":       {sparse, sparse[:1], lost{{To: "18"}}, 40},
		"the last of a few":        {sparse, sparse[5:], lost{{From: "9000000000000", To: "9000000000001"}}, 120},
		"a new one and an old one": {sparse, []string{"900", "508000000001"}, lost{{From: "900", To: "901"}, {From: "508000000001", To: "508000000002"}}, 60},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			withStandin(t, &window{}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
				for _, id := range tt.ids {
					seed(t, crm, id)
				}
				for _, id := range tt.bad {
					crm.Host().Inject(hubspottest.Fault{Route: routeList, Status: http.StatusInternalServerError, Times: -1, Shows: `"id":"` + id + `"`})
				}
				ctx := WithTries(t.Context(), suspectFrom)
				var listed []string
				var left lost
				for after, pages := "", 0; ; pages++ {
					page, err := p.ListContacts(ctx, false, after)
					if err != nil {
						t.Fatal(err)
					}
					for _, c := range page.Contacts {
						listed = append(listed, c.ID)
					}
					if page.Unlisted != nil {
						left = append(left, *page.Unlisted)
					}
					if after = page.After; after == "" {
						break
					}
				}
				want := slices.DeleteFunc(slices.Clone(tt.ids), func(id string) bool { return slices.Contains(tt.bad, id) })
				if diff := cmp.Diff(want, listed); diff != "" {
					t.Errorf("listed (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.lost, left); diff != "" {
					t.Errorf("left out (-want +got):\n%s", diff)
				}
				if made := crm.Host().Counts().Calls[routeList]; made > tt.most {
					t.Errorf("%d calls, want at most %d", made, tt.most)
				}
			})
		})
	}
}

// While the list as a whole fails, no record is to blame, and little is asked. The list
// is given up only where that lasts.
func TestStandin_listIsGivenUpLateWhereItFailsAsAWhole(t *testing.T) {
	for name, tt := range map[string]struct {
		tries int
		calls int
		want  *bridge.Unlisted
	}{
		"at first":          {1, 1, nil},
		"after a few tries": {suspectFrom, 2, nil},
		"just short of it":  {convictFrom - 1, 2, nil},
		"in the end":        {convictFrom, 2, &bridge.Unlisted{From: "5"}},
	} {
		t.Run(name, func(t *testing.T) {
			withStandin(t, &window{}, func(t *testing.T, p *Portal, crm *hubspottest.Portal) {
				seed(t, crm, "7")
				crm.Host().Inject(hubspottest.Fault{Route: routeList, Status: http.StatusInternalServerError, Times: -1})
				page, err := p.ListContacts(WithTries(t.Context(), tt.tries), false, "5")
				if bridge.KindOf(err) == bridge.Unavailable != (tt.want == nil) {
					t.Errorf("error %v", err)
				}
				if diff := cmp.Diff(tt.want, page.Unlisted); diff != "" {
					t.Errorf("left out (-want +got):\n%s", diff)
				}
				if made := crm.Host().Counts().Calls[routeList]; made != tt.calls {
					t.Errorf("%d calls, want %d", made, tt.calls)
				}
			})
		})
	}
}
