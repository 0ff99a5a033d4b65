package hubspot

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/lenient"
	"advocatesync/internal/outbound"
)

const (
	journalPath       = "/webhooks-journal/journal/" + Version
	subscriptionsPath = "/webhooks-journal/subscriptions/" + Version

	opNextFiles   = "hubspot.next_journal_files"
	opJournalFile = "hubspot.read_journal_file"

	// MaxJournalFiles is the most files that one call names (HubSpot docs:
	// webhooks journal).
	MaxJournalFiles = 100
	// maxJournalFile bounds what is read of one file. HubSpot's have 5 MB.
	maxJournalFile = 32 << 20
	// fileTimeout bounds the download of one file.
	fileTimeout = 2 * time.Minute
	// tokenMargin is how much of its life an app's token must have left to be used.
	tokenMargin = time.Minute
)

// Journal reads the webhooks journal: what happened in all portals that the app is
// installed in and has subscribed to, kept for three days. It calls HubSpot as the
// app itself, not for a portal. It is safe for concurrent use.
// HubSpot docs: https://developers.hubspot.com/docs/api-reference/latest/webhooks-journal/guide
type Journal struct {
	api    *Client
	token  *appToken
	files  *http.Client
	secure bool // files come over TLS alone, as the API does
}

// NewJournal returns a client of the journal at base, https://api.hubapi.com in
// production. The HTTP client's timeout bounds a call of the API. The transport fetches
// from the addresses that HubSpot names; nil means outbound.Files.
func NewJournal(base *url.URL, app App, hc *http.Client, files http.RoundTripper) *Journal {
	token := &appToken{oauth: NewOAuth(base, app, hc)}
	if files == nil {
		files = outbound.Files(base)
	}
	return &Journal{
		api: New(base, token.get, hc), token: token,
		files: outbound.HTTP(&http.Client{Transport: files, Timeout: fileTimeout}), secure: base.Scheme == "https",
	}
}

// JournalFile names a file of the journal.
type JournalFile struct {
	Offset string

	address string // signed, and good for a short while
}

// Next returns the files behind an offset, in their order, at most limit and
// MaxJournalFiles of them: none if nothing newer was published. An empty offset
// stands for the time before the earliest file. See OffsetLost for an offset that
// HubSpot does not know any more.
func (j *Journal) Next(ctx context.Context, offset string, limit int) ([]JournalFile, error) {
	count := strconv.Itoa(min(limit, MaxJournalFiles))
	r := request{op: opNextFiles, method: http.MethodGet, path: journalPath + "/batch/earliest/" + count}
	if offset != "" {
		r.path, r.about = journalPath+"/batch/"+url.PathEscape(offset)+"/next/"+count, aboutPlace
	}
	var out filePage
	if err := j.do(ctx, r, &out); err != nil {
		return nil, err
	}
	if out.Told && out.Results == nil { // not an empty list: something may have been published
		return nil, outbound.Unreadable(opNextFiles, http.StatusOK)
	}
	var files []JournalFile
	for _, one := range out.Results {
		next, ok := one.Offset.ID()
		f := JournalFile{Offset: next, address: one.URL.String()}
		if !ok || f.Offset == "" || f.Offset == offset {
			// Going on from here would read the same files for ever, or skip some.
			return nil, &bridge.Error{Kind: bridge.Unavailable, System: bridge.SystemHubSpot, Op: opNextFiles, Err: errors.New("the offsets do not lead on")}
		}
		files = append(files, f)
	}
	return files, nil
}

// filePage is a list of files. Where there is none, HubSpot answers without content.
type filePage struct {
	Told    bool `json:"-"` // there was content
	Results lenient.List[struct {
		Offset lenient.Text `json:"currentOffset"`
		URL    lenient.Text `json:"url"`
	}] `json:"results"`
}

