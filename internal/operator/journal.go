package operator

import (
	"context"
	"slices"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// JournalStatus is the state of HubSpot's journal for a connection.
type JournalStatus struct {
	State  bridge.JournalState
	Reason string
	Since  time.Time // since when the state holds; zero: unknown
	Until  time.Time // everything published before was heard; zero: nothing was read yet
	GapAt  time.Time // end of the gap, for which a reconcile is due; zero: there is none
}

func (o *Operator) journal(ctx context.Context, c bridge.Connection) (JournalStatus, error) {
	at, err := o.store.Journal(ctx)
	if err != nil {
		return JournalStatus{}, err
	}
	portals, err := o.store.JournalPortals(ctx)
	if err != nil {
		return JournalStatus{}, err
	}
	s := JournalStatus{State: at.State, Reason: at.Reason, Since: at.Since, Until: at.Until}
	i := slices.IndexFunc(portals, func(p store.JournalPortal) bool { return p.PortalID == c.PortalID })
	recorded := i >= 0 && !portals[i].SubscribedAt.IsZero()
	if s.State == bridge.JournalFollowing && !recorded {
		s = JournalStatus{State: bridge.JournalNotRecorded}
	}
	if i >= 0 {
		s.GapAt = portals[i].GapAt
		if s.State == bridge.JournalNotRecorded {
			s.Reason = portals[i].Problem
		}
	}
	return s, nil
}
