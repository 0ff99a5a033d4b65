package portal

import (
	"context"
	"errors"

	"advocatesync/internal/bridge"
)

const (
	// suspectFrom is from which try on a failure of HubSpot's counts as perhaps
	// the fault of one record. The tries before it outlast a short outage.
	suspectFrom = 3
	// convictFrom is from which try on a record that fails alone is given up
	// although HubSpot took no other one meanwhile. Bulk work gets there after
	// about an hour.
	convictFrom = 75
	// triesAlone is how often a suspect is tried alone.
	triesAlone = 3
	// faultsInRow is how many failures in a row mean that HubSpot itself is down:
	// finding three records side by side in a batch of a hundred takes sixteen.
	faultsInRow = 20
)

type triesKey struct{}

// WithTries says how often the work under ctx has been tried, this time
// included. After a few tries a failing batch is split around the record that
// HubSpot cannot take: that record alone is then refused, and the others pass.
func WithTries(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, triesKey{}, n)
}

func tries(ctx context.Context) int {
	n, _ := ctx.Value(triesKey{}).(int)
	return n
}

// isolation sends a batch and separates the records that cannot be sent from
// those that can.
//
// A batch that HubSpot refuses as a whole is sent again in halves until each bad
// record is alone. So is, if suspect, a batch that HubSpot fails on: some records
// make it answer 500 whatever else is in the batch. Failing alone proves nothing
// while HubSpot is down, so such a record is refused only if HubSpot has
// answered for another part of the batch. Any other failure ends it at once:
// what was not sent by then stays unsent.
type isolation[T any] struct {
	send    func([]T) error
	refuse  func(T, error) // learns of each record that cannot be sent
	suspect bool
	convict bool // a record that fails alone is refused in any case

	answered bool // HubSpot has taken, or refused, some part of the batch
	inRow    int  // failures since then
	alone    []suspected[T]
}

// suspected is a record that HubSpot failed on alone.
type suspected[T any] struct {
	record T
	err    error
}

// isolate is an isolation of work that has been tried as often as ctx says. One
// caller at a time may suspect records, whoever holds turn: a HubSpot that is down
// is not to be asked twenty times for every batch.
func isolate[T any](ctx context.Context, turn chan struct{}, batch []T, send func([]T) error, refuse func(T, error)) error {
	i := isolation[T]{send: send, refuse: refuse}
	if tries(ctx) >= suspectFrom {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
			i.suspect, i.convict = true, tries(ctx) >= convictFrom
		default:
		}
	}
	return i.run(batch)
}

func (i *isolation[T]) run(batch []T) error {
	err := i.split(batch)
	switch {
	case i.answered, i.convict && err == nil:
		for _, s := range i.alone {
			i.refuse(s.record, unacceptable(s.err))
		}
	case err == nil && len(i.alone) > 0:
		return i.alone[0].err
	}
	return err
}

func (i *isolation[T]) split(batch []T) error {
	err := i.send(batch)
	for n := 1; n < triesAlone && len(batch) == 1 && i.suspect && fault(err); n++ {
		i.inRow++
		err = i.send(batch)
	}
	switch {
	case err == nil:
		i.answered, i.inRow = true, 0
		return nil
	case refusal(err):
		i.answered, i.inRow = true, 0
		if len(batch) == 1 {
			i.refuse(batch[0], err)
			return nil
		}
	case i.suspect && fault(err):
		if i.inRow++; i.inRow >= faultsInRow {
			return err
		}
		if len(batch) == 1 {
			i.alone = append(i.alone, suspected[T]{batch[0], err})
			return nil
		}
	default:
		return err
	}
	half := len(batch) / 2
	if err := i.split(batch[:half]); err != nil {
		return err
	}
	return i.split(batch[half:])
}

// refusal tells an answer that may be about a single record of a batch.
// NotFound is one of them: taken as the answer for the whole batch, it would
// make a hundred contacts look deleted because of one.
func refusal(err error) bool {
	switch bridge.KindOf(err) {
	case bridge.Invalid, bridge.Conflict, bridge.NotFound:
		return true
	default:
		return false
	}
}

// fault tells an answer that blames nobody, and that one record may be the cause
// of all the same: HubSpot failed, or said something that we do not understand.
func fault(err error) bool {
	var e *bridge.Error
	return errors.As(err, &e) && (e.Kind == bridge.Unavailable || e.Kind == bridge.Unknown) && e.Status != 0
}

// judged is what HubSpot said of one record of a batch that it took. What we do
// not understand may pass; after a few tries it counts as a refusal.
func judged(ctx context.Context, err error) error {
	if tries(ctx) >= suspectFrom && fault(err) {
		return unacceptable(err)
	}
	return err
}

// errUnacceptable marks a record that HubSpot fails on, again and again, while it
// takes others.
var errUnacceptable = errors.New("HubSpot fails on this record and takes others")

// unacceptable turns the failure that a record causes into a refusal of it. The
// vendor's words stay.
func unacceptable(err error) error {
	var e *bridge.Error
	if !errors.As(err, &e) {
		return err
	}
	refused := *e
	refused.Kind, refused.RetryAfter, refused.Err = bridge.Invalid, 0, errUnacceptable
	return &refused
}
