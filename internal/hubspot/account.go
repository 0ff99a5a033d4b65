package hubspot

import (
	"context"
	"net/http"
)

// Account describes the portal behind the access token.
type Account struct {
	PortalID int64  `json:"portalId"`    // also called hub id; the portalId of webhooks
	Type     string `json:"accountType"` // STANDARD, SANDBOX, DEVELOPER_TEST, APP_DEVELOPER
	TimeZone string `json:"timeZone"`    // IANA name; the daily quota returns at its midnight
	UIDomain string `json:"uiDomain"`
}

// AccountDetails reads the portal's own data: the cheapest check of a credential.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/account/account-information/get-account-details
func (c *Client) AccountDetails(ctx context.Context) (Account, error) {
	var out Account
	err := c.do(ctx, request{op: "hubspot.account_details", method: http.MethodGet,
		path: "/account-info/" + Version + "/details"}, &out)
	return out, err
}
