package advocate

import (
	"context"
	"net/http"
	"net/url"

	"advocatesync/internal/bridge"
)

// WebhookTypes are the webhooks that we want. Each of the others would carry
// people's data to us for nothing.
func WebhookTypes() []string { return []string{"user.created", "export.completed"} }

const upsertSubscription = `
mutation subscribe($subscription: WebhookSubscriptionInput!) {
  upsertWebhookSubscription(webhookSubscriptionInput: $subscription) { endpointUrl webhookTypes }
}`

// Subscribe has the tenant's webhooks of WebhookTypes sent to an address. An
// address has one subscription, so doing it again changes nothing.
//
// Source: SaaSquatch REST reference, POST subscription: it sends everything.
// GraphQL alone can choose; an entry with "~" in front takes one away.
func (c *Client) Subscribe(ctx context.Context, endpointURL, name string) error {
	const op = "advocate.subscribe"
	in := map[string]any{"endpointUrl": endpointURL, "name": name}
	if err := c.do(ctx, op, http.MethodPost, "/subscription", in, nil); err != nil {
		return err
	}
	in["webhookTypes"] = append(WebhookTypes(), "~*")
	var answer struct {
		Subscription *struct {
			EndpointURL string `json:"endpointUrl"`
		} `json:"upsertWebhookSubscription"`
	}
	if err := c.graphQL(ctx, op, upsertSubscription, map[string]any{"subscription": in}, &answer); err != nil {
		return err
	}
	if answer.Subscription == nil {
		return &bridge.Error{Kind: bridge.Unavailable, Op: op, Status: http.StatusOK, Code: "NO_ANSWER"}
	}
	return nil
}

// Unsubscribe ends what Subscribe began. No subscription is a not_found error.
func (c *Client) Unsubscribe(ctx context.Context, endpointURL string) error {
	return c.do(ctx, "advocate.unsubscribe", http.MethodDelete, "/subscription/"+url.PathEscape(endpointURL), nil, nil)
}