// UnmarshalJSON remembers that it was called.
func (p *filePage) UnmarshalJSON(raw []byte) error {
	type wire filePage
	err := json.Unmarshal(raw, (*wire)(p))
	p.Told = true
	return err
}

// OffsetLost tells that HubSpot knows an offset no more: its file is older than
// the journal keeps. How that is answered is not documented.
func OffsetLost(err error) bool {
	refused, ok := errors.AsType[*bridge.Error](err)
	return ok && refused.Op == opNextFiles && refused.System == bridge.SystemHubSpot &&
		(refused.Kind == bridge.NotFound || refused.Kind == bridge.Invalid || refused.Status == http.StatusGone)
}

// ReadFile hands each event of a file to take, as it arrives, and returns when the
// file was published; zero if it does not say. What take returns ends the reading.
// A file that breaks off, or whose address has expired, is unavailable: Next names
// a fresh address. One that is no file of the journal's is invalid. Events that
// were taken before an error stay taken.
func (j *Journal) ReadFile(ctx context.Context, f JournalFile, take func(event json.RawMessage) error) (publishedAt time.Time, err error) {
	body, err := j.open(ctx, f)
	if err != nil {
		return time.Time{}, err
	}
	defer func() { _ = body.Close() }() // what was read stands, whatever closing says
	r := fileReader{decoder: json.NewDecoder(io.LimitReader(body, maxJournalFile)), take: take}
	if err := r.read(); err != nil {
		return time.Time{}, err
	}
	return r.publishedAt, nil
}

// open fetches a file from storage. Our credentials stay behind: storage refuses
// them. Whatever it answers but the file is passing, since the next attempt gets a
// new address.
func (j *Journal) open(ctx context.Context, f JournalFile) (io.ReadCloser, error) {
	failed := func(status int, err error) error {
		return &bridge.Error{Kind: bridge.Unavailable, System: bridge.SystemHubSpot, Op: opJournalFile, Status: status, Code: "STORAGE", Err: err}
	}
	address, err := url.Parse(f.address)
	if err != nil || address.Host == "" || address.Scheme != "https" && (j.secure || address.Scheme != "http") {
		return nil, failed(0, errors.New("the file's address cannot be used"))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.address, http.NoBody)
	if err != nil {
		return nil, failed(0, errors.New("the file's address cannot be used"))
	}
	res, err := j.files.Do(req)
	if err != nil {
		return nil, outbound.Unreachable(opJournalFile, err)
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, failed(res.StatusCode, nil)
	}
	return res.Body, nil
}

// fileReader reads {"offset", "journalEvents": […], "publishedAt"}, with its fields
// in any order, one event at a time.
type fileReader struct {
	decoder     *json.Decoder
	take        func(json.RawMessage) error
	publishedAt time.Time
	events      bool // the list was there
}

func (r *fileReader) read() error {
	if err := r.expect('{'); err != nil {
		return err
	}
	for r.decoder.More() {
		name, err := r.decoder.Token()
		if err != nil {
			return brokenFile(err)
		}
		if err := r.field(name); err != nil {
			return err
		}
	}
	if err := r.expect('}'); err != nil {
		return err
	}
	switch _, err := r.decoder.Token(); {
	case err == nil, !r.events: // something comes after the file, or it has no list
		return errNoFile
	case errors.Is(err, io.EOF):
		return nil
	default:
		return brokenFile(err)
	}
}

func (r *fileReader) field(name json.Token) error {
	switch name {
	case "journalEvents":
		r.events = true
		return r.list()
	case "publishedAt":
		var at lenient.Moment
		err := r.decoder.Decode(&at)
		r.publishedAt = at.Time
		return brokenFile(err)
	default:
		var other json.RawMessage
		return brokenFile(r.decoder.Decode(&other))
	}
}

