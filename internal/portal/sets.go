package portal

import (
	"context"
	"errors"
	"slices"

	"advocatesync/internal/batching"
	"advocatesync/internal/bridge"
)

// Write is one record of CreateContacts or UpdateContacts.
type Write struct {
	Key        string // the caller's name for it, sent as trace id: not empty, once per call, no personal data
	ContactID  string // UpdateContacts only
	Properties bridge.Properties
}

// Result is what became of one Write.
type Result struct {
	// ContactID is the contact written. With a Conflict it is the contact that
	// holds the email already, where HubSpot named it.
	ContactID string
	Err       error
}

// ReadContacts reads any number of contacts with bridge.ReadProperties, a
// hundred a call, one call after the other. A contact that HubSpot does not
// show, or not in a form that can be read, is absent from the answer: absence says
// nothing about its life. With an error, the answer holds what was
// read before it; an id that HubSpot refuses is such an error, because ids
// come from HubSpot in the first place.
func (p *Portal) ReadContacts(ctx context.Context, lane bridge.Lane, ids []string) (map[string]bridge.Contact, error) {
	found, refused, err := p.lookUp(ctx, &turn{lane: lane}, opRead, p.client.BatchReadContacts, ids)
	return found, errors.Join(err, refused)
}

// FindContacts looks contacts up by email, a hundred a call, one call after
// the other. Each is looked for under every spelling that HubSpot may keep (see
// bridge.EmailSpellings). The answer is keyed by the normal form; emails of nobody are absent, and so are those that HubSpot refuses as malformed.
// With an error, the answer holds what was found before it.
//
// HubSpot also finds a contact by its additional emails and does not say which
// email led to it, so the client joins the answer by all emails of a contact:
// its own email may differ from its key, and one contact may stand under
// several keys. An email that cannot be joined counts as not found; creating a
// contact for it is then refused with a Conflict that names the holder.
func (p *Portal) FindContacts(ctx context.Context, lane bridge.Lane, emails []string) (map[string]bridge.Contact, error) {
	// A refused email is nobody's: there is no contact to find by it, and
	// creating one will say what is wrong with it.
	spelled, _, err := p.lookUp(ctx, &turn{lane: lane}, opFind, p.client.BatchReadContactsByEmail, spellings(emails))
	return byNormalEmail(spelled), err
}

func spellings(emails []string) []string {
	asked := make([]string, 0, len(emails))
	for _, email := range emails {
		asked = append(asked, bridge.EmailSpellings(email)...)
	}
	return asked
}

func byNormalEmail(spelled map[string]bridge.Contact) map[string]bridge.Contact {
	found := make(map[string]bridge.Contact, len(spelled))
	for spelling, contact := range spelled {
		found[bridge.NormalEmail(spelling)] = contact
	}
	return found
}

// lookUp reads contacts by keys, batch by batch until one fails with err.
// refused is why HubSpot refused single keys, if it did.
func (p *Portal) lookUp(ctx context.Context, t *turn, op string, do read, keys []string) (found map[string]bridge.Contact, refused, err error) {
	outcomes, err := p.outcomes(ctx, t, op, do, keys)
	found = make(map[string]bridge.Contact, len(outcomes))
	for key, o := range outcomes {
		switch {
		case o.Err == nil:
			found[key] = o.Value
		case errors.Is(o.Err, errUnacceptable): // HubSpot cannot show it
		case bridge.KindOf(o.Err) != bridge.NotFound && !bridge.Unreadable(o.Err):
			refused = o.Err
		}
	}
	return found, refused, err
}

// outcomes reads contacts by keys, batch by batch until one fails with err. The keys of
// that one, and of those after it, may have no outcome.
func (p *Portal) outcomes(ctx context.Context, t *turn, op string, do read, keys []string) (map[string]batching.Outcome[bridge.Contact], error) {
	outcomes := make(map[string]batching.Outcome[bridge.Contact], len(keys))
	for batch := range slices.Chunk(distinct(keys), batching.Size) {
		if err := p.readBatch(ctx, t, op, do, batch, outcomes); err != nil {
			return outcomes, err
		}
	}
	return outcomes, nil
}

// CreateContacts creates any number of contacts, a hundred a call, one call
// after the other, and says by key what became of each. A contact whose email
// exists gets a Conflict. Two writes with one email go in different calls, so
// that only the later one conflicts.
//
// With an error, the results are those known by then. For a write without a
// result nobody knows whether it happened: creating is never repeated here,
// look for the email before you do.
func (p *Portal) CreateContacts(ctx context.Context, lane bridge.Lane, writes []Write) (map[string]Result, error) {
	return p.each(writes, emailOf, func(batch []Write, results map[string]Result) error {
		return p.create(ctx, &turn{lane: lane}, batch, results)
	})
}

// UpdateContacts sets properties of any number of contacts, a hundred a call,
// one call after the other, and says by key what became of each: NotFound for
// a contact that was deleted or merged away. Writes of one contact keep their
// order. With an error, the results are those known by then; the others may be
// written again.
func (p *Portal) UpdateContacts(ctx context.Context, lane bridge.Lane, writes []Write) (map[string]Result, error) {
	return p.each(writes, contactOf, func(batch []Write, results map[string]Result) error {
		return p.update(ctx, &turn{lane: lane}, batch, results)
	})
}

func emailOf(w Write) string   { return bridge.NormalEmail(w.Properties[bridge.PropEmail]) }
func contactOf(w Write) string { return w.ContactID }

// each runs the writes batch by batch until one fails.
func (p *Portal) each(writes []Write, record func(Write) string, run func([]Write, map[string]Result) error) (map[string]Result, error) {
	results := make(map[string]Result, len(writes))
	seen := make(map[string]bool, len(writes))
	for _, w := range writes {
		if w.Key == "" || seen[w.Key] {
			return results, &bridge.Error{Kind: bridge.Invalid, Op: "portal.write", Err: errors.New("keys of writes must be set and differ")}
		}
		seen[w.Key] = true
	}
	for _, batch := range calls(writes, record) {
		if err := run(batch, results); err != nil {
			return results, err
		}
	}
	return results, nil
}

// distinct returns each value once, in the order of first appearance.
func distinct(values []string) []string {
	seen := make(map[string]bool, len(values))
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool {
		twice := seen[v]
		seen[v] = true
		return twice
	})
}
