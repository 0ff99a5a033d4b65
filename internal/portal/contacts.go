package portal

import (
	"context"
	"errors"
	"maps"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

// Operations as the metrics name them; the client's errors use the same names.
const (
	opRead   = "hubspot.batch_read_contacts"
	opFind   = "hubspot.batch_read_contacts_by_email"
	opCreate = "hubspot.batch_create_contacts"
	opUpdate = "hubspot.batch_update_contacts"
)

// codeNoProperty is HubSpot's code for a property that the portal does not
// have (HubSpot docs: error handling).
const codeNoProperty = "PROPERTY_DOESNT_EXIST"

// NoSuchProperty tells a write that was refused because the portal lacks one
// of its properties.
func NoSuchProperty(err error) bool {
	var e *bridge.Error
	return errors.As(err, &e) && e.Kind == bridge.Invalid && e.Code == codeNoProperty
}

// read is one of the client's two ways to read contacts.
type read func(ctx context.Context, keys, props []string) (map[string]hubspot.Contact, []string, error)

// readBatch reads one batch of contacts by the keys that do understands; see
// readSome.
func (p *Portal) readBatch(ctx context.Context, t *turn, op string, do read, keys []string, outcomes map[string]outcome[bridge.Contact]) error {
	return readSome(ctx, p, t, op, keys, outcomes, func(ctx context.Context, keys []string) (map[string]outcome[bridge.Contact], error) {
		found, _, err := do(ctx, keys, bridge.ReadProperties())
		contacts := make(map[string]outcome[bridge.Contact], len(found))
		for key, c := range found {
			contacts[key] = outcome[bridge.Contact]{value: contact(c), err: c.Err}
		}
		return contacts, err
	})
}

// readSome reads one batch of records with one call of do: every key gets an
// outcome, that of do or NotFound where do has none, unless an error ends the batch
// early.
func readSome[K comparable, R any](ctx context.Context, p *Portal, t *turn, op string, keys []K, outcomes map[K]outcome[R],
	do func(ctx context.Context, keys []K) (map[K]outcome[R], error),
) error {
	send := func(keys []K) error {
		p.metrics.carried(t.lane, op, len(keys))
		found, err := call(ctx, p, t, op, true, func(ctx context.Context) (map[K]outcome[R], error) { return do(ctx, keys) })
		if err != nil {
			return err
		}
		for _, key := range keys {
			if record, shown := found[key]; shown {
				outcomes[key] = record
			} else {
				outcomes[key] = outcome[R]{err: &bridge.Error{Kind: bridge.NotFound, Op: op}}
			}
		}
		return nil
	}
	return isolate(ctx, p.suspecting, keys, send, func(key K, err error) {
		outcomes[key] = outcome[R]{err: err}
	})
}

func contact(c hubspot.Contact) bridge.Contact {
	return bridge.Contact{ID: c.ID, Properties: c.Properties, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, Archived: c.Archived}
}

// create creates one batch of contacts. It is never repeated here: see call.
func (p *Portal) create(ctx context.Context, t *turn, writes []Write, results map[string]Result) error {
	return p.write(ctx, t, opCreate, false, p.client.BatchCreateContacts, writes, results)
}

// update writes one batch of contacts. It sets absolute values, so a repeat
// after a lost answer is harmless where somebody waits. Bulk work has the time
// to look first what arrived.
func (p *Portal) update(ctx context.Context, t *turn, writes []Write, results map[string]Result) error {
	return p.write(ctx, t, opUpdate, t.lane == bridge.LaneLive, p.client.BatchUpdateContacts, writes, results)
}

// write makes one batch of writes: every write gets a result, unless an error
// ends the batch early.
func (p *Portal) write(ctx context.Context, t *turn, op string, repeatable bool,
	do func(context.Context, []hubspot.ContactInput) ([]hubspot.ContactResult, error),
	writes []Write, results map[string]Result,
) error {
	refuse := func(w Write, err error) { results[w.Key] = refused(err) }
	send := func(writes []Write) error {
		p.metrics.carried(t.lane, op, len(writes))
		answers, err := call(ctx, p, t, op, repeatable, func(ctx context.Context) ([]hubspot.ContactResult, error) {
			return do(ctx, inputs(writes))
		})
		if err != nil && everybodys(err, writes) {
			for _, w := range writes {
				refuse(w, err)
			}
			return nil
		}
		for _, answer := range answers {
			if answer.Err != nil {
				results[answer.TraceID] = refused(judged(ctx, answer.Err))
			} else {
				results[answer.TraceID] = Result{ContactID: answer.Contact.ID}
			}
		}
		return err
	}
	return isolate(ctx, p.suspecting, writes, send, refuse)
}

func inputs(writes []Write) []hubspot.ContactInput {
	in := make([]hubspot.ContactInput, len(writes))
	for i, w := range writes {
		in[i] = hubspot.ContactInput{ID: w.ContactID, TraceID: w.Key, Properties: w.Properties}
	}
	return in
}

// refused is the result of a write that failed for reasons of its own.
func refused(err error) Result {
	holder, _ := hubspot.ExistingID(err)
	return Result{ContactID: holder, Err: err}
}

// everybodys tells a refusal that would meet each of the writes alone as well:
// a property that is missing, while all of them name the same properties. That
// happens to all at once when somebody removes a property, and splitting would
// turn every batch of a hundred into 199 refused calls.
func everybodys(err error, writes []Write) bool {
	if !NoSuchProperty(err) {
		return false
	}
	for _, w := range writes {
		same := maps.EqualFunc(w.Properties, writes[0].Properties, func(string, string) bool { return true })
		if !same {
			return false
		}
	}
	return true
}
