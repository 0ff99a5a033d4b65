package advocatetest

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Export statuses, as the vendor spells them.
const (
	Pending   = "PENDING"
	Completed = "COMPLETED"
	Aborted   = "ABORTED"
	Expired   = "EXPIRED"
)

// exportRetention is how long a finished file can be fetched (impact.com
// Advocate API, example of an export: 28 days).
const exportRetention = 28 * 24 * time.Hour

// export is a job. Its rows were chosen, and their versions fixed, when it was
// created; a job that failed or expired lets go of them.
type export struct {
	id        string
	name      string
	requester string
	mailto    string
	kind      string // USER and so on
	params    exportParams
	rawParams json.RawMessage
	created   int64 // ms, server clock
	due       int64
	verdict   string // what it will become
	rows      []*user
	columns   []string
	flaws     FileFlaws
	announced bool
}

type exportParams struct {
	ProgramID              string `json:"programId"`
	CreatedSince           *int64 `json:"createdSince"`
	CreatedBefore          *int64 `json:"createdBefore"`
	UpdatedSince           *int64 `json:"updatedSince"`
	UpdatedBefore          *int64 `json:"updatedBefore"`
	CreatedOrUpdatedSince  *int64 `json:"createdOrUpdatedSince"`
	CreatedOrUpdatedBefore *int64 `json:"createdOrUpdatedBefore"`
	Fields                 *struct {
		Stats    bool `json:"includeUserStatsFields"`
		Programs bool `json:"includeProgramShareLinksAndReferralCodes"`
		Segments bool `json:"includeSegments"`
	} `json:"fields"`
}

// matches joins all bounds with AND: since is inclusive, before is not. Every
// change of a user counts as an update, its creation included.
func (p exportParams) matches(u *user) bool {
	for _, since := range []*int64{p.UpdatedSince, p.CreatedOrUpdatedSince} {
		if since != nil && u.updated < *since {
			return false
		}
	}
	for _, before := range []*int64{p.UpdatedBefore, p.CreatedOrUpdatedBefore} {
		if before != nil && u.updated >= *before {
			return false
		}
	}
	return (p.CreatedSince == nil || u.created >= *p.CreatedSince) &&
		(p.CreatedBefore == nil || u.created < *p.CreatedBefore)
}

var exportKinds = []string{"USER", "USER_REFERRAL", "REFERRAL", "USER_REWARD_BALANCE", "REWARD_BALANCE", "REWARD"}

// exportRequest is the body of POST /export.
type exportRequest struct {
	Type       string          `json:"type"`
	Format     string          `json:"format"`
	Name       string          `json:"name"`
	Requester  string          `json:"requester"`
	MailtoMail string          `json:"mailtoEmail"`
	Params     json.RawMessage `json:"params"`
}

