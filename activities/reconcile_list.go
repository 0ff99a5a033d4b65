package activities

import (
	"context"
	"slices"

	"go.temporal.io/sdk/activity"

	"advocatesync/internal/bridge"
	"advocatesync/internal/portal"
	"advocatesync/internal/store"
)

// listPages is how many pages of the list one activity reads: enough to keep the
// history of a million contacts short, and few enough to take less than a minute.
const listPages = 400

// ListContactsResult says how far the list was read.
type ListContactsResult struct {
	Listed    bool  `json:"listed,omitempty"`    // to its end, the recycle bin included
	Suspended bool  `json:"suspended,omitempty"` // the operator wants the run to stop
	Contacts  int64 `json:"contacts"`            // by this call
}

// ListContacts lists HubSpot's contacts, live ones first and then the recycle bin,
// and stages keyed hashes of each. Each page is stored together with the cursor of
// the next one, so a second attempt continues where the first one stopped. From the
// third attempt on, it leaves out what HubSpot fails to show, and records that.
func (a *Reconciles) ListContacts(ctx context.Context, in Run) (ListContactsResult, error) {
	var result ListContactsResult
	run, conn, err := a.open(ctx, in)
	if err != nil {
		return result, retryable(err)
	}
	ctx, cancel := context.WithCancel(portal.WithTries(ctx, int(activity.GetInfo(ctx).Attempt)))
	list := contactList{Reconciles: a, conn: conn, run: run}
	defer list.drain()
	defer cancel()
	for page := range listPages {
		if stopping(ctx) {
			return result, retryable(&bridge.Error{Kind: bridge.Pending, Op: "activities.list_contacts", RetryAfter: handOver, Err: errStopping})
		}
		desired, err := a.store.Desired(ctx, run.ID)
		if err != nil || desired != store.DesiredRunning {
			result.Suspended = err == nil
			return result, retryable(err)
		}
		n, listed, err := list.stageNext(ctx, page < listPages-1)
		result.Contacts += int64(n)
		if err != nil || listed {
			result.Listed = listed
			return result, retryable(err)
		}
	}
	return result, nil
}

// contactList is a portal's list of contacts, read page by page. While a page is
// staged, HubSpot is asked for the next one: the two take about as long, and in turn
// they would leave a fifth of HubSpot's limit unused.
type contactList struct {
	*Reconciles

	conn  ConnectionClients
	run   store.Run
	ahead chan listedPage // the page that is being read; nil: none
}

// listedPage is a page of the list, and the position that led to it.
type listedPage struct {
	at   store.Listing
	page portal.ContactPage
	err  error
}

// stageNext stages the next page; listed is true where there is none. With readAhead
// set, it has the page after that read meanwhile.
func (l *contactList) stageNext(ctx context.Context, readAhead bool) (n int, listed bool, err error) {
	next := l.next(ctx)
	if next.err != nil {
		return 0, false, next.err
	}
	at, page := next.at, next.page
	if at.Ended() {
		return 0, true, nil
	}
	if readAhead && page.After != "" {
		l.readAhead(ctx, at.Step, page.After)
	}
	staged, err := l.reduce(ctx, l.conn, page.Contacts)
	if err != nil {
		return 0, false, err
	}
	unreadable, err := l.known(ctx, l.conn, page.Unreadable, bridge.PresenceUnreadable)
	if err != nil {
		return 0, false, err
	}
	staged = append(staged, unreadable...)
	if err := l.stageMerged(ctx, at, page.Contacts); err != nil {
		return 0, false, err
	}
	moved, err := l.store.StageListed(ctx, l.run.ID, at, staged, page.Unlisted, page.After)
	if !moved {
		l.drain() // another attempt is elsewhere: the page ahead is not the next one
	}
	return len(staged), false, err
}

// stageMerged stages the contacts that were merged into one of the recycle bin. No
// single read finds the survivor then, so that they would seem to be gone without a
// trace, as after a privacy deletion.
func (l *contactList) stageMerged(ctx context.Context, at store.Listing, contacts []bridge.Contact) error {
	var ids []string
	for _, c := range contacts {
		if c.Archived {
			ids = append(ids, c.Properties.MergedIDs()...)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	merged, err := l.known(ctx, l.conn, slices.Compact(ids), bridge.PresenceArchived)
	if err != nil {
		return err
	}
	return l.store.Restage(ctx, l.run.ID, at.Now, merged)
}

// next returns the page ahead, or that at the stored position.
func (l *contactList) next(ctx context.Context) listedPage {
	if l.ahead != nil {
		page := <-l.ahead
		l.ahead = nil
		return page
	}
	at, err := l.store.Listing(ctx, l.run.ID)
	if err != nil || at.Ended() {
		return listedPage{at: at, err: err}
	}
	return l.read(ctx, at)
}

// readAhead begins to read the page that comes next in a list.
func (l *contactList) readAhead(ctx context.Context, step store.ReconcileStep, after string) {
	ahead := make(chan listedPage, 1)
	l.ahead = ahead
	go func() {
		at, err := l.store.Listing(ctx, l.run.ID) // for the time: the position is not stored yet
		if err != nil {
			ahead <- listedPage{err: err}
			return
		}
		at.Step, at.After = step, after
		ahead <- l.read(ctx, at)
	}()
}

// drain waits for the page ahead, and drops it.
func (l *contactList) drain() {
	if l.ahead != nil {
		<-l.ahead
		l.ahead = nil
	}
}

func (l *contactList) read(ctx context.Context, at store.Listing) (read listedPage) {
	read.at = at
	read.err = countCalls(ctx, l.store, l.run.ID, func(ctx context.Context) (err error) {
		read.page, err = l.conn.HubSpot.ListContacts(ctx, at.Step == store.ReconcileArchived, at.After)
		return err
	})
	return read
}
