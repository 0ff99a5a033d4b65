package hubspottest

import "net/http"

func (h *Host) accountRoutes() {
	h.versioned("/account-info", route{method: "GET", path: "/details", handle: accountDetails})
	h.fixed(route{method: "DELETE", path: "/appinstalls/" + current + "/external-install", handle: uninstall})
}

func accountDetails(c *call) reply {
	return ok(map[string]any{
		"portalId":              c.portal.id,
		"accountType":           "STANDARD",
		"timeZone":              "Etc/UTC",
		"companyCurrency":       "USD",
		"additionalCurrencies":  []string{},
		"utcOffset":             "+00:00",
		"utcOffsetMilliseconds": 0,
		"uiDomain":              "app.hubspot.com",
		"dataHostingLocation":   "na1",
	})
}

// uninstall removes the app from the portal: all its tokens die.
func uninstall(c *call) reply {
	c.host.oauth.revokePortal(c.portal.id)
	return reply{status: http.StatusNoContent}
}
