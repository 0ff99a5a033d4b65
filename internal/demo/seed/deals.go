package seed

import (
	"context"
	"fmt"
	"net/http"

	"advocatesync/internal/advocate/advocatetest"
)

// WonDeals makes deals of one contact, and wins each of them.
func (v Vendors) WonDeals(ctx context.Context, deals int, contact string) error {
	const path = "/_admin/portals/default/objects/deals"
	for i := range deals {
		var made struct {
			ID string `json:"id"`
		}
		props := map[string]string{"dealname": fmt.Sprintf("Deal %d", i), "dealstage": "contractsent", "amount": fmt.Sprint(100 + i)}
		if err := ask(ctx, http.MethodPost, v.HubSpot+path, map[string]any{"properties": props}, &made); err != nil {
			return err
		}
		to := map[string]any{"to": map[string]any{"object_type": "contacts", "id": contact}}
		if err := ask(ctx, http.MethodPost, v.HubSpot+path+"/"+made.ID+"/associations", to, nil); err != nil {
			return err
		}
		won := map[string]any{"properties": map[string]string{"dealstage": "closedwon"}}
		if err := ask(ctx, http.MethodPatch, v.HubSpot+path+"/"+made.ID, won, nil); err != nil {
			return err
		}
	}
	return nil
}

// HoldWebhooks keeps HubSpot's webhooks back.
func (v Vendors) HoldWebhooks(ctx context.Context) error {
	return ask(ctx, http.MethodPost, v.HubSpot+"/_admin/webhooks/hold", nil, nil)
}

// ReleaseWebhooks sends those that were kept back, and all that come after.
func (v Vendors) ReleaseWebhooks(ctx context.Context) error {
	return ask(ctx, http.MethodPost, v.HubSpot+"/_admin/webhooks/release", nil, nil)
}

// AdvocateCounts returns what Advocate and impact.com were asked, by route.
func (v Vendors) AdvocateCounts(ctx context.Context) (map[string]advocatetest.Count, error) {
	var out struct {
		Routes map[string]advocatetest.Count `json:"routes"`
	}
	err := ask(ctx, http.MethodGet, v.Advocate+"/_admin/counts", nil, &out)
	return out.Routes, err
}
