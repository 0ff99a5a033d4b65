package portal

import (
	"context"
	"errors"
	"maps"

	"advocatesync/internal/batching"
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
func (p *Portal) readBatch(ctx context.Context, t *turn, op string, do read, keys []string, outcomes map[string]batching.Outcome[bridge.Contact]) error {
	read := func(ctx context.Context, keys []string) (map[string]batching.Outcome[bridge.Contact], error) {
		found, _, err := do(ctx, keys, bridge.ReadProperties())
		contacts := make(map[string]batching.Outcome[bridge.Contact], len(found))
		for key, c := range found {
			contacts[key] = batching.Outcome[bridge.Contact]{Value: contact(c), Err: c.Err}
		}
		return contacts, err
	}
	if t.single {
		return readSome(ctx, p, t, op, keys, outcomes, read, nil) // whoever waits for one contact gives it up himself
	}
	return readSome(ctx, p, t, op, keys, outcomes, read, func() error {
		_, err := call(ctx, p, t, op, false, func(ctx context.Context) (struct{}, error) {
			_, err := read(ctx, []string{nobody})
			return struct{}{}, err
		})
		return err
	})
}

// nobody is neither an id nor an email.
const nobody = "0"

// readSome reads one batch of records with one call of do: every key gets an
// outcome, that of do or NotFound where do has none, unless an error ends the batch
// early. witness is that of an isolation.
func readSome[K comparable, R any](ctx context.Context, p *Portal, t *turn, op string, keys []K, outcomes map[K]batching.Outcome[R],
	do func(ctx context.Context, keys []K) (map[K]batching.Outcome[R], error), witness func() error,
) error {
	send := func(keys []K) error {
		p.metrics.carried(t.lane, op, len(keys))
		found, err := call(ctx, p, t, op, true, func(ctx context.Context) (map[K]batching.Outcome[R], error) { return do(ctx, keys) })
		if err != nil {
			return err
		}
		for _, key := range keys {
			if record, shown := found[key]; shown {
				outcomes[key] = record
			} else {
				outcomes[key] = batching.Outcome[R]{Err: &bridge.Error{Kind: bridge.NotFound, Op: op}}
			}
		}
		return nil
	}
	return isolate(ctx, p.suspecting, keys, send, func(key K, err error) {
		outcomes[key] = batching.Outcome[R]{Err: err}
	}, witness)
}

func contact(c hubspot.Contact) bridge.Contact {
	return bridge.Contact{ID: c.ID, Properties: c.Properties, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, Archived: c.Archived}
}

// create creates one batch of contacts. It is never repeated here: see call.
func (p *Portal) create(ctx context.Context, t *turn, writes []Write, results map[string]Result) error {
	return p.write(ctx, t, opCreate, false, p.client.BatchCreateContacts, writes, results)
}

// update writes one batch of contacts. It sets absolute values, so a repeat
// after a lost answer is harmless for single contacts. Work on a set has the time
// to look first what arrived: its caller does before the next attempt, and unarrived
// does where a failed batch is sent again in parts.
func (p *Portal) update(ctx context.Context, t *turn, writes []Write, results map[string]Result) error {
	return p.write(ctx, t, opUpdate, t.single, p.client.BatchUpdateContacts, writes, results)
}

// write makes one batch of writes: every write gets a result, unless an error
// ends the batch early.
func (p *Portal) write(ctx context.Context, t *turn, op string, repeatable bool,
	do func(context.Context, []hubspot.ContactInput) ([]hubspot.ContactResult, error),
	writes []Write, results map[string]Result,
) error {
	refuse := func(w Write, err error) { results[w.Key] = refused(err) }
	failed := false // HubSpot may have taken any of the writes
	send := func(writes []Write) error {
		if failed && op == opUpdate && !repeatable {
			var err error
			if writes, err = p.unarrived(ctx, t, writes, results); err != nil || len(writes) == 0 {
				return err
			}
		}
		p.metrics.carried(t.lane, op, len(writes))
		answers, err := call(ctx, p, t, op, repeatable, func(ctx context.Context) ([]hubspot.ContactResult, error) {
			return do(ctx, inputs(writes))
		})
		failed = failed || fault(err)
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
	if t.single {
		return isolate(ctx, p.suspecting, writes, send, refuse, nil) // as in readBatch
	}
	return isolate(ctx, p.suspecting, writes, send, refuse, func() error { return p.writeNobody(ctx, t) })
}

// writeNobody is the witness of creations and updates: an update of a contact that
// cannot exist. HubSpot looks the contact up before it answers, and changes nothing. No
// call can stand for a creation in the same way, since whatever HubSpot takes makes a
// contact.
func (p *Portal) writeNobody(ctx context.Context, t *turn) error {
	input := hubspot.ContactInput{ID: nobody, Properties: bridge.Properties{bridge.PropReferralCode: ""}}
	_, err := call(ctx, p, t, opUpdate, false, func(ctx context.Context) ([]hubspot.ContactResult, error) {
		return p.client.BatchUpdateContacts(ctx, []hubspot.ContactInput{input})
	})
	return err
}

// unarrived returns the writes that still change something, and gives the others their
// results: HubSpot may have taken a batch although it failed to say so. If HubSpot fails
// to show the contacts, all of them are written again: a record that cannot be read may
// well be written.
func (p *Portal) unarrived(ctx context.Context, t *turn, writes []Write, results map[string]Result) ([]Write, error) {
	ids := make([]string, 0, len(writes))
	for _, w := range writes {
		ids = append(ids, w.ContactID)
	}
	now := map[string]batching.Outcome[bridge.Contact]{}
	if err := p.readBatch(ctx, t, opRead, p.client.BatchReadContacts, ids, now); err != nil && !fault(err) {
		return nil, err
	}
	var left []Write
	for _, w := range writes {
		if is, shown := now[w.ContactID]; shown && is.Err == nil && len(is.Value.Properties.Changes(w.Properties)) == 0 {
			results[w.Key] = Result{ContactID: w.ContactID}
			continue
		}
		left = append(left, w)
	}
	return left, nil
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
