package hubspot

import (
	"context"
	"net/http"
	"strconv"

	"advocatesync/internal/lenient"
	"advocatesync/internal/outbound"
)

// Account describes the portal behind the access token.
type Account struct {
	PortalID int64  // also called hub id; the portalId of webhooks
	Type     string // STANDARD, SANDBOX, DEVELOPER_TEST, APP_DEVELOPER
	TimeZone string // IANA name; the daily quota returns at its midnight
	UIDomain string
	Currency string // ISO 4217, of amounts that name none; empty: HubSpot does not tell
}

// AccountDetails reads the portal's own data: the cheapest check of a credential.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/account/account-information/get-account-details
func (c *Client) AccountDetails(ctx context.Context) (Account, error) {
	const op = "hubspot.account_details"
	var out struct {
		PortalID lenient.Text `json:"portalId"`
		Type     lenient.Text `json:"accountType"`
		TimeZone lenient.Text `json:"timeZone"`
		UIDomain lenient.Text `json:"uiDomain"`
		Currency lenient.Text `json:"companyCurrency"`
	}
	if err := c.do(ctx, request{op: op, method: http.MethodGet, path: "/account-info/" + Version + "/details"}, &out); err != nil {
		return Account{}, err
	}
	id, err := strconv.ParseInt(out.PortalID.String(), 10, 64)
	if err != nil {
		return Account{}, outbound.Unreadable(op, http.StatusOK)
	}
	return Account{
		PortalID: id, Type: out.Type.String(), TimeZone: out.TimeZone.String(), UIDomain: out.UIDomain.String(), Currency: out.Currency.String(),
	}, nil
}
