package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
)

// checkAgain is how soon HubSpot is asked what is subscribed. A new connection, or a
// new trigger, does not wait for it.
const checkAgain = 10 * time.Minute

// subscribed is what the reader knows of the app's subscriptions.
type subscribed struct {
	checkedAt time.Time
	have      []hubspot.JournalSubscription
	covered   map[int64]bool   // portals whose contacts were recorded in full when it was asked last
	tried     map[int64]string // what was asked for last, by portal
}

// objectTypes are the types under which the journal records records.
var objectTypes = map[bridge.ObjectType]string{bridge.ObjectContact: "0-1", bridge.ObjectCompany: "0-2", bridge.ObjectDeal: "0-3"}

// contactSubscriptions are what a contact's life needs to hear.
func contactSubscriptions(portalID int64) []hubspot.JournalSubscription {
	contact := objectTypes[bridge.ObjectContact]
	return []hubspot.JournalSubscription{
		{
			Type: hubspot.SubscriptionObject, PortalID: portalID, ObjectTypeID: contact,
			Actions: []string{"CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE"}, Properties: bridge.UpdatingProperties(),
		},
		{Type: hubspot.SubscriptionPrivacy, PortalID: portalID, ObjectTypeID: contact, Actions: []string{"GDPR_DELETE"}},
	}
}

