package hubspottest

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The scopes of the journal (HubSpot docs: webhooks journal).
const (
	journalRead        = "developer.webhooks_journal.read"
	journalSubsRead    = "developer.webhooks_journal.subscriptions.read"
	journalSubsWrite   = "developer.webhooks_journal.subscriptions.write"
	maxJournalFiles    = 100 // of a batch
	journalStoragePath = "/_journal/"
)

// journalRoutes serve the journal of all installations, that of one portal
// ("journal-local"), and the subscriptions. Filters and snapshots are not played.
func (h *Host) journalRoutes() {
	for _, v := range []string{"2026-03", current} {
		for _, area := range []string{"journal", "journal-local"} {
			for _, rt := range []route{
				{method: "GET", path: "/earliest", handle: journalOne(func(all []*journalFile) []*journalFile { return all[:min(1, len(all))] })},
				{method: "GET", path: "/latest", handle: journalOne(func(all []*journalFile) []*journalFile { return all[max(len(all)-1, 0):] })},
				{method: "GET", path: "/offset/{offset}/next", handle: journalNext},
				{method: "GET", path: "/batch/earliest/{n}", handle: journalMany(func(all []*journalFile, n int) []*journalFile { return all[:min(n, len(all))] })},
				{method: "GET", path: "/batch/latest/{n}", handle: journalMany(func(all []*journalFile, n int) []*journalFile { return all[max(len(all)-n, 0):] })},
				{method: "GET", path: "/batch/{offset}/next/{n}", handle: journalNextMany},
				{method: "POST", path: "/batch/read", handle: journalBatchRead},
			} {
				h.journalRoute("/webhooks-journal/"+area+"/", v, rt, journalRead)
			}
		}
		for _, rt := range []route{
			{method: "POST", handle: journalSubscribe},
			{method: "GET", handle: journalSubscriptions},
			{method: "GET", path: "/{id}", handle: journalSubscriptionByID},
			{method: "DELETE", path: "/{id}", handle: journalUnsubscribe},
			{method: "DELETE", path: "/portals/{portal}", handle: journalUnsubscribePortal},
		} {
			scope := journalSubsWrite
			if rt.method == http.MethodGet {
				scope = journalSubsRead
			}
			h.journalRoute("/webhooks-journal/subscriptions/", v, rt, scope)
		}
	}
	h.mux.HandleFunc("GET "+journalStoragePath+"{token}", h.serve(
		route{method: "GET", path: journalStoragePath + "{token}", open: true, handle: journalStorage}, current))
}

func (h *Host) journalRoute(area, version string, rt route, scope string) {
	pattern := rt.method + " " + area + version + rt.path
	rt.path, rt.open = area+current+rt.path, true
	rt.handle = asApp(scope, rt.handle)
	h.mux.HandleFunc(pattern, h.serve(rt, version))
}

// asApp admits a token of the app itself that has the scope, within the app's
// limit, and runs the handler under the journal's lock.
func asApp(scope string, handle handler) handler {
	return func(c *call) reply {
		if f := c.host.authenticateApp(c, scope); f != nil {
			return refused(f)
		}
		j := c.host.journal
		j.mu.Lock()
		defer j.mu.Unlock()
		if limit := j.knobs.PerSecond; limit > 0 {
			if _, ok := j.limiter.take(j.now(), limit, time.Second); !ok {
				return c.host.tooMany("SECONDLY", 0)
			}
		}
		return handle(c)
	}
}

func (h *Host) authenticateApp(c *call, scope string) *failure {
	token, _ := strings.CutPrefix(c.Header.Get("Authorization"), "Bearer ")
	g, known, refused := h.oauth.lookup(token)
	switch {
	case !known || refused || !g.app:
		return fail(http.StatusUnauthorized, "INVALID_AUTHENTICATION", "An app's own token is required")
	case !g.expires.After(h.now()):
		return fail(http.StatusUnauthorized, "EXPIRED_AUTHENTICATION", "The token used to make this call expired")
	case !slices.Contains(g.scopes, scope):
		return missingScope(scope)
	}
	return nil
}

// journalFeed is the feed that the path asks for.
func (c *call) journalFeed() (*feed, *failure) {
	portal := int64(0)
	if strings.HasPrefix(c.URL.Path, "/webhooks-journal/journal-local/") {
		id, err := strconv.ParseInt(c.URL.Query().Get("installPortalId"), 10, 64)
		if _, there := c.host.Portal(id); err != nil || !there {
			return nil, invalid("installPortalId must name a portal with the app")
		}
		portal = id
	}
	return c.host.journal.upToDate(portal), nil
}

// fileLink is how the API names a file: the address needs no credentials and
// works for a short while.
type fileLink struct {
	CurrentOffset string `json:"currentOffset"`
	ExpiresAt     string `json:"expiresAt"`
	URL           string `json:"url"`
}

func (c *call) fileLink(f *journalFile) fileLink {
	j := c.host.journal
	until := j.now().Add(time.Duration(j.knobs.LinkLife)).UnixMilli()
	text := fmt.Sprintf("%s|%d", f.offset, until)
	token := base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + c.host.signLink(text)
	return fileLink{f.offset, timestamp(until), "http://" + c.Host + journalStoragePath + token}
}

