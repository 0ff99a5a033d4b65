package hubspottest

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
)

// What a file of the journal holds at most (HubSpot docs: webhooks journal).
const (
	maxJournalEvents = 10_000
	maxJournalBytes  = 5 << 20
)

// Actions that a subscription of the journal can name (HubSpot docs: webhooks journal).
const (
	journalCreate  = "CREATE"
	journalUpdate  = "UPDATE"
	journalDelete  = "DELETE"
	journalMerge   = "MERGE"
	journalRestore = "RESTORE"
	journalErase   = "GDPR_DELETE"
)

// JournalKnobs choose what is not documented, or what goes wrong.
type JournalKnobs struct {
	// Scopes are what the app may ask for; nil is everything.
	Scopes []string `json:"scopes"`
	// PublishAfter is how long an event waits until a file shows it.
	PublishAfter Duration `json:"publish_after"`
	// Retention is how long files are kept; HubSpot's is three days.
	Retention Duration `json:"retention"`
	// LinkLife is how long the address of a file works.
	LinkLife Duration `json:"link_life"`
	// AgedOutStatus answers an offset whose file is gone; 200 goes on with the
	// earliest file there is, as if nothing were missing.
	AgedOutStatus int `json:"aged_out_status"`
	// ChangesAsList shows changed properties as [{"name","value"}], not as an
	// object by name: the shape is not documented.
	ChangesAsList bool `json:"changes_as_list"`
	// MaxEvents is the most events of a file.
	MaxEvents int `json:"max_events"`
	// PerSecond is how many calls of the app are answered in a second.
	PerSecond int `json:"per_second"`
}

func defaultJournalKnobs() JournalKnobs {
	return JournalKnobs{
		Retention: Duration(3 * 24 * time.Hour), LinkLife: Duration(5 * time.Minute), AgedOutStatus: 404,
		MaxEvents: maxJournalEvents, PerSecond: 100,
	}
}

// JournalSubscription asks the journal to record a type of event of one portal.
type JournalSubscription struct {
	Type         string   `json:"subscriptionType"` // OBJECT or GDPR_PRIVACY_DELETION
	PortalID     int64    `json:"portalId"`
	ObjectTypeID string   `json:"objectTypeId"`
	Actions      []string `json:"actions"`
	Properties   []string `json:"properties"` // of UPDATE; empty is every property
	ObjectIDs    []int64  `json:"objectIds"`  // empty is every record
}

// wants reports whether the subscription covers an event.
func (s JournalSubscription) wants(e journalEvent) bool {
	return s.PortalID == e.PortalID && s.ObjectTypeID == e.ObjectTypeID && slices.Contains(s.Actions, e.Action) &&
		(len(s.ObjectIDs) == 0 || slices.Contains(s.ObjectIDs, e.ObjectID))
}

// journalEvent is one event of a file. Unlike a push event it does not say who
// made the change.
type journalEvent struct {
	Type            string `json:"type"`
	PortalID        int64  `json:"portalId"`
	OccurredAt      string `json:"occurredAt"` // ISO 8601
	Action          string `json:"action"`
	ObjectTypeID    string `json:"objectTypeId"`
	ObjectID        int64  `json:"objectId"`
	PropertyChanges any    `json:"propertyChanges,omitempty"`
}

// journalFile is a published file; it never changes.
type journalFile struct {
	offset    string
	published int64 // ms
	events    []json.RawMessage
}

// pendingEvent waits to be published.
type pendingEvent struct {
	at   int64 // ms
	text json.RawMessage
}

// feed is a row of files: that of all portals, or that of one.
type feed struct {
	pending []pendingEvent
	files   []*journalFile  // the oldest first
	known   map[string]bool // offsets ever given
}

// Journal records what happens in the portals that an app subscribed to, for
// readers who come and ask. It knows nothing from before a subscription.
type Journal struct {
	now func() time.Time

	mu      sync.Mutex // taken under a portal's lock, never around one
	knobs   JournalKnobs
	subs    []journalSubscribed
	subID   int64
	feeds   map[int64]*feed // by portal; 0 for all of them
	limiter rolling
}

type journalSubscribed struct {
	ID int64 `json:"id"`
	JournalSubscription
	CreatedAt string `json:"createdAt"`
	UpdatedAt string `json:"updatedAt"`
}

func newJournal(now func() time.Time) *Journal {
	return &Journal{now: now, knobs: defaultJournalKnobs(), subID: 900, feeds: make(map[int64]*feed)}
}

// Journal returns the app's journal.
func (h *Host) Journal() *Journal { return h.journal }

// Tune changes the knobs; it takes effect with the next call.
func (j *Journal) Tune(change func(*JournalKnobs)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.knobs)
}

