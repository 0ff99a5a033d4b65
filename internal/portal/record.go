package portal

import (
	"context"
	"fmt"
	"sync"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

const (
	opObjectID = "hubspot.object"
	opAccount  = "hubspot.account_details"
)

// SurvivorID returns the id of the record that a record was merged into, which
// batches do not tell. A record that lives on under its own id has that one; one
// that is archived or gone is NotFound.
func (p *Portal) SurvivorID(ctx context.Context, t bridge.ObjectType, id string) (string, error) {
	found, err := call(ctx, p, &turn{lane: bridge.LaneLive}, opObjectID, true, func(ctx context.Context) (string, error) {
		return p.client.ObjectID(ctx, t, id)
	})
	if err != nil {
		return "", fmt.Errorf("portal %d: trace %s %s: %w", p.id, t, id, err)
	}
	return found, nil
}

// currencyAge is how long a portal's currency is taken for granted. Changing it is
// a matter of HubSpot's support and rare.
const currencyAge = 10 * time.Minute

// remembered is a portal's currency as it was last told.
type remembered struct {
	mu    sync.Mutex
	value string
	until time.Time
}

// Currency returns the portal's currency, of amounts that name none. It is empty
// if HubSpot does not tell.
func (p *Portal) Currency(ctx context.Context) (string, error) {
	p.currency.mu.Lock()
	defer p.currency.mu.Unlock() // those who ask meanwhile wait for the same answer
	if time.Now().Before(p.currency.until) {
		return p.currency.value, nil
	}
	account, err := call(ctx, p, &turn{lane: bridge.LaneLive}, opAccount, true, func(ctx context.Context) (hubspot.Account, error) {
		return p.client.AccountDetails(ctx)
	})
	if err != nil {
		return "", fmt.Errorf("portal %d: read its currency: %w", p.id, err)
	}
	p.currency.value, p.currency.until = account.Currency, time.Now().Add(currencyAge)
	return account.Currency, nil
}
