package activities

import (
	"context"
	"slices"

	"advocatesync/internal/batching"
	"advocatesync/internal/store"
)

// contactRecords are our own records of contacts: the store, or for a page of contacts what
// gathers their calls.
type contactRecords interface {
	Known(ctx context.Context, connectionID, contactID string) (store.Known, error)
	Blocked(ctx context.Context, connectionID string, hashes ...[]byte) (store.Block, error)
	Link(ctx context.Context, l store.Linking) error
	Settle(ctx context.Context, connectionID, contactID string, out store.Settlement) error
}

// pageRecords gathers what the contacts of a page, which are a company, read from our
// database and write to it: a statement and a transaction for each step of the page,
// not of the contact.
type pageRecords struct {
	known   *batching.Batcher[string, struct{}, store.Known]
	blocked *batching.Batcher[string, [][]byte, store.Block]
	link    *batching.Batcher[string, store.Linking, struct{}]
	settle  *batching.Batcher[string, store.Settlement, struct{}]
}

// newPageRecords returns the records of a page of a connection's contacts. Close must
// be called on them.
func newPageRecords(s *store.Store, connectionID string) *pageRecords {
	return &pageRecords{
		known: batching.New(batching.Config[string, struct{}, store.Known]{Shared: true,
			Send: func(ctx context.Context, _ int, items []batching.Item[string, struct{}]) map[string]batching.Outcome[store.Known] {
				known, err := s.KnownAll(ctx, connectionID, keysOf(items)...)
				return outcomes(items, func(i int) (store.Known, error) { return known[items[i].Key], err })
			}}),
		blocked: batching.New(batching.Config[string, [][]byte, store.Block]{Shared: true,
			Send: func(ctx context.Context, _ int, items []batching.Item[string, [][]byte]) map[string]batching.Outcome[store.Block] {
				blocks, err := s.Blocks(ctx, connectionID, valuesOf(items)...)
				return outcomes(items, func(i int) (store.Block, error) { return blocks[i], err })
			}}),
		link: batching.New(batching.Config[string, store.Linking, struct{}]{
			Send: func(ctx context.Context, _ int, items []batching.Item[string, store.Linking]) map[string]batching.Outcome[struct{}] {
				return together(items, s.LinkAll(ctx, connectionID, valuesOf(items)), func(_ string, l store.Linking) error { return s.Link(ctx, l) })
			}}),
		settle: batching.New(batching.Config[string, store.Settlement, struct{}]{
			Send: func(ctx context.Context, _ int, items []batching.Item[string, store.Settlement]) map[string]batching.Outcome[struct{}] {
				all := make(map[string]store.Settlement, len(items))
				for _, it := range items {
					all[it.Key] = it.Value
				}
				return together(items, s.SettleAll(ctx, connectionID, all), func(contactID string, out store.Settlement) error {
					return s.Settle(ctx, connectionID, contactID, out)
				})
			}}),
	}
}

// together returns the outcomes of writes that were made all or none. If there were
// none, each contact is written alone, because one of them may be to blame.
func together[V any](items []batching.Item[string, V], err error, alone func(contactID string, value V) error) map[string]batching.Outcome[struct{}] {
	return outcomes(items, func(i int) (struct{}, error) {
		if err == nil || len(items) == 1 {
			return struct{}{}, err
		}
		return struct{}{}, alone(items[i].Key, items[i].Value)
	})
}

func outcomes[V, R any](items []batching.Item[string, V], of func(i int) (R, error)) map[string]batching.Outcome[R] {
	all := make(map[string]batching.Outcome[R], len(items))
	for i, it := range items {
		value, err := of(i)
		all[it.Key] = batching.Outcome[R]{Value: value, Err: err}
	}
	return all
}

func keysOf[V any](items []batching.Item[string, V]) []string {
	keys := make([]string, len(items))
	for i, it := range items {
		keys[i] = it.Key
	}
	return keys
}

func valuesOf[V any](items []batching.Item[string, V]) []V {
	values := make([]V, len(items))
	for i, it := range items {
		values[i] = it.Value
	}
	return values
}

func (r *pageRecords) Known(ctx context.Context, _, contactID string) (store.Known, error) {
	return r.known.Do(ctx, contactID, struct{}{})
}

func (r *pageRecords) Blocked(ctx context.Context, _ string, hashes ...[]byte) (store.Block, error) {
	return r.blocked.Do(ctx, string(slices.Concat(hashes...)), hashes)
}

func (r *pageRecords) Link(ctx context.Context, l store.Linking) error {
	_, err := r.link.Do(ctx, l.Mapping.ContactID, l)
	return err
}

func (r *pageRecords) Settle(ctx context.Context, _, contactID string, out store.Settlement) error {
	_, err := r.settle.Do(ctx, contactID, out)
	return err
}

// Close waits for writes under way whose contacts no longer wait for them.
func (r *pageRecords) Close() {
	r.known.Close()
	r.blocked.Close()
	r.link.Close()
	r.settle.Close()
}

var (
	_ contactRecords = (*store.Store)(nil)
	_ contactRecords = (*pageRecords)(nil)
)