func (r *fileReader) list() error {
	if err := r.expect('['); err != nil {
		return err
	}
	for r.decoder.More() {
		var event json.RawMessage
		if err := r.decoder.Decode(&event); err != nil {
			return brokenFile(err)
		}
		if err := r.take(event); err != nil {
			return err
		}
	}
	return r.expect(']')
}

func (r *fileReader) expect(delimiter json.Delim) error {
	token, err := r.decoder.Token()
	if err != nil {
		return brokenFile(err)
	}
	if token != delimiter {
		return errNoFile
	}
	return nil
}

var errNoFile = &bridge.Error{Kind: bridge.Invalid, System: bridge.SystemHubSpot, Op: opJournalFile, Code: "NO_JOURNAL_FILE"}

// brokenFile tells a file that is none from one whose transfer broke off. The
// decoder's own words may quote the file, and are left out.
func brokenFile(err error) error {
	if err == nil {
		return nil
	}
	if _, syntax := errors.AsType[*json.SyntaxError](err); syntax {
		return errNoFile
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // the file's end, too early
	}
	return outbound.Unreachable(opJournalFile, err)
}

// JournalSubscription asks the journal to record a type of event of one portal.
type JournalSubscription struct {
	Type         string   `json:"subscriptionType"` // SubscriptionObject or SubscriptionPrivacy
	PortalID     int64    `json:"portalId"`
	ObjectTypeID string   `json:"objectTypeId"` // "0-1" is a contact
	Actions      []string `json:"actions"`
	Properties   []string `json:"properties,omitempty"` // whose changes count; empty: all
}

// The types of subscriptions that we make (HubSpot docs: webhooks journal).
const (
	SubscriptionObject  = "OBJECT"
	SubscriptionPrivacy = "GDPR_PRIVACY_DELETION"
)

// Covers tells whether a subscription brings all that another one asks for.
func (s JournalSubscription) Covers(other JournalSubscription) bool {
	within := func(asked, have []string) bool {
		return !slices.ContainsFunc(asked, func(one string) bool { return !slices.Contains(have, one) })
	}
	allOf := len(s.Properties) == 0 || len(other.Properties) > 0 && within(other.Properties, s.Properties)
	return s.Same(other) && within(other.Actions, s.Actions) && allOf
}

// Same tells whether HubSpot takes two subscriptions for one that changed.
func (s JournalSubscription) Same(other JournalSubscription) bool {
	return s.Type == other.Type && s.PortalID == other.PortalID && s.ObjectTypeID == other.ObjectTypeID
}

// With returns the subscription with what another one asks for besides. Several
// installations may share an app, and none may take anything from another.
func (s JournalSubscription) With(other JournalSubscription) JournalSubscription {
	union := func(a, b []string) []string {
		all := slices.Concat(a, b)
		slices.Sort(all)
		return slices.Compact(all)
	}
	both := s
	both.Actions = union(s.Actions, other.Actions)
	both.Properties = nil
	if len(s.Properties) > 0 && len(other.Properties) > 0 {
		both.Properties = union(s.Properties, other.Properties)
	}
	return both
}