// startExport creates a job. It needs host.mu.
func (t *Tenant) startExport(in exportRequest) (*export, *apiError) {
	if !slices.Contains(exportKinds, in.Type) {
		return nil, invalid("type is missing or unknown")
	}
	if in.Type != "USER" || (in.Format != "" && in.Format != "CSV") {
		return nil, &apiError{Message: "The stand-in writes USER exports as CSV only", StatusCode: http.StatusNotImplemented}
	}
	var p exportParams
	if len(in.Params) > 0 {
		dec := json.NewDecoder(strings.NewReader(string(in.Params)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&p); err != nil {
			return nil, invalid("params are not what this export takes: " + err.Error())
		}
	}
	if p.ProgramID != "" && t.programIndex(p.ProgramID) < 0 {
		return nil, invalid("Unknown program " + p.ProgramID)
	}
	now := t.host.millis()
	e := &export{
		id: fmt.Sprintf("export%08x", t.nextSerial()), name: in.Name, requester: in.Requester, mailto: in.MailtoMail,
		kind: in.Type, params: p, rawParams: in.Params, created: now,
		due: now + time.Duration(t.host.knobs.ExportDelay).Milliseconds(), verdict: Completed,
	}
	if len(t.nextExport) > 0 {
		e.verdict, t.nextExport = t.nextExport[0], t.nextExport[1:]
	}
	e.flaws = t.takeFlaws()
	e.columns = slices.DeleteFunc(t.columns(p), func(column string) bool { return slices.Contains(e.flaws.Without, column) })
	e.rows = t.snapshot(p, now)
	t.exports = append(t.exports, e)
	t.emit("export.created", e.webhook(t))
	if e.verdict == Pending {
		e.due = math.MaxInt64 // for ever
		return e, nil
	}
	t.host.hooks.after(time.Duration(t.host.knobs.ExportDelay)+time.Millisecond, t.host.finishExports)
	return e, nil
}

// snapshot picks the versions an export shows: those old enough for the
// visibility lag, of people who still exist. Rows start somewhere in the middle,
// because the vendor promises no order.
func (t *Tenant) snapshot(p exportParams, now int64) []*user {
	visible := now - time.Duration(t.host.knobs.VisibilityLag).Milliseconds()
	var rows []*user
	for u := range t.people.all() {
		v := u
		for t.host.knobs.VisibilityLag > 0 && v != nil && v.updated > visible {
			v = v.prev
		}
		if v != nil && p.matches(v) {
			rows = append(rows, v)
		}
	}
	if seed := t.host.knobs.ColumnSeed; seed != 0 && len(rows) > 1 {
		from := int(seed*7919) % len(rows)
		rows = append(rows[from:len(rows):len(rows)], rows[:from]...)
	}
	return rows
}

// columns is the header of an export, shuffled where the knob asks for it.
func (t *Tenant) columns(p exportParams) []string {
	out := slices.Clone(baseColumns)
	if t.host.knobs.StatsColumns || p.Fields != nil && p.Fields.Stats {
		out = append(out, statsColumns...)
	}
	custom := make([]string, 0, len(t.customKeys))
	for key := range t.customKeys {
		custom = append(custom, customPrefix+key)
	}
	slices.Sort(custom)
	out = append(out, custom...)
	if seed := t.host.knobs.ColumnSeed; seed != 0 {
		r := rand.New(rand.NewPCG(seed, t.serial))
		r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	}
	return out
}

// status is where the job stands now. It needs host.mu.
func (e *export) status(now int64) string {
	switch {
	case now < e.due:
		return Pending
	case e.verdict != Completed:
		return e.verdict
	case now >= e.due+exportRetention.Milliseconds():
		return Expired
	}
	return Completed
}

func (e *export) render(now int64) map[string]any {
	out := map[string]any{
		"id": e.id, "type": e.kind, "format": "CSV", "name": nullable(e.name), "requester": e.requester,
		"mailtoEmail": nullable(e.mailto), "params": e.paramsOrEmpty(), "status": e.status(now),
		"dateCreated": e.created, "dateCompleted": nil, "dateExpires": nil,
	}
	if now >= e.due {
		out["dateCompleted"] = e.due
		out["dateExpires"] = e.due + exportRetention.Milliseconds()
	}
	return out
}

func (e *export) paramsOrEmpty() json.RawMessage {
	if len(e.rawParams) == 0 {
		return json.RawMessage("{}")
	}
	return e.rawParams
}

// webhook is the data of export.created and export.completed.
func (e *export) webhook(t *Tenant) map[string]any {
	now := t.host.millis()
	status := e.status(now)
	if status == Expired {
		status = Completed // the webhook's enum has no such word
	}
	out := map[string]any{
		"id": e.id, "name": nullable(e.name), "requester": e.requester, "status": status,
		"dateCreated": e.created, "dateCompleted": nil, "dateExpires": nil, "mailtoEmail": nullable(e.mailto),
		"outputFormat": "CSV", "task": e.kind, "operation": "QUERY", "params": e.paramsOrEmpty(), "stats": nil, "fileRef": nil,
	}
	if now >= e.due {
		out["dateCompleted"] = e.due
		out["dateExpires"] = e.due + exportRetention.Milliseconds()
		out["stats"] = map[string]any{"recordsProcessed": len(e.rows), "errors": 0}
	}
	return out
}

// finishExports announces the jobs that have come to an end, and frees the rows
// of those that can no longer be fetched.
func (h *Host) finishExports() {
	h.mu.RLock()
	now, work := h.millis(), false
	for _, t := range h.tenants {
		for _, e := range t.exports {
			work = work || !e.announced && now >= e.due
		}
	}
	h.mu.RUnlock()
	if !work {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.tenants {
		for _, e := range t.exports {
			if e.announced || now < e.due {
				continue
			}
			e.announced = true
			if e.verdict != Completed {
				e.rows = nil
			}
			t.emit("export.completed", e.webhook(t))
		}
	}
}

// export finds a job. It needs host.mu.
func (t *Tenant) export(id string) *export {
	for _, e := range t.exports {
		if e.id == id {
			return e
		}
	}
	return nil
}

// FailNextExports orders verdicts for the exports created next, one each:
// Aborted, Expired, Completed, or Pending for one that never ends.
func (t *Tenant) FailNextExports(verdicts ...string) {
	t.host.mu.Lock()
	defer t.host.mu.Unlock()
	t.nextExport = append(t.nextExport, verdicts...)
}
