// Package tenant is one Advocate tenant as a page of contacts uses it: the client,
// with look-ups and writes about single participants turned into batches.
//
// Callers belong to a company (see batching.Company). A single contact is faster with
// the client itself, whose calls wait for no batch, and go before those of pages.
package tenant

import (
	"context"

	"advocatesync/internal/advocate"
	"advocatesync/internal/batching"
	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
)

// Tenant batches calls. It is safe for concurrent use, and starts no goroutines by
// itself.
type Tenant struct {
	*advocate.Client

	finds   *batching.Batcher[lookUp, struct{}, found]
	shows   *batching.Batcher[target, struct{}, *bridge.Participant]
	upserts *batching.Batcher[target, bridge.ParticipantChange, bridge.Participant]
}

// lookUp is an email whose participant is looked up.
type lookUp struct{ program, email string }

type found struct {
	byID    *bridge.Participant
	byEmail []bridge.Participant
}

// target is a participant, as a program has it.
type target struct {
	program string
	id      bridge.Identity
}

// New returns the tenant of a client.
func New(c *advocate.Client) *Tenant {
	t := &Tenant{Client: c}
	t.finds = batching.New(batching.Config[lookUp, struct{}, found]{Shared: true, Send: yielding(t.find)})
	t.shows = batching.New(batching.Config[target, struct{}, *bridge.Participant]{Shared: true, Send: yielding(t.show)})
	t.upserts = batching.New(batching.Config[target, bridge.ParticipantChange, bridge.Participant]{Send: yielding(t.upsert)})
	return t
}

// Close returns when everybody who waits has an answer.
func (t *Tenant) Close() {
	t.finds.Close()
	t.shows.Close()
	t.upserts.Close()
}

// Find is advocate.Client.Find, in one call with concurrent look-ups.
func (t *Tenant) Find(ctx context.Context, email, programID string) (byID *bridge.Participant, byEmail []bridge.Participant, err error) {
	who, err := t.finds.Do(ctx, lookUp{program: programID, email: email}, struct{}{})
	return who.byID, who.byEmail, err
}

// Participant is advocate.Client.Participant, in one call with concurrent look-ups. Whom
// that call does not show is asked for alone: a participant that is gone ends a mapping.
func (t *Tenant) Participant(ctx context.Context, accountID, userID, programID string) (bridge.Participant, error) {
	p, err := t.shows.Do(ctx, target{program: programID, id: bridge.Identity{AccountID: accountID, UserID: userID}}, struct{}{})
	switch {
	case err != nil:
		return bridge.Participant{}, err
	case p == nil:
		return t.Client.Participant(ctx, accountID, userID, programID)
	default:
		return *p, nil
	}
}

// Upsert is advocate.Client.Upsert, in one call with concurrent writes. Changes of
// one participant are made one after the other. If the call fails as a whole, any
// part of it may have been done.
func (t *Tenant) Upsert(ctx context.Context, change bridge.ParticipantChange, programID string) (bridge.Participant, error) {
	id := bridge.Identity{AccountID: change.AccountID, UserID: change.UserID}
	return t.upserts.Do(ctx, target{program: programID, id: id}, change)
}

// yielding has the calls of a batch go behind those that somebody waits for.
func yielding[K comparable, V, R any](send func(context.Context, int, []batching.Item[K, V]) map[K]batching.Outcome[R]) func(context.Context, int, []batching.Item[K, V]) map[K]batching.Outcome[R] {
	return func(ctx context.Context, tries int, batch []batching.Item[K, V]) map[K]batching.Outcome[R] {
		return send(outbound.Yielding(ctx), tries, batch)
	}
}

func (t *Tenant) find(ctx context.Context, _ int, items []batching.Item[lookUp, struct{}]) map[lookUp]batching.Outcome[found] {
	outcomes := make(map[lookUp]batching.Outcome[found], len(items))
	for program, some := range byProgram(items, func(k lookUp) string { return k.program }) {
		emails := make([]string, len(some))
		for i, item := range some {
			emails[i] = item.Key.email
		}
		all, err := t.FindAll(ctx, emails, program)
		for i, item := range some {
			if err != nil {
				outcomes[item.Key] = batching.Outcome[found]{Err: err}
				continue
			}
			outcomes[item.Key] = batching.Outcome[found]{Value: found{all[i].ByID, all[i].ByEmail}, Err: all[i].Err}
		}
	}
	return outcomes
}

func (t *Tenant) show(ctx context.Context, _ int, items []batching.Item[target, struct{}]) map[target]batching.Outcome[*bridge.Participant] {
	outcomes := make(map[target]batching.Outcome[*bridge.Participant], len(items))
	for program, some := range byProgram(items, func(k target) string { return k.program }) {
		ids := make([]bridge.Identity, len(some))
		for i, item := range some {
			ids[i] = item.Key.id
		}
		all, err := t.ParticipantAll(ctx, ids, program)
		for i, item := range some {
			if err != nil {
				outcomes[item.Key] = batching.Outcome[*bridge.Participant]{Err: err}
				continue
			}
			outcomes[item.Key] = batching.Outcome[*bridge.Participant]{Value: all[i].Participant, Err: all[i].Err}
		}
	}
	return outcomes
}

func (t *Tenant) upsert(ctx context.Context, _ int, items []batching.Item[target, bridge.ParticipantChange]) map[target]batching.Outcome[bridge.Participant] {
	outcomes := make(map[target]batching.Outcome[bridge.Participant], len(items))
	for program, some := range byProgram(items, func(k target) string { return k.program }) {
		changes := make([]bridge.ParticipantChange, len(some))
		for i, item := range some {
			changes[i] = item.Value
		}
		all, err := t.UpsertAll(ctx, changes, program)
		for i, item := range some {
			if err != nil {
				outcomes[item.Key] = batching.Outcome[bridge.Participant]{Err: err}
				continue
			}
			outcomes[item.Key] = batching.Outcome[bridge.Participant]{Value: all[i].Participant, Err: all[i].Err}
		}
	}
	return outcomes
}

// byProgram splits a batch by program, because a call is about one program. There
// is more than one only around a program switch.
func byProgram[K comparable, V any](items []batching.Item[K, V], program func(K) string) map[string][]batching.Item[K, V] {
	parts := map[string][]batching.Item[K, V]{}
	for _, item := range items {
		parts[program(item.Key)] = append(parts[program(item.Key)], item)
	}
	return parts
}
