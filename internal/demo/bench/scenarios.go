package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/demo/stack"
)

// mapped: everybody has a contact whose values are old; the second time nothing
// is left to do.
func (b *bench) mapped(ctx context.Context) error {
	return b.with(ctx, stack.Options{}, func(s *system) error {
		if err := s.vendors.Mapped(ctx, b.records, s.DatabaseURL(), s.ConnectionID); err != nil {
			return err
		}
		m, err := b.massSync(ctx, s, nil)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%d mapped, changed", b.records)
		rate := float64(m.Total) / m.whole.Seconds()
		b.table.add(what+": contacts/s while applying", "≥ 1,045", fmt.Sprintf("%.0f", m.rate), percent(m.rate, ceiling)+" of the ceiling")
		b.table.add(what+": contacts/s from start to end", "–", fmt.Sprintf("%.0f", rate), percent(rate, ceiling)+" of the ceiling")
		b.table.add(what+": HubSpot calls per record", "≤ 0.0105", fmt.Sprintf("%.4f", m.callsPerRecord()), times(m.callsPerRecord(), 0.0105))
		b.table.add(what+": 429s", "< 0.1 % of calls", m.tooMany(), "")
		b.table.add(what+": written again with the same", "0", fmt.Sprint(m.traffic.Repeats), "")
		b.table.add(what+": worker's memory at 10, 50, 100 %", "flat", m.memory.String(), "")
		b.table.add(what+": CPU", "–", cpuLine(m.cpu), m.cpuPerRecord())
		b.table.add(what+": events in its history", "–", fmt.Sprint(m.events), "")
		if m, err = b.massSync(ctx, s, nil); err != nil {
			return err
		}
		b.table.add(fmt.Sprintf("%d without news: HubSpot writes", b.records), "0", fmt.Sprint(m.traffic.Writes),
			fmt.Sprintf("%d calls, %s", m.HubSpotCalls, m.whole.Round(100*time.Millisecond)))
		return nil
	})
}

// unmapped: nobody has been seen before, and HubSpot knows every other one.
func (b *bench) unmapped(ctx context.Context) error {
	return b.with(ctx, stack.Options{}, func(s *system) error {
		if err := s.vendors.Participants(ctx, 0, b.records); err != nil {
			return err
		}
		if err := s.vendors.Contacts(ctx, 0, b.records, 2, nil); err != nil {
			return err
		}
		m, err := b.massSync(ctx, s, nil)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%d unmapped, half existing", b.records)
		b.table.add(what+": HubSpot calls per record", "≤ 0.0315", fmt.Sprintf("%.4f", m.callsPerRecord()), times(m.callsPerRecord(), 0.0315))
		calls := float64(m.traffic.Total) / m.whole.Seconds()
		b.table.add(what+": HubSpot calls/s from start to end", "≤ 11", fmt.Sprintf("%.2f", calls), percent(calls, 11)+" of the ceiling")
		b.table.add(what+": created, matched, parked", "half, half, 0", fmt.Sprintf("%d, %d, %d", m.Created, m.Matched, m.Parked), "")
		b.table.add(what+": 429s", "< 0.1 % of calls", m.tooMany(), "")
		return nil
	})
}

// liveBeside: people create contacts in HubSpot while a mass sync takes all the
// calls that it may.
func (b *bench) liveBeside(ctx context.Context) error {
	return b.with(ctx, stack.Options{}, func(s *system) error {
		if err := s.vendors.Mapped(ctx, b.records, s.DatabaseURL(), s.ConnectionID); err != nil {
			return err
		}
		// Over four fifths of the time that the mass sync will take.
		every := time.Duration(0.8 * float64(b.records) / ceiling / float64(b.live) * float64(time.Second))
		l := latencies{system: s, people: b.live, every: every}
		m, err := b.massSync(ctx, s, func() error { return l.measure(ctx) })
		if err != nil {
			return err
		}
		b.table.addLatencies(fmt.Sprintf("%d contacts created beside it, one every %s: fields back", b.live, every.Round(time.Millisecond)), l.took)
		b.table.add("meanwhile: contacts/s of the mass sync", "–", fmt.Sprintf("%.0f", m.rate), percent(m.rate, ceiling)+" of the ceiling")
		b.table.add("meanwhile: 429s", "< 0.1 % of calls", m.tooMany(), "")
		return nil
	})
}