// triggerSubscriptions are what the triggers of a connection watch, but for contacts:
// see intake.Journal.
func (r *Reader) triggerSubscriptions(ctx context.Context, c bridge.Connection) ([]hubspot.JournalSubscription, error) {
	watches, err := r.Watches(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	var all []hubspot.JournalSubscription
	for _, of := range []bridge.ObjectType{bridge.ObjectDeal, bridge.ObjectCompany} {
		s := hubspot.JournalSubscription{Type: hubspot.SubscriptionObject, PortalID: c.PortalID, ObjectTypeID: objectTypes[of], Actions: []string{"CREATE"}}
		watched := false
		for _, w := range watches {
			if w.Object != of {
				continue
			}
			watched = true
			if w.Property != "" {
				s.Properties = append(s.Properties, w.Property)
			}
		}
		if len(s.Properties) > 0 {
			s.Actions = append(s.Actions, "UPDATE")
		}
		if watched {
			all = append(all, s)
		}
	}
	return all, nil
}

// keepSubscriptions has HubSpot record what the connections need, and no more for
// portals whose connection has ended. A portal that HubSpot refuses is noted and
// stops no other.
func (r *Reader) keepSubscriptions(ctx context.Context) error {
	connections, err := r.Store.Connections(ctx)
	if err != nil {
		return err
	}
	portals, err := r.Store.JournalPortals(ctx)
	if err != nil {
		return err
	}
	checked := r.Now().Sub(r.subscribed.checkedAt) >= checkAgain
	if checked {
		if r.subscribed.have, err = r.HubSpot.Subscriptions(ctx); err != nil {
			return err
		}
		r.subscribed.checkedAt, r.subscribed.tried = r.Now(), map[int64]string{}
	}
	var failed error
	for _, c := range connections {
		known := portal(portals, c.PortalID)
		failed = errors.Join(failed, r.keepPortal(ctx, c, known, checked))
	}
	for _, p := range portals {
		ended := !slices.ContainsFunc(connections, func(c bridge.Connection) bool { return c.PortalID == p.PortalID })
		if ended {
			failed = errors.Join(failed, r.leavePortal(ctx, p.PortalID))
		}
	}
	return failed
}

func portal(all []store.JournalPortal, id int64) store.JournalPortal {
	if i := slices.IndexFunc(all, func(p store.JournalPortal) bool { return p.PortalID == id }); i >= 0 {
		return all[i]
	}
	return store.JournalPortal{}
}

// keepPortal subscribes to what is missing. HubSpot is asked again for what it refused
// when all subscriptions are checked again.
func (r *Reader) keepPortal(ctx context.Context, c bridge.Connection, known store.JournalPortal, checked bool) error {
	contacts := contactSubscriptions(c.PortalID)
	triggers, err := r.triggerSubscriptions(ctx, c)
	if err != nil {
		return err
	}
	asked := fmt.Sprint(contacts, triggers)
	if r.subscribed.tried[c.PortalID] == asked {
		return nil
	}
	if checked && r.removed(contacts, known) {
		// Noted before it ends: whatever happens now, it was there.
		if err := r.notePortal(ctx, known, known.Problem, true); err != nil {
			return err
		}
	}
	refused := r.subscribe(ctx, contacts)
	if refused != nil && !ofPortal(refused) {
		return refused
	}
	problem := ""
	if refused != nil {
		problem = refused.Error()
	}
	if known.PortalID == 0 || problem != known.Problem {
		// What happened while it was refused was not recorded.
		ended := known.Problem != "" && problem == ""
		if err := r.notePortal(ctx, store.JournalPortal{PortalID: c.PortalID}, problem, ended); err != nil {
			return err
		}
	}
	// Triggers hear of deals and companies by webhooks, too.
	if err := r.subscribe(ctx, triggers); err != nil && refused == nil {
		if !ofPortal(err) && !hubspot.ScopesMissing(err) {
			return err
		}
		r.Log.WarnContext(ctx, "HubSpot's journal does not record what triggers watch; webhooks tell of it", "connection", c.ID, "error", err)
	}
	r.subscribed.tried[c.PortalID] = asked
	return nil
}

// notePortal keeps whether HubSpot records for a portal, and whether it did not for a
// while.
func (r *Reader) notePortal(ctx context.Context, p store.JournalPortal, problem string, gap bool) error {
	if gap {
		r.gaps.WithLabelValues(causeUnsubscribed).Inc()
	}
	r.Log.InfoContext(ctx, "HubSpot's journal records for a portal, or does not", "portal", p.PortalID, "problem", problem, "gap", gap)
	return r.Store.NoteJournalPortal(ctx, p.PortalID, problem, gap)
}

// removed tells whether somebody removed what was there, in whole or in part: nothing,
// or less, was recorded since. A subscription that HubSpot shows in another form than it
// was made in never was there in full, and is no gap.
func (r *Reader) removed(contacts []hubspot.JournalSubscription, known store.JournalPortal) bool {
	there := func(wanted hubspot.JournalSubscription) bool {
		return slices.ContainsFunc(r.subscribed.have, wanted.Same)
	}
	gone := slices.ContainsFunc(contacts, func(s hubspot.JournalSubscription) bool { return !there(s) })
	full := !slices.ContainsFunc(contacts, r.missing)
	before := r.subscribed.covered[contacts[0].PortalID]
	r.subscribed.covered[contacts[0].PortalID] = full
	return !known.SubscribedAt.IsZero() && (gone || before && !full)
}

func (r *Reader) missing(wanted hubspot.JournalSubscription) bool {
	return !slices.ContainsFunc(r.subscribed.have, func(s hubspot.JournalSubscription) bool { return s.Covers(wanted) })
}

// subscribe asks for what is missing, and takes nothing away: another installation may
// share the app.
func (r *Reader) subscribe(ctx context.Context, wanted []hubspot.JournalSubscription) error {
	for _, s := range wanted {
		if !r.missing(s) {
			continue
		}
		i := slices.IndexFunc(r.subscribed.have, s.Same)
		if i >= 0 {
			s = s.With(r.subscribed.have[i])
		}
		if err := r.HubSpot.Subscribe(ctx, s); err != nil {
			return err
		}
		if i >= 0 {
			r.subscribed.have[i] = s
		} else {
			r.subscribed.have = append(r.subscribed.have, s)
		}
	}
	return nil
}

// ofPortal tells a refusal that is about one portal, or one type of record in it, from
// one that is about the app.
func ofPortal(err error) bool {
	switch bridge.KindOf(err) {
	case bridge.Invalid, bridge.NotFound, bridge.Conflict:
		return !hubspot.ScopesMissing(err) && !hubspot.AppRefused(err)
	default:
		return false
	}
}

func (r *Reader) leavePortal(ctx context.Context, portalID int64) error {
	if err := r.HubSpot.UnsubscribePortal(ctx, portalID); err != nil && !ofPortal(err) {
		return err
	}
	r.subscribed.have = slices.DeleteFunc(r.subscribed.have, func(s hubspot.JournalSubscription) bool { return s.PortalID == portalID })
	delete(r.subscribed.tried, portalID)
	return r.Store.ForgetJournalPortal(ctx, portalID)
}
