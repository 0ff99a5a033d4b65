package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/seed"
	"advocatesync/internal/demo/stack"
	"advocatesync/internal/store"
)

// reconcile: everybody is in step, but for a thousandth whose values were overwritten
// in HubSpot unheard. Contacts are created by form while both sides are read.
func (b *bench) reconcile(ctx context.Context) error {
	return b.with(ctx, stack.Options{}, func(s *system) error {
		if err := s.vendors.Mapped(ctx, b.records, s.DatabaseURL(), s.ConnectionID); err != nil {
			return err
		}
		if _, err := b.massSync(ctx, s, nil); err != nil {
			return err
		}
		spoilt := max(b.records/1000, 1)
		if err := s.vendors.Contacts(ctx, 0, spoilt, 1, func(i int) map[string]string {
			return map[string]string{bridge.PropUserID: seed.ParticipantID(i), bridge.PropAccountID: seed.ParticipantID(i), bridge.PropReferralCode: "SPOILT" + strconv.Itoa(i)}
		}); err != nil {
			return err
		}
		if err := s.vendors.Reset(ctx); err != nil {
			return err
		}
		l := latencies{system: s, people: 30, every: time.Second}
		r, err := b.runReconcile(ctx, s, func() error { return l.measure(ctx) })
		if err != nil {
			return err
		}
		what := fmt.Sprintf("reconcile of %d pairs", b.records)
		b.table.add(what+": HubSpot calls per contact read", "≤ 0.0105", fmt.Sprintf("%.4f", float64(r.listCalls)/float64(r.Contacts)), "")
		b.table.add(what+": contacts/s while reading", "≥ 990", fmt.Sprintf("%.0f", r.listRate()), percent(r.listRate(), ceiling)+" of the ceiling")
		b.table.add(what+": calls while reading, of what the limit leaves beside live ones", "≥ 90 %", percent(float64(r.listCalls), r.share()), "")
		b.table.add(what+": from start to end", "–", r.FinishedAt.Sub(r.CreatedAt).Round(100*time.Millisecond).String(), "")
		b.table.add(what+": spoilt, found, repaired", "the same", fmt.Sprintf("%d, %d, %d", spoilt, r.found(), r.repaired()), "")
		b.table.add(what+": worker's memory at 10, 50, 100 %", "flat", r.memory.String(), "")
		b.table.addLatencies(fmt.Sprintf("%d contacts by form beside it: fields back", l.people), l.took)
		again, err := b.runReconcile(ctx, s, nil)
		if err != nil {
			return err
		}
		b.table.add(what+", a second one: found", "0", fmt.Sprint(again.found()), "")
		return nil
	})
}

// reconciled is one reconcile as seen from outside.
type reconciled struct {
	store.ReconcileProgress
	memory    memory        // of the worker, sampled evenly
	listed    time.Duration // from asking for it until HubSpot's list was read
	listCalls int64
	calls     int // everybody's, until then
}

func (r reconciled) listRate() float64 { return float64(r.Contacts) / r.listed.Seconds() }

// share is how many calls HubSpot's limit left to the list.
func (r reconciled) share() float64 {
	return ceiling/100*r.listed.Seconds() - float64(int64(r.calls)-r.listCalls)
}

func (r reconciled) found() (n int64) {
	for _, drift := range r.Drift {
		n += drift.N
	}
	return n
}

func (r reconciled) repaired() (n int64) {
	for _, drift := range r.Drift {
		if drift.Outcome == bridge.DriftRepaired {
			n += drift.N
		}
	}
	return n
}

// runReconcile runs a reconcile as an operator does and watches it from outside.
// meanwhile, unless nil, runs beside it and is waited for.
func (b *bench) runReconcile(ctx context.Context, s *system, meanwhile func() error) (reconciled, error) {
	var r reconciled
	out, err := s.Command(ctx, nil, "reconcile", "start", "--json")
	if err != nil {
		return r, err
	}
	var started struct {
		Run int64 `json:"run"`
	}
	if err := json.Unmarshal([]byte(out), &started); err != nil {
		return r, fmt.Errorf("reconcile start answers no JSON: %w", err)
	}
	beside := make(chan error, 1)
	go func() {
		if meanwhile == nil {
			beside <- nil
			return
		}
		beside <- meanwhile()
	}()
	if err := b.watchReconcile(ctx, s, started.Run, &r); err != nil {
		return r, err
	}
	if r.State != store.RunDone {
		return r, fmt.Errorf("reconcile %d ended as %s: %s", r.ID, r.State, r.Reason)
	}
	return r, <-beside
}

func (b *bench) watchReconcile(ctx context.Context, s *system, run int64, r *reconciled) error {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	before, err := s.vendors.Traffic(ctx)
	if err != nil {
		return err
	}
	for began, said := time.Now(), time.Now(); r.FinishedAt.IsZero(); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		now, err := s.store.ReconcileProgress(ctx, s.ConnectionID, run)
		if err != nil {
			return err
		}
		r.ReconcileProgress = now
		r.memory = append(r.memory, processes()["worker"].resident)
		if now.Step == store.ReconcileLive || now.Step == store.ReconcileArchived {
			traffic, err := s.vendors.Traffic(ctx)
			if err != nil {
				return err
			}
			r.listed, r.listCalls, r.calls = time.Since(began), now.HubSpotCalls, traffic.Total-before.Total
		}
		if time.Since(said) > 15*time.Second {
			said = time.Now()
			b.say("  %s: %d contacts read", now.Step, now.Contacts)
		}
	}
	return nil
}
