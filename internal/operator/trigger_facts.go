package operator

import (
	"context"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/portal"
)

// directly reads a portal for a person who waits: one call per question, without
// the batches and the budget of the workers.
type directly struct{ client *hubspot.Client }

// Object implements facts.HubSpot.
func (d directly) Object(ctx context.Context, t bridge.ObjectType, id string, props []string) (bridge.Object, error) {
	found, _, err := d.client.BatchReadObjects(ctx, t, []string{id}, props)
	if err != nil {
		return bridge.Object{}, err
	}
	o, shown := found[id]
	if !shown {
		return bridge.Object{}, &bridge.Error{Kind: bridge.NotFound, Op: "hubspot.batch_read_objects"}
	}
	return bridge.Object{Type: t, ID: o.ID, Properties: o.Properties, CreatedAt: o.CreatedAt}, nil
}

// ContactsOf implements facts.HubSpot.
func (d directly) ContactsOf(ctx context.Context, t bridge.ObjectType, id string) ([]string, error) {
	var ids []string
	for pages, more := (portal.Cursor{}), true; more; {
		page, err := d.client.BatchReadAssociations(ctx, t, bridge.ObjectContact, []hubspot.AssociationInput{{ID: id, After: pages.After}})
		if err != nil {
			return nil, err
		}
		ids = append(ids, page[id].IDs...)
		if more, err = pages.Next("hubspot.batch_read_associations", page[id].After); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// Submissions implements facts.HubSpot.
func (d directly) Submissions(ctx context.Context, form, after string) ([]hubspot.Submission, string, error) {
	return d.client.Submissions(ctx, form, after)
}

// Currency implements facts.HubSpot.
func (d directly) Currency(ctx context.Context) (string, error) {
	account, err := d.client.AccountDetails(ctx)
	return account.Currency, err
}
