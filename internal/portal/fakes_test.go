package portal

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

// crm is a HubSpot of a few lines, for what the real client and its stand-in
// cannot be made to do on demand. Time is synctest's.
type crm struct {
	definitions // none
	records     // none

	latency time.Duration
	fail    func(op string, keys []string) error // refuses a whole call

	mu       sync.Mutex
	contacts map[string]hubspot.Contact // by what it is read by: id or email
	badItems map[string]error           // by key: refused alone, as in a 207
	made     []made
}

// made is one HTTP call that reached HubSpot.
type made struct {
	op   string
	keys []string // ids, emails, or trace ids of creates
}

func newCRM(ids ...string) *crm {
	c := &crm{contacts: map[string]hubspot.Contact{}, badItems: map[string]error{}}
	for _, id := range ids {
		c.contacts[id] = hubspot.Contact{ID: id, Properties: map[string]string{bridge.PropEmail: id + "@example.test"}}
	}
	return c
}

func (c *crm) begin(op string, keys []string) error {
	c.mu.Lock()
	c.made = append(c.made, made{op, slices.Clone(keys)})
	c.mu.Unlock()
	time.Sleep(c.latency)
	if c.fail != nil {
		return c.fail(op, keys)
	}
	return nil
}

func (*crm) Contact(context.Context, string, []string) (hubspot.Contact, error) {
	return hubspot.Contact{}, &bridge.Error{Kind: bridge.NotFound}
}

func (c *crm) BatchReadContacts(_ context.Context, ids, _ []string) (map[string]hubspot.Contact, []string, error) {
	return c.read(opRead, ids)
}

func (c *crm) BatchReadArchivedContacts(_ context.Context, ids, _ []string) (map[string]hubspot.Contact, []string, error) {
	return c.read(opReadArchived, ids)
}

func (c *crm) ListContacts(context.Context, bool, string, int, []string) (hubspot.ContactPage, error) {
	return hubspot.ContactPage{}, c.begin(opList, nil)
}

func (c *crm) BatchReadContactsByEmail(_ context.Context, emails, _ []string) (map[string]hubspot.Contact, []string, error) {
	return c.read(opFind, emails)
}

func (c *crm) read(op string, keys []string) (map[string]hubspot.Contact, []string, error) {
	if err := c.begin(op, keys); err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	found, missing := map[string]hubspot.Contact{}, []string{}
	for _, key := range keys {
		if contact, ok := c.contacts[key]; ok {
			found[key] = contact
		} else {
			missing = append(missing, key)
		}
	}
	return found, missing, nil
}

func (c *crm) BatchCreateContacts(_ context.Context, inputs []hubspot.ContactInput) ([]hubspot.ContactResult, error) {
	return c.write(opCreate, inputs, func(in hubspot.ContactInput) string { return in.TraceID }, func(in hubspot.ContactInput) string {
		id := fmt.Sprint(1000 + len(c.contacts))
		c.contacts[id] = hubspot.Contact{ID: id, Properties: in.Properties}
		return id
	})
}

func (c *crm) BatchUpdateContacts(_ context.Context, inputs []hubspot.ContactInput) ([]hubspot.ContactResult, error) {
	return c.write(opUpdate, inputs, func(in hubspot.ContactInput) string { return in.ID }, func(in hubspot.ContactInput) string {
		for name, value := range in.Properties {
			c.contacts[in.ID].Properties[name] = value
		}
		return in.ID
	})
}

func (c *crm) write(op string, inputs []hubspot.ContactInput, key, apply func(hubspot.ContactInput) string) ([]hubspot.ContactResult, error) {
	var keys []string
	for _, in := range inputs {
		keys = append(keys, key(in))
	}
	if err := c.begin(op, keys); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	results := make([]hubspot.ContactResult, len(inputs))
	for i, in := range inputs {
		results[i].TraceID = in.TraceID
		if results[i].Err = c.badItems[keys[i]]; results[i].Err == nil {
			results[i].Contact = &hubspot.Contact{ID: apply(in)}
		}
	}
	return results, nil
}

// window is a budget of calls per rolling ten seconds.
type window struct {
	limit int // 0: unlimited
	err   error

	spendAfter int // tokens, after which there are none for an hour; 0: never

	mu          sync.Mutex
	at          []time.Time
	pausedUntil time.Time
	tokens      int
	pauses      []time.Duration
}

func (w *window) Acquire(_ context.Context, _ int64, _ bridge.Lane) (bridge.Grant, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return bridge.Grant{}, w.err
	}
	now := time.Now()
	if w.spendAfter > 0 && w.tokens >= w.spendAfter {
		return bridge.Grant{Wait: time.Hour, Limit: w.limit}, nil
	}
	if now.Before(w.pausedUntil) {
		return bridge.Grant{Wait: w.pausedUntil.Sub(now), Limit: w.limit}, nil
	}
	w.at = slices.DeleteFunc(w.at, func(t time.Time) bool { return now.Sub(t) >= 10*time.Second })
	if w.limit > 0 && len(w.at) >= w.limit {
		return bridge.Grant{Wait: w.at[0].Add(10 * time.Second).Sub(now), Limit: w.limit}, nil
	}
	w.at = append(w.at, now)
	w.tokens++
	return bridge.Grant{OK: true, Left: w.limit - len(w.at), Limit: w.limit}, nil
}

func (w *window) Pause(_ context.Context, _ int64, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pauses = append(w.pauses, d)
	w.pausedUntil = time.Now().Add(d)
	return nil
}

func key(i int) string { return fmt.Sprint("k", i) }
