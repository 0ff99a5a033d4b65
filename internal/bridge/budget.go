package bridge

import "time"

// Lane says whose work a HubSpot call is. Live work goes first: a token of the
// portal's budget that both want goes to the live lane.
type Lane string

const (
	LaneLive Lane = "live" // somebody waits for it: one contact's own workflow
	LaneBulk Lane = "bulk" // reports and mass syncs
)

// Grant is the budget's answer to one request for one HubSpot call.
type Grant struct {
	OK    bool          // the call may be made now
	Wait  time.Duration // !OK: ask again after this long
	Left  int           // calls still free in the current window
	Limit int           // calls a window has in all
}
