package intake

import (
	"context"
	"fmt"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
	"advocatesync/internal/trigger"
)

// Inbox stores events until they are relayed.
type Inbox interface {
	// ConnectionByPortal returns a not_found error if no connection has the portal.
	ConnectionByPortal(ctx context.Context, portalID int64) (bridge.Connection, error)
	// AppendEvents stores the events and returns how many were new.
	AppendEvents(ctx context.Context, events []store.Event) (int, error)
	// AppendObjectEvents does the same for events that triggers watch.
	AppendObjectEvents(ctx context.Context, events []store.ObjectEvent) (int, error)
}

// Triggers returns what the enabled triggers of a connection watch.
type Triggers interface {
	Watches(ctx context.Context, connectionID string) ([]trigger.Watch, error)
}

// sink stores all events from HubSpot, by webhook or journal.
type sink struct {
	portals     *portals
	inbox       Inbox
	wake        func()
	wakeObjects func()
}

func newSink(inbox Inbox, triggers Triggers, wake, wakeObjects func(), now func() time.Time) *sink {
	return &sink{
		portals: newPortals(inbox.ConnectionByPortal, triggers.Watches, now),
		inbox:   inbox, wake: wake, wakeObjects: wakeObjects,
	}
}

// store stores the events and counts their dispositions. After an error it counts
// nothing, because the repetition does.
func (s *sink) store(ctx context.Context, events []parsed) (tally, error) {
	tally := tally{}
	var kept kept
	for _, e := range events {
		if err := s.sort(ctx, e, &kept, tally); err != nil {
			return nil, err
		}
	}
	repeated, err := s.append(ctx, kept)
	if err != nil {
		return nil, err
	}
	tally.repeated(repeated)
	return tally, nil
}

// kept are the events to store.
type kept struct {
	contacts []store.Event
	objects  []store.ObjectEvent
	alone    int // objects that no contact's event counts
}

// sort decides where an event goes, and counts it once: for the contacts that it
// concerns, or else for the record that triggers watch.
func (s *sink) sort(ctx context.Context, p parsed, to *kept, tally tally) error {
	if len(p.contacts) == 0 && p.object == nil {
		tally[p.becomes]++
		return nil
	}
	known, err := s.portals.find(ctx, p.portalID)
	if bridge.KindOf(err) == bridge.NotFound {
		tally[UnknownPortal] += max(len(p.contacts), 1)
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the connection of portal %d: %w", p.portalID, err)
	}
	for _, e := range p.contacts {
		to.contacts = append(to.contacts, e.stored(known.connection))
	}
	tally[p.becomes] += len(p.contacts)
	watched := p.object != nil && p.object.watched(known.watches)
	if watched {
		to.objects = append(to.objects, p.object.stored(known.connection))
	}
	switch {
	case len(p.contacts) > 0:
	case watched:
		to.alone++
		tally[Accepted]++
	default:
		tally[Ignored]++
	}
	return nil
}

// append stores the events and returns how many of those counted were known
// already. If the second half fails, the repetition finds the first half done.
func (s *sink) append(ctx context.Context, events kept) (repeated int, err error) {
	fresh, err := appendTo(ctx, s.inbox.AppendEvents, events.contacts, s.wake)
	if err != nil {
		s.portals.forget() // the connection may be gone: the repetition has to look it up again
		return 0, err
	}
	freshObjects, err := appendTo(ctx, s.inbox.AppendObjectEvents, events.objects, s.wakeObjects)
	if err != nil {
		s.portals.forget()
		return 0, err
	}
	// An event that concerns a contact as well is counted for the contact.
	return len(events.contacts) - fresh + min(len(events.objects)-freshObjects, events.alone), nil
}

// appendTo stores events and wakes their relay if any is new.
func appendTo[E any](ctx context.Context, inbox func(context.Context, []E) (int, error), events []E, wake func()) (fresh int, err error) {
	if len(events) == 0 {
		return 0, nil
	}
	if fresh, err = inbox(ctx, events); err != nil {
		return 0, fmt.Errorf("append %d events: %w", len(events), err)
	}
	if fresh > 0 {
		wake()
	}
	return fresh, nil
}
