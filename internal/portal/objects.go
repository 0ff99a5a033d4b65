package portal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"advocatesync/internal/batching"
	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

const (
	opReadObjects      = "hubspot.batch_read_objects"
	opReadLinks        = "hubspot.batch_read_associations"
	opObjectProperties = "hubspot.object_properties"
	opForms            = "hubspot.forms"
	opSubmissions      = "hubspot.submissions"
)

// records is the part of hubspot.Client that reads what triggers look at.
type records interface {
	BatchReadObjects(ctx context.Context, t bridge.ObjectType, ids, props []string) (found map[string]hubspot.Object, missing []string, err error)
	BatchReadAssociations(ctx context.Context, from, to bridge.ObjectType, in []hubspot.AssociationInput) (map[string]hubspot.Associations, error)
	ObjectProperties(ctx context.Context, t bridge.ObjectType) ([]hubspot.Property, error)
	ObjectID(ctx context.Context, t bridge.ObjectType, id string) (string, error)
	AccountDetails(ctx context.Context) (hubspot.Account, error)
	Forms(ctx context.Context, after string) (forms []hubspot.Form, next string, err error)
	Submissions(ctx context.Context, formID, after string) (submissions []hubspot.Submission, next string, err error)
}

// objectKey is a record with the properties that are asked for: callers who ask
// for the same share an answer.
type objectKey struct {
	id    string
	props string // ascending, joined by commas, which no name has
}

func (p *Portal) gatherObjects() {
	p.objects = map[bridge.ObjectType]*batching.Batcher[objectKey, struct{}, bridge.Object]{}
	p.links = map[bridge.ObjectType]*batching.Batcher[string, struct{}, []string]{}
	for _, t := range bridge.ObjectTypes() {
		p.objects[t] = newBatcher(p, bridge.LaneLive, true, p.gaps, func(ctx context.Context, batch []batching.Item[objectKey, struct{}]) map[objectKey]batching.Outcome[bridge.Object] {
			return p.readObjects(ctx, t, keysOf(batch))
		})
		p.links[t] = newBatcher(p, bridge.LaneLive, true, p.gaps, func(ctx context.Context, batch []batching.Item[string, struct{}]) map[string]batching.Outcome[[]string] {
			return p.readLinks(ctx, t, keysOf(batch))
		})
	}
	p.pages = newBatcher(p, bridge.LaneLive, true, p.gaps, p.readPages)
}

// Object reads a record as it is at some moment after the call, with the given
// properties at least, in the live lane and in one batch with whoever else
// reads its type now. The error is bridge.NotFound where HubSpot shows no such
// record: not yet, deleted, or merged away.
func (p *Portal) Object(ctx context.Context, t bridge.ObjectType, id string, props []string) (bridge.Object, error) {
	names := slices.Compact(slices.Sorted(slices.Values(props)))
	o, err := p.objects[t].Do(ctx, objectKey{id: id, props: strings.Join(names, ",")}, struct{}{})
	if err != nil {
		return bridge.Object{}, fmt.Errorf("portal %d: read %s %s: %w", p.id, t, id, err)
	}
	o.Properties = maps.Clone(o.Properties) // callers of one record share the answer
	return o, nil
}

// ContactsOf returns the ids of the contacts that a deal or company is
// associated with, in the live lane and in one batch with whoever else asks
// now. A record without any, also because it does not exist, has none.
func (p *Portal) ContactsOf(ctx context.Context, t bridge.ObjectType, id string) ([]string, error) {
	ids, err := p.links[t].Do(ctx, id, struct{}{})
	if err != nil {
		return nil, fmt.Errorf("portal %d: read the contacts of %s %s: %w", p.id, t, id, err)
	}
	return slices.Clone(ids), nil
}

// readObjects is the work of one batch of live reads. All get the properties
// that any of them asked for.
func (p *Portal) readObjects(ctx context.Context, t bridge.ObjectType, keys []objectKey) map[objectKey]batching.Outcome[bridge.Object] {
	outcomes := make(map[objectKey]batching.Outcome[bridge.Object], len(keys))
	err := readSome(ctx, p, &turn{lane: bridge.LaneLive, held: true}, opReadObjects, keys, outcomes,
		func(ctx context.Context, keys []objectKey) (map[objectKey]batching.Outcome[bridge.Object], error) {
			var ids, props []string
			for _, key := range keys {
				ids, props = append(ids, key.id), append(props, strings.Split(key.props, ",")...)
			}
			found, _, err := p.client.BatchReadObjects(ctx, t, ids, slices.Compact(slices.Sorted(slices.Values(props))))
			objects := make(map[objectKey]batching.Outcome[bridge.Object], len(found))
			for _, key := range keys {
				if o, shown := found[key.id]; shown {
					object := bridge.Object{Type: t, ID: o.ID, Properties: o.Properties, CreatedAt: o.CreatedAt}
					objects[key] = batching.Outcome[bridge.Object]{Value: object, Err: o.Err}
				}
			}
			return objects, err
		}, nil)
	return failRest(outcomes, keys, err)
}