// latencies measures how long new contacts wait for their participant's fields.
type latencies struct {
	system *system
	people int
	every  time.Duration
	born   map[string]time.Time // by contact id
	waits  map[string]bool      // those of them that wait
	took   []time.Duration
}

func (l *latencies) measure(ctx context.Context) error {
	l.born, l.waits = map[string]time.Time{}, map[string]bool{}
	create, poll := time.NewTicker(l.every), time.NewTicker(25*time.Millisecond)
	defer create.Stop()
	defer poll.Stop()
	for created := 0; len(l.took) < l.people; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-create.C:
			if created == l.people {
				continue
			}
			born := time.Now()
			id, err := l.system.vendors.CreateContact(ctx, map[string]string{"email": fmt.Sprintf("lead%d@form.example", created), "firstname": "Lead"})
			if err != nil {
				return err
			}
			l.born[id], l.waits[id] = born, true
			created++
		case <-poll.C:
			if err := l.poll(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// poll notes the contacts that have their fields now.
func (l *latencies) poll(ctx context.Context) error {
	if len(l.waits) == 0 {
		return nil
	}
	oldest := slices.Min(slices.Collect(maps.Keys(l.waits))) // ids of one length
	before, err := strconv.Atoi(oldest)
	if err != nil {
		return err
	}
	records, err := l.system.vendors.ContactsAfter(ctx, strconv.Itoa(before-1), l.people)
	if err != nil {
		return err
	}
	for _, record := range records {
		if l.waits[record.ID] && record.Properties[bridge.PropReferralCode] != "" {
			l.took = append(l.took, time.Since(l.born[record.ID]))
			delete(l.waits, record.ID)
		}
	}
	return nil
}

// growthRate is what the worker believes HubSpot's limit to be, in calls per
// 10 s, when the limit is lifted: far beyond what one machine can send.
const growthRate = 3000

// growth: what a record takes us, at several sizes. HubSpot's limit would hide
// it, so there is none.
func (b *bench) growth(ctx context.Context) error {
	var first float64
	for _, size := range b.sizes {
		err := b.with(ctx, stack.Options{RatePer10s: growthRate}, func(s *system) error {
			if err := s.vendors.LiftLimits(ctx); err != nil {
				return err
			}
			if err := s.vendors.Mapped(ctx, size, s.DatabaseURL(), s.ConnectionID); err != nil {
				return err
			}
			m, err := b.massSync(ctx, s, nil)
			if err != nil {
				return err
			}
			apply := m.apply.Seconds() / float64(m.Total) * 1e6
			if first == 0 {
				first = apply
			}
			what := fmt.Sprintf("%d mapped, changed, no limit", size)
			b.table.add(what+": applying, µs per record", "± 10 % of the first", fmt.Sprintf("%.0f", apply), percent(apply, first)+" of the first")
			rest := (m.whole - m.apply).Seconds() / float64(m.Total) * 1e6
			b.table.add(what+": export, plan and end, µs per record", "–", fmt.Sprintf("%.0f", rest), fmt.Sprintf("%.1f s in all", m.whole.Seconds()))
			b.table.add(what+": contacts/s while applying", "–", fmt.Sprintf("%.0f", m.rate), fmt.Sprintf("%.1f × the ceiling", m.rate/ceiling))
			b.table.add(what+": worker's memory at 10, 50, 100 %", "flat", m.memory.String(), "")
			b.table.add(what+": CPU", "–", cpuLine(m.cpu), m.cpuPerRecord())
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m measured) cpuPerRecord() string {
	var sum time.Duration
	for _, cpu := range m.cpu {
		sum += cpu
	}
	return fmt.Sprintf("%.2f ms per record", sum.Seconds()*1000/float64(m.Total))
}

func (m measured) tooMany() string {
	return fmt.Sprintf("%d of %d, %s", m.traffic.TooMany, m.traffic.Total, percent(float64(m.traffic.TooMany), float64(m.traffic.Total)))
}
