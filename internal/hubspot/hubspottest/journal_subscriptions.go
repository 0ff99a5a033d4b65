package hubspottest

import (
	"slices"
	"strconv"
)

// journalActions are the actions that each type of subscription can name.
var journalActions = map[string][]string{
	"OBJECT":                {journalCreate, journalUpdate, journalDelete, journalMerge, journalRestore},
	"GDPR_PRIVACY_DELETION": {journalErase},
}

// check refuses what the stand-in does not record.
func (s JournalSubscription) check(h *Host) *failure {
	actions, known := journalActions[s.Type]
	if !known {
		return invalid("Unknown subscriptionType %s", s.Type)
	}
	if _, installed := h.Portal(s.PortalID); !installed {
		return invalid("The app is not installed in portal %d", s.PortalID)
	}
	if k, there := kindNamed(s.ObjectTypeID); !there || k.typeID != s.ObjectTypeID {
		return invalid("Unknown objectTypeId %s", s.ObjectTypeID)
	}
	if len(s.Actions) == 0 {
		return invalid("actions must not be empty")
	}
	for _, a := range s.Actions {
		if !slices.Contains(actions, a) {
			return invalid("%s is not an action of %s", a, s.Type)
		}
	}
	return nil
}

// same reports whether two subscriptions are one that changed.
func (s JournalSubscription) same(other JournalSubscription) bool {
	return s.Type == other.Type && s.PortalID == other.PortalID && s.ObjectTypeID == other.ObjectTypeID
}

// journalSubscribe creates a subscription or changes the one that there is.
func journalSubscribe(c *call) reply {
	var in JournalSubscription
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	if f := in.check(c.host); f != nil {
		return refused(f)
	}
	j, now := c.host.journal, timestamp(c.host.now().UnixMilli())
	i := slices.IndexFunc(j.subs, func(s journalSubscribed) bool { return s.same(in) })
	if i < 0 {
		j.subID++
		j.subs = append(j.subs, journalSubscribed{ID: j.subID, CreatedAt: now})
		i = len(j.subs) - 1
	}
	j.subs[i].JournalSubscription, j.subs[i].UpdatedAt = in, now
	return ok(j.subs[i])
}

func journalSubscriptions(c *call) reply {
	return ok(map[string]any{"results": append([]journalSubscribed{}, c.host.journal.subs...)})
}

func (c *call) journalSubscription() (int, *failure) {
	i := slices.IndexFunc(c.host.journal.subs, func(s journalSubscribed) bool { return strconv.FormatInt(s.ID, 10) == c.PathValue("id") })
	if i < 0 {
		return 0, notFound()
	}
	return i, nil
}

func journalSubscriptionByID(c *call) reply {
	i, f := c.journalSubscription()
	if f != nil {
		return refused(f)
	}
	return ok(c.host.journal.subs[i])
}

func journalUnsubscribe(c *call) reply {
	i, f := c.journalSubscription()
	if f != nil {
		return refused(f)
	}
	c.host.journal.subs = slices.Delete(c.host.journal.subs, i, i+1)
	return noContent()
}

func journalUnsubscribePortal(c *call) reply {
	c.host.journal.subs = slices.DeleteFunc(c.host.journal.subs, func(s journalSubscribed) bool {
		return strconv.FormatInt(s.PortalID, 10) == c.PathValue("portal")
	})
	return noContent()
}