// readLinks is the work of one batch of live reads. Records with more contacts
// than an answer holds are asked for again until all are known.
func (p *Portal) readLinks(ctx context.Context, from bridge.ObjectType, ids []string) map[string]batching.Outcome[[]string] {
	outcomes := make(map[string]batching.Outcome[[]string], len(ids))
	t := &turn{lane: bridge.LaneLive, held: true}
	known := make(map[string][]string, len(ids))
	pages := make(map[string]*hubspot.Cursor, len(ids))
	next := make(map[string]string, len(ids))
	for _, id := range ids {
		pages[id] = &hubspot.Cursor{}
	}
	rest := ids
	for len(rest) > 0 {
		err := readSome(ctx, p, t, opReadLinks, rest, outcomes, func(ctx context.Context, ids []string) (map[string]batching.Outcome[[]string], error) {
			in := make([]hubspot.AssociationInput, len(ids))
			for i, id := range ids {
				in[i] = hubspot.AssociationInput{ID: id, After: pages[id].After}
			}
			found, err := p.client.BatchReadAssociations(ctx, from, bridge.ObjectContact, in)
			if err != nil {
				return nil, err
			}
			page := make(map[string]batching.Outcome[[]string], len(ids))
			for _, id := range ids {
				page[id] = batching.Outcome[[]string]{Value: found[id].IDs, Err: found[id].Err}
				next[id] = found[id].After
			}
			return page, nil
		}, nil)
		if err != nil {
			return failRest(map[string]batching.Outcome[[]string]{}, ids, err)
		}
		var more []string
		for _, id := range rest {
			known[id] = append(known[id], outcomes[id].Value...)
			err := outcomes[id].Err
			another := false
			if err == nil {
				another, err = pages[id].Next(opReadLinks, next[id])
			}
			outcomes[id] = batching.Outcome[[]string]{Value: known[id], Err: err}
			if another {
				more = append(more, id)
			}
		}
		rest = more
	}
	return outcomes
}

// ObjectProperties returns the definitions of all properties of a record type.
func (p *Portal) ObjectProperties(ctx context.Context, t bridge.ObjectType) ([]hubspot.Property, error) {
	found, err := call(ctx, p, &turn{lane: bridge.LaneLive}, opObjectProperties, true, func(ctx context.Context) ([]hubspot.Property, error) {
		return p.client.ObjectProperties(ctx, t)
	})
	return found, p.wrapDefinition("read properties", err)
}

// Forms returns all forms of the portal.
func (p *Portal) Forms(ctx context.Context) ([]hubspot.Form, error) {
	t := &turn{lane: bridge.LaneLive}
	var all []hubspot.Form
	for pages, more := (hubspot.Cursor{}), true; more; {
		var next string
		page, err := call(ctx, p, t, opForms, true, func(ctx context.Context) (page []hubspot.Form, err error) {
			page, next, err = p.client.Forms(ctx, pages.After)
			return page, err
		})
		if err == nil {
			more, err = pages.Next(opForms, next)
		}
		if err != nil {
			return nil, p.wrapDefinition("read forms", err)
		}
		all = append(all, page...)
	}
	return all, nil
}

// pageKey is a page of a form's submissions.
type pageKey struct{ form, after string }

type submissionPage struct {
	submissions []hubspot.Submission
	next        string
}

// Submissions returns a page of a form's submissions, the newest first, as it is
// at some moment after the call, in the live lane. Whoever else asks for it now
// shares the answer, which is not to be changed. after is empty for the first
// page, next is empty on the last.
func (p *Portal) Submissions(ctx context.Context, formID, after string) (submissions []hubspot.Submission, next string, err error) {
	page, err := p.pages.Do(ctx, pageKey{formID, after}, struct{}{})
	if err != nil {
		return nil, "", fmt.Errorf("portal %d: read submissions: %w", p.id, err)
	}
	return page.submissions, page.next, nil
}

// readPages makes a call for each page: HubSpot has no batch of them.
func (p *Portal) readPages(ctx context.Context, batch []batching.Item[pageKey, struct{}]) map[pageKey]batching.Outcome[submissionPage] {
	outcomes := make(map[pageKey]batching.Outcome[submissionPage], len(batch))
	t := &turn{lane: bridge.LaneLive, held: true}
	for _, key := range keysOf(batch) {
		page, err := call(ctx, p, t, opSubmissions, true, func(ctx context.Context) (page submissionPage, err error) {
			page.submissions, page.next, err = p.client.Submissions(ctx, key.form, key.after)
			return page, err
		})
		outcomes[key] = batching.Outcome[submissionPage]{Value: page, Err: err}
	}
	return outcomes
}
