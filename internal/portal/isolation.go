package portal

import (
	"context"
	"errors"

	"advocatesync/internal/bridge"
	"advocatesync/internal/outbound"
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
	// faultsInRow is how many failures in a row mean that HubSpot itself is down, if no
	// witness says otherwise: finding three records side by side in a batch of a
	// hundred takes sixteen.
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
// answered for another part of the batch, or a witness. Any other failure ends it at
// once: what was not sent by then stays unsent.
type isolation[T any] struct {
	send    func([]T) error
	refuse  func(T, error) // learns of each record that cannot be sent
	suspect bool
	convict bool // a record that fails alone is refused in any case

	// witness makes a call like it that carries no record; nil: there is none. Whether
	// HubSpot answers that tells an outage from records that it fails on while none that
	// it takes travels with them.
	witness func() error

	answered bool // HubSpot has taken, or refused, some part of the batch, or answered the witness
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
func isolate[T any](ctx context.Context, turn chan struct{}, batch []T, send func([]T) error, refuse func(T, error), witness func() error) error {
	i := isolation[T]{send: send, refuse: refuse, witness: witness}
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
	case i.answered, err == nil && len(i.alone) > 0 && (i.attested() || i.convict):
		for _, s := range i.alone {
			i.refuse(s.record, unacceptable(s.err))
		}
	case err == nil && len(i.alone) > 0:
		return i.alone[0].err
	}
	return err
}

// attested reports whether the witness says that HubSpot is up.
func (i *isolation[T]) attested() bool {
	if i.witness == nil || !outbound.Answered(i.witness()) {
		return false
	}
	i.answered, i.inRow = true, 0
	return true
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
		if i.inRow++; i.inRow >= faultsInRow && !i.attested() {
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
// A record that lacks a scope, or is throttled, while HubSpot takes the others of its
// batch, is refused in the same way, the latter after the longest time: it waits its
// turn before that.
func judged(ctx context.Context, err error) error {
	kind := bridge.KindOf(err)
	switch n := tries(ctx); {
	case n >= suspectFrom && (fault(err) || kind == bridge.Unauthorized), n >= convictFrom && kind == bridge.Throttled:
		return unacceptable(err)
	default:
		return err
	}
}

// MayGiveUp reports whether a single record on which a vendor fails again and again
// may be given up by work that was tried as often as ctx says (WithTries). answered
// says that the vendor has answered for another one meanwhile: it is not down.
func MayGiveUp(ctx context.Context, answered bool) bool {
	n := tries(ctx)
	return n >= convictFrom || answered && n >= suspectFrom
}

// Fails reports an answer that blames nobody, and that one record may be the cause of
// all the same.
func Fails(err error) bool { return fault(err) }

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