func (h *Host) signLink(text string) string {
	mac := hmac.New(sha256.New, []byte("links of "+h.app.ClientSecret))
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// journalOne answers one file, or 204 where there is none.
func journalOne(choose func([]*journalFile) []*journalFile) handler {
	return func(c *call) reply {
		f, bad := c.journalFeed()
		if bad != nil {
			return refused(bad)
		}
		return c.oneFile(choose(f.files))
	}
}

func (c *call) oneFile(files []*journalFile) reply {
	if len(files) == 0 {
		return noContent()
	}
	return ok(c.fileLink(files[0]))
}

// behind are the files after the offset of the path.
func (c *call) behind() ([]*journalFile, *failure) {
	f, bad := c.journalFeed()
	if bad != nil {
		return nil, bad
	}
	files, known, aged := f.after(c.PathValue("offset"))
	status := cmp.Or(c.host.journal.knobs.AgedOutStatus, http.StatusNotFound)
	switch {
	case !known:
		return nil, notFound()
	case aged && status != http.StatusOK:
		return nil, fail(status, "", "There is no offset %s", c.PathValue("offset"))
	}
	return files, nil
}

func journalNext(c *call) reply {
	files, bad := c.behind()
	if bad != nil {
		return refused(bad)
	}
	return c.oneFile(files)
}

func journalMany(choose func([]*journalFile, int) []*journalFile) handler {
	return func(c *call) reply {
		n, bad := c.fileCount()
		if bad != nil {
			return refused(bad)
		}
		f, bad := c.journalFeed()
		if bad != nil {
			return refused(bad)
		}
		return c.manyFiles(choose(f.files, n))
	}
}

func journalNextMany(c *call) reply {
	n, bad := c.fileCount()
	if bad != nil {
		return refused(bad)
	}
	files, bad := c.behind()
	if bad != nil {
		return refused(bad)
	}
	return c.manyFiles(files[:min(n, len(files))])
}

func (c *call) fileCount() (int, *failure) {
	n, err := strconv.Atoi(c.PathValue("n"))
	if err != nil || n < 1 || n > maxJournalFiles {
		return 0, invalid("A batch has 1 to %d files", maxJournalFiles)
	}
	return n, nil
}

// manyFiles answers a batch, or 204 where there is nothing, as for one file.
func (c *call) manyFiles(files []*journalFile) reply {
	if len(files) == 0 {
		return noContent()
	}
	links := make([]fileLink, 0, len(files))
	for _, f := range files {
		links = append(links, c.fileLink(f))
	}
	return c.fileBatch(links, nil)
}

func (c *call) fileBatch(links []fileLink, failed []batchError) reply {
	status, now := http.StatusOK, timestamp(c.host.now().UnixMilli())
	if len(failed) > 0 {
		status = http.StatusMultiStatus
	}
	return reply{status: status, body: batchJSON{
		Status: "COMPLETE", StartedAt: now, CompletedAt: now, Results: links, NumErrors: len(failed), Errors: failed,
	}}
}

func journalBatchRead(c *call) reply {
	var in struct {
		Inputs []string `json:"inputs"`
	}
	if f := c.decode(&in); f != nil {
		return refused(f)
	}
	if len(in.Inputs) == 0 || len(in.Inputs) > maxJournalFiles {
		return refused(invalid("A batch has 1 to %d files", maxJournalFiles))
	}
	f, bad := c.journalFeed()
	if bad != nil {
		return refused(bad)
	}
	links, failed := []fileLink{}, []batchError(nil)
	for _, offset := range in.Inputs {
		i := slices.IndexFunc(f.files, func(file *journalFile) bool { return file.offset == offset })
		if i < 0 {
			failed = append(failed, notFound().item("ids", offset))
			continue
		}
		links = append(links, c.fileLink(f.files[i]))
	}
	return c.fileBatch(links, failed)
}

// journalStorage is the storage that addresses of files lead to. It takes no
// credentials but the address itself.
func journalStorage(c *call) reply {
	refuse := func(status int, words string) reply {
		return reply{status: status, header: http.Header{"Content-Type": {"application/xml"}}, body: raw("<Error><Code>" + words + "</Code></Error>")}
	}
	if c.Header.Get("Authorization") != "" {
		return refuse(http.StatusBadRequest, "InvalidArgument")
	}
	part, signature, _ := strings.Cut(c.PathValue("token"), ".")
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || !hmac.Equal([]byte(signature), []byte(c.host.signLink(string(text)))) {
		return refuse(http.StatusForbidden, "SignatureDoesNotMatch")
	}
	offset, until, _ := strings.Cut(string(text), "|")
	j := c.host.journal
	if ms, err := strconv.ParseInt(until, 10, 64); err != nil || j.now().UnixMilli() >= ms {
		return refuse(http.StatusForbidden, "AccessDenied")
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, f := range j.feeds {
		for _, file := range f.files {
			if file.offset == offset {
				return ok(map[string]any{"offset": file.offset, "journalEvents": file.events, "publishedAt": timestamp(file.published)})
			}
		}
	}
	return refuse(http.StatusNotFound, "NoSuchKey")
}