// Subscriptions returns what the app has asked to be recorded, in all portals.
func (j *Journal) Subscriptions(ctx context.Context) ([]JournalSubscription, error) {
	const op = "hubspot.journal_subscriptions"
	var all []JournalSubscription
	for pages, more := (Cursor{}), true; more; {
		query := url.Values{}
		if pages.After != "" {
			query.Set("after", pages.After)
		}
		var page subscriptionPage
		if err := j.do(ctx, request{op: op, method: http.MethodGet, path: subscriptionsPath, query: query}, &page); err != nil {
			return nil, err
		}
		next, err := page.Paging.next(op, page.Results != nil)
		if err != nil {
			return nil, err
		}
		for _, one := range page.Results {
			all = append(all, one.subscription())
		}
		if more, err = pages.Next(op, next); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// subscriptionPage is a list of subscriptions. Whether HubSpot pages it, or wraps it, is
// not documented.
type subscriptionPage struct {
	Results lenient.List[subscriptionJSON] `json:"results"`
	Paging  paging                         `json:"paging"`
}

// UnmarshalJSON takes a bare list, too.
func (p *subscriptionPage) UnmarshalJSON(raw []byte) error {
	if raw[0] == '[' {
		return json.Unmarshal(raw, &p.Results)
	}
	type wrapped subscriptionPage
	return json.Unmarshal(raw, (*wrapped)(p))
}

type subscriptionJSON struct {
	Type         lenient.Text               `json:"subscriptionType"`
	PortalID     lenient.Text               `json:"portalId"`
	ObjectTypeID lenient.Text               `json:"objectTypeId"`
	Actions      lenient.List[lenient.Text] `json:"actions"`
	Properties   lenient.List[lenient.Text] `json:"properties"`
}

func (s subscriptionJSON) subscription() JournalSubscription {
	portal, _ := strconv.ParseInt(s.PortalID.String(), 10, 64) // 0 is no portal of ours
	return JournalSubscription{
		Type: s.Type.String(), PortalID: portal, ObjectTypeID: s.ObjectTypeID.String(), Actions: texts(s.Actions), Properties: texts(s.Properties),
	}
}

func texts(list []lenient.Text) []string {
	var all []string
	for _, one := range list {
		all = append(all, one.String())
	}
	return all
}

// Subscribe makes a subscription, or changes the one that Same finds.
func (j *Journal) Subscribe(ctx context.Context, s JournalSubscription) error {
	return j.do(ctx, request{op: "hubspot.journal_subscribe", method: http.MethodPost, path: subscriptionsPath, in: s}, nil)
}

// UnsubscribePortal ends all subscriptions of a portal. One without any is success.
func (j *Journal) UnsubscribePortal(ctx context.Context, portalID int64) error {
	err := j.do(ctx, request{
		op: "hubspot.journal_unsubscribe", method: http.MethodDelete, path: subscriptionsPath + "/portals/" + strconv.FormatInt(portalID, 10),
		about: aboutPlace,
	}, nil)
	if bridge.KindOf(err) == bridge.NotFound {
		return nil
	}
	return err
}

// do makes a call. A token that HubSpot rejects is not used again.
func (j *Journal) do(ctx context.Context, r request, out any) error {
	err := j.api.do(ctx, r, out)
	if refused, ok := errors.AsType[*bridge.Error](err); ok && refused.Kind == bridge.Unauthorized {
		j.token.drop()
	}
	return err
}

// ScopesMissing tells that the app lacks a scope that the journal needs.
func ScopesMissing(err error) bool {
	refused, ok := errors.AsType[*bridge.Error](err)
	return ok && (refused.Op == opAppToken && refused.Code == invalidScope || refused.Kind == bridge.Unauthorized && refused.Status == http.StatusForbidden)
}

// appToken keeps a token of the app itself.
type appToken struct {
	oauth *OAuth

	mu     sync.Mutex // also keeps two callers from asking for two tokens
	access string
	until  time.Time
}

// get returns a token for the journal. An app that may read the journal, but not
// the records that only triggers watch, follows contacts alone.
func (t *appToken) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Now().Before(t.until) {
		return t.access, nil
	}
	needed := append(bridge.JournalScopes(), "crm.objects.contacts.read")
	tokens, err := t.oauth.AppToken(ctx, append(slices.Clone(needed), "crm.objects.deals.read", "crm.objects.companies.read"))
	if refused, ok := errors.AsType[*bridge.Error](err); ok && refused.Code == invalidScope {
		tokens, err = t.oauth.AppToken(ctx, needed)
	}
	if err != nil {
		return "", err
	}
	t.access, t.until = tokens.Access, time.Now().Add(tokens.ExpiresIn-min(tokenMargin, tokens.ExpiresIn/2))
	return t.access, nil
}

func (t *appToken) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = time.Time{}
}
