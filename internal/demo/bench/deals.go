package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"advocatesync/internal/advocate/advocatetest"
	"advocatesync/internal/demo/stack"
)

// dealWon is what a burst of deals sets off.
const dealWon = `
id: deal-won
object: deal
event: {type: property_changed, property: dealstage}
when: deal.dealstage == "closedwon"
at_once: 0
conversion:
  campaign_id: 47255
  action_tracker_id: 30101
  fields: {Amount: = deal.amount, CurrencyCode: USD}
`

// burst is one run of the deals scenario.
type burst struct {
	took          time.Duration // from the first webhook to the last conversion
	calls         int           // at HubSpot
	tooMany       int
	mostAtOnce    int // at impact.com
	conversions   int
	perConversion float64
}

// deals: all are won at once; each becomes one conversion. The second run has no
// HubSpot limit: what it is faster by is what the limit costs.
func (b *bench) deals(ctx context.Context) error {
	var seen [2]burst
	for i, opts := range []stack.Options{{}, {RatePer10s: growthRate}} {
		err := b.with(ctx, opts, func(s *system) (err error) {
			if opts.RatePer10s != 0 {
				if err := s.vendors.LiftLimits(ctx); err != nil {
					return err
				}
			}
			seen[i], err = b.burst(ctx, s)
			return err
		})
		if err != nil {
			return err
		}
	}
	limited, free := seen[0], seen[1]
	what := fmt.Sprintf("%d deals won at once", b.burstOf)
	b.table.add(what+": until all are sent, against no limit", "≥ 0.9 of its speed",
		fmt.Sprintf("%.1f s, %.1f s without", limited.took.Seconds(), free.took.Seconds()), percent(free.took.Seconds(), limited.took.Seconds()))
	b.table.add(what+": conversions/s", "–", fmt.Sprintf("%.1f", float64(limited.conversions)/limited.took.Seconds()), "")
	b.table.add(what+": HubSpot calls per deal", "–", fmt.Sprintf("%.4f", limited.perConversion), "")
	b.table.add(what+": 429s", "0", fmt.Sprint(limited.tooMany), "")
	b.table.add(what+": most calls at once at impact.com", fmt.Sprintf("≤ %d", stack.ImpactConcurrency), fmt.Sprint(limited.mostAtOnce), "")
	return nil
}

func (b *bench) burst(ctx context.Context, s *system) (burst, error) {
	if err := s.prepareDeals(ctx, b.burstOf); err != nil {
		return burst{}, err
	}
	if err := s.vendors.Reset(ctx); err != nil {
		return burst{}, err
	}
	began := time.Now()
	if err := s.vendors.ReleaseWebhooks(ctx); err != nil {
		return burst{}, err
	}
	var out burst
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for said := began; out.conversions < b.burstOf; {
		select {
		case <-ctx.Done():
			return out, ctx.Err()
		case <-tick.C:
		}
		counts, err := s.vendors.AdvocateCounts(ctx)
		if err != nil {
			return out, err
		}
		at := counts[advocatetest.RouteConversion]
		out.conversions, out.mostAtOnce = at.Calls, at.MaxConcurrent
		if time.Since(said) > 15*time.Second {
			said = time.Now()
			b.say("  %d of %d sent", out.conversions, b.burstOf)
		}
	}
	out.took = time.Since(began)
	traffic, err := s.vendors.Traffic(ctx)
	out.calls, out.tooMany = traffic.Total, traffic.TooMany
	out.perConversion = float64(out.calls) / float64(out.conversions)
	b.say("%d conversions in %s, %d HubSpot calls", out.conversions, out.took.Round(time.Millisecond), out.calls)
	return out, err
}

// prepareDeals makes a buyer, and deals of theirs whose winning HubSpot has not
// told of yet.
func (s *system) prepareDeals(ctx context.Context, deals int) error {
	if err := s.apply(ctx, dealWon); err != nil {
		return err
	}
	buyer, err := s.vendors.CreateContact(ctx, map[string]string{"email": "buyer@form.example", "firstname": "Buyer"})
	if err != nil {
		return err
	}
	if err := s.await(ctx, func() (bool, error) {
		mapped, err := s.store.MappedTo(ctx, s.ConnectionID, []string{buyer})
		return len(mapped) == 1, err
	}); err != nil {
		return fmt.Errorf("map the buyer: %w", err)
	}
	if err := s.vendors.HoldWebhooks(ctx); err != nil {
		return err
	}
	return s.vendors.WonDeals(ctx, deals, buyer)
}

// apply makes a trigger's definition count, as an operator does.
func (s *system) apply(ctx context.Context, definition string) error {
	file, err := os.CreateTemp("", "trigger-*.yaml")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // the system cleans its folder for such files
	_, err = file.WriteString(definition)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	_, err = s.Command(ctx, nil, "trigger", "apply", "-f", file.Name())
	return err
}

// awaitAtMost is how long a scenario waits for what should take seconds.
const awaitAtMost = 5 * time.Minute

// await polls until a condition holds, for awaitAtMost.
func (s *system) await(ctx context.Context, holds func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, awaitAtMost)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := holds(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
