package activities

import (
	"context"
	"fmt"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/portal"
)

// dryRunPortal is a portal that is read but not written to: writes succeed, and
// count as the calls that they would take. It cannot predict what HubSpot would
// refuse.
type dryRunPortal struct{ HubSpot }

// CreateContacts creates nothing and returns made-up ids.
func (dryRunPortal) CreateContacts(ctx context.Context, _ bridge.Lane, writes []portal.Write) (map[string]portal.Result, error) {
	return pretend(ctx, writes, func(i int) string { return fmt.Sprintf("dry-run-%d", i) }), nil
}

// UpdateContacts changes nothing.
func (dryRunPortal) UpdateContacts(ctx context.Context, _ bridge.Lane, writes []portal.Write) (map[string]portal.Result, error) {
	return pretend(ctx, writes, func(i int) string { return writes[i].ContactID }), nil
}

func pretend(ctx context.Context, writes []portal.Write, contactID func(i int) string) map[string]portal.Result {
	portal.Pretend(ctx, (len(writes)+hubspot.MaxBatch-1)/hubspot.MaxBatch)
	results := make(map[string]portal.Result, len(writes))
	for i, write := range writes {
		results[write.Key] = portal.Result{ContactID: contactID(i)}
	}
	return results
}