// Subscriptions returns what the app asked to be recorded.
func (j *Journal) Subscriptions() []JournalSubscription {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]JournalSubscription, 0, len(j.subs))
	for _, s := range j.subs {
		out = append(out, s.JournalSubscription)
	}
	return out
}

// record notes an event of one record if a subscription asks for it, at the time that
// webhooks tell; set tells the properties that it set, nil for none.
func (p *Portal) record(k *kind, id int64, action string, at int64, set func() map[string]string) {
	e := journalEvent{
		Type: "crmObject", PortalID: p.id, OccurredAt: timestamp(at), Action: action, ObjectTypeID: k.typeID, ObjectID: id,
	}
	if action == journalErase {
		e.Type = "gdprPrivacyDeletion"
	}
	p.host.journal.record(e, set)
}

func (j *Journal) record(e journalEvent, values func() map[string]string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.IndexFunc(j.subs, func(s journalSubscribed) bool { return s.wants(e) })
	if i < 0 {
		return
	}
	var set map[string]string
	if values != nil {
		set = values()
	}
	if asked := j.subs[i].Properties; len(asked) > 0 {
		kept := make(map[string]string)
		for name, value := range set {
			if slices.Contains(asked, name) {
				kept[name] = value
			}
		}
		set = kept
	}
	if e.Action == journalUpdate && len(set) == 0 {
		return
	}
	e.PropertyChanges = j.changes(set)
	text, err := json.Marshal(e)
	if err != nil {
		return // numbers and texts can always be written
	}
	for _, portal := range []int64{0, e.PortalID} {
		f := j.feed(portal)
		f.pending = append(f.pending, pendingEvent{j.now().UnixMilli(), text})
	}
}

// Tell puts a row into the journal of all portals as it is, however odd: HubSpot's
// rows are documented in part only.
func (j *Journal) Tell(row json.RawMessage) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f := j.feed(0)
	f.pending = append(f.pending, pendingEvent{j.now().UnixMilli(), row})
}

// Publish makes files of what is due, as the next call would.
func (j *Journal) Publish() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.upToDate(0)
}

// Unsubscribe removes all subscriptions of a portal, as somebody else with the app's
// credentials can.
func (j *Journal) Unsubscribe(portalID int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.subs = slices.DeleteFunc(j.subs, func(s journalSubscribed) bool { return s.PortalID == portalID })
}

// Resubscribe replaces the subscription of the same portal and type.
func (j *Journal) Resubscribe(with JournalSubscription) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.subs {
		if j.subs[i].same(with) {
			j.subs[i].JournalSubscription = with
		}
	}
}

// changes is the set of properties in the shape that the knob chooses.
func (j *Journal) changes(set map[string]string) any {
	if len(set) == 0 {
		return nil
	}
	if !j.knobs.ChangesAsList {
		return set
	}
	type change struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	var out []change
	for name, value := range set {
		out = append(out, change{name, value})
	}
	slices.SortFunc(out, func(a, b change) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (j *Journal) feed(portal int64) *feed {
	f := j.feeds[portal]
	if f == nil {
		f = &feed{known: make(map[string]bool)}
		j.feeds[portal] = f
	}
	return f
}

// upToDate returns a feed with everything published that is due, and without
// the files that are too old. Nothing happens between two calls.
func (j *Journal) upToDate(portal int64) *feed {
	f, now := j.feed(portal), j.now().UnixMilli()
	due := 0
	for due < len(f.pending) && f.pending[due].at <= now-time.Duration(j.knobs.PublishAfter).Milliseconds() {
		due++
	}
	for from := 0; from < due; {
		file, next := j.cut(f.pending[:due], from)
		file.published = now
		f.files = append(f.files, file)
		f.known[file.offset] = true
		from = next
	}
	f.pending = f.pending[due:]
	f.files = slices.DeleteFunc(f.files, func(file *journalFile) bool {
		return file.published <= now-time.Duration(j.knobs.Retention).Milliseconds()
	})
	return f
}

// cut makes the file that starts with an event, and says where the next starts.
func (j *Journal) cut(events []pendingEvent, from int) (file *journalFile, next int) {
	file, size := &journalFile{offset: correlationID()}, 0
	for next = from; next < len(events) && len(file.events) < cmp.Or(j.knobs.MaxEvents, maxJournalEvents); next++ {
		size += len(events[next].text) + 1
		if size > maxJournalBytes && len(file.events) > 0 {
			break
		}
		file.events = append(file.events, events[next].text)
	}
	return file, next
}

// after returns the files behind an offset; known is false for one that was
// never given, aged is true for one whose file is gone.
func (f *feed) after(offset string) (files []*journalFile, known, aged bool) {
	i := slices.IndexFunc(f.files, func(file *journalFile) bool { return file.offset == offset })
	if i < 0 {
		return f.files, f.known[offset], f.known[offset]
	}
	return f.files[i+1:], true, false
}
