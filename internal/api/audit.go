package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// audited reports whether an operation is audited: every one that changes something
// or shows personal data. That is why these operations are not GET.
func (rt route) audited() bool { return rt.method != http.MethodGet }

// AuditedOperations lists the operations that the audit log can name.
func AuditedOperations() (all []string) {
	for _, rt := range routes {
		if rt.audited() {
			all = append(all, rt.operation)
		}
	}
	return all
}

// onRecord runs an operation and audits it. It writes the entry first: what cannot
// be recorded is not done.
func (h *Handler) onRecord(r *request, rt route, do func() (any, error)) (any, error) {
	if !rt.audited() {
		return do()
	}
	id, err := h.access.BeginAudit(r.Context(), h.entry(r, rt))
	if err != nil {
		return nil, fmt.Errorf("nothing was done, because it could not be recorded in the audit log: %w", err)
	}
	answer, err := do()
	h.endRecord(r, rt, id, answer, err)
	return answer, err
}

func (h *Handler) entry(r *request, rt route) store.AuditEntry {
	e := store.AuditEntry{
		Caller: r.caller, Operation: rt.operation, Subject: pathSubject(r.Request, rt), RequestID: requestID(r.Request),
		ConnectionID: pathID(r.Request, "connection"),
	}
	if r.from.IsValid() {
		e.Remote = r.from.String()
	}
	return e
}

// endTimeout bounds the recording of an outcome. It goes on after the request ends,
// because a caller who hung up has still changed something.
const endTimeout = 5 * time.Second

func (h *Handler) endRecord(r *request, rt route, id int64, answer any, failure error) {
	o := store.AuditOutcome{Result: store.AuditDone, Subject: answerSubject(answer)}
	if failure != nil {
		p := problemOf(failure)
		o = store.AuditOutcome{Result: store.AuditRefused, Code: p.Code}
		if p.Status >= http.StatusInternalServerError {
			o.Result = store.AuditFailed
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), endTimeout)
	defer cancel()
	if err := h.access.EndAudit(ctx, id, o); err != nil {
		h.log.ErrorContext(ctx, "the audit log lacks an outcome", "entry", id, "operation", rt.operation, "err", err)
	}
}

// idPatterns are the forms of path parameters. A caller may write anything there,
// even an email, but the audit log holds only ids.
var idPatterns = map[string]*regexp.Regexp{
	"connection": regexp.MustCompile(`^c[a-z2-7]{9}$`),
	"contact":    regexp.MustCompile(`^\d{1,20}$`),
	"run":        regexp.MustCompile(`^(\d{1,20}|latest)$`),
	"switch":     regexp.MustCompile(`^(\d{1,20}|latest)$`),
	"trigger":    regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`),
	"token":      regexp.MustCompile(`^[a-z2-7]{10}$`),
}

// pathID returns an id from the path, empty if there is none or it is not an
// id.
func pathID(r *http.Request, name string) string {
	pattern, known := idPatterns[name]
	if id := r.PathValue(name); known && pattern.MatchString(id) {
		return id
	}
	return ""
}

// pathSubject returns the subject of the path, apart from its connection.
func pathSubject(r *http.Request, rt route) string {
	var all []string
	for part := range strings.SplitSeq(rt.path, "/") {
		name := strings.Trim(part, "{}")
		if id := pathID(r, name); name != part && name != "connection" && id != "" {
			all = append(all, name+":"+id)
		}
	}
	return strings.Join(all, " ")
}

// answerSubject returns the subject in the result of an operation.
func answerSubject(answer any) string {
	switch a := answer.(type) {
	case Connection:
		return "connection:" + a.ConnectionID
	case MassSync:
		return numberSubject("run", a.Run)
	case Reconcile:
		return numberSubject("run", a.Run)
	case ProgramSwitch:
		return numberSubject("switch", a.SwitchID)
	case Retried:
		return numberSubject("item", a.Retried...)
	case Discarded:
		return numberSubject("item", a.Discarded...)
	case AppliedTrigger:
		return "trigger:" + a.TriggerID
	case Erasure:
		return numberSubject("erasure", a.ErasureID)
	case ErasedPerson:
		return numberSubject("erasure", collect(a.Erasures, func(e Erasure) int64 { return e.ErasureID })...)
	case PersonExport:
		return a.subject()
	case CreatedToken:
		return "token:" + a.ID
	default:
		return ""
	}
}

// namedAtMost is how many ids one entry names; if there are more, it gives their
// number.
const namedAtMost = 100

func numberSubject(kind string, ids ...int64) string {
	if len(ids) == 0 {
		return ""
	}
	named := ids[:min(len(ids), namedAtMost)]
	texts := make([]string, 0, len(named)+1)
	for _, id := range named {
		texts = append(texts, strconv.FormatInt(id, 10))
	}
	if more := len(ids) - len(named); more > 0 {
		texts = append(texts, fmt.Sprintf("and-%d-more", more))
	}
	return kind + ":" + strings.Join(texts, ",")
}

// AuditEntry records a request of somebody, and how it ended.
type AuditEntry struct {
	ID           int64             `json:"id"`
	At           time.Time         `json:"at"`
	Actor        string            `json:"actor"`      // the token's name, or the operating system's user
	ActorKind    bridge.CallerKind `json:"actor_kind"` // token, bootstrap or local
	TokenID      string            `json:"token_id,omitempty"`
	Role         bridge.Role       `json:"role"`
	Operation    string            `json:"operation"` // its operationId in this API
	ConnectionID string            `json:"connection_id,omitempty"`
	Subject      string            `json:"subject,omitempty"` // what it was about, such as "contact:101"
	Outcome      string            `json:"outcome"`           // done, refused, failed, or open: still running, or its process died
	Code         string            `json:"code,omitempty"`    // of the problem
	Result       string            `json:"result,omitempty"`  // the result, such as "run:7"
	EndedAt      time.Time         `json:"ended_at,omitzero"`
	RequestID    string            `json:"request_id"`
	Remote       string            `json:"remote,omitempty"` // the caller's network address; omitted on the same machine
}

// outcomeOpen stands for the outcome of an entry that has none yet.
const outcomeOpen = "open"

func auditEntryOf(e store.AuditEntry) AuditEntry {
	entry := AuditEntry{
		ID: e.ID, At: utc(e.At), Actor: e.Caller.Name, ActorKind: e.Caller.Kind, TokenID: e.Caller.TokenID, Role: e.Caller.Role,
		Operation: e.Operation, ConnectionID: e.ConnectionID, Subject: e.Subject, Outcome: string(e.Outcome.Result), Code: e.Outcome.Code,
		Result: e.Outcome.Subject, EndedAt: utc(e.Outcome.At), RequestID: e.RequestID, Remote: e.Remote,
	}
	if e.Outcome.Result == store.AuditOpen {
		entry.Outcome = outcomeOpen
	}
	return entry
}

// AuditFilter narrows the audit log down; zero fields match everything.
type AuditFilter struct {
	ConnectionID string
	Actor        string
	Operation    string
	Subject      string // one id, such as "contact:101"
	Since        time.Time
}

func (h *Handler) listAuditEntries(r *request) (any, error) {
	filter := store.AuditFilter{
		ConnectionID: r.parameter("connection"), Actor: r.parameter("actor"), Operation: r.parameter("operation"),
		Subject: r.parameter("subject"), Since: r.timeParameter("since"),
	}
	before, limit := r.cursor(), r.limit()
	if err := r.err(); err != nil {
		return nil, err
	}
	entries, err := h.access.AuditLog(r.Context(), filter, before, limit+1)
	return pageOf(entries, limit, auditEntryOf, func(e store.AuditEntry) int64 { return e.ID }), err
}

// timeParameter reads a time from the query; zero if absent.
func (r *request) timeParameter(name string) time.Time {
	text := r.parameter(name)
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		r.mistake(name, "must be a time such as 2026-11-28T12:00:00Z")
	}
	return at
}

// AuditEntries returns a page of the audit log, latest first. cursor comes from
// the previous page; "" means the first page.
func (c *Client) AuditEntries(ctx context.Context, f AuditFilter, page string) (Page[AuditEntry], error) {
	query := url.Values{}
	for name, value := range map[string]string{
		"connection": f.ConnectionID, "actor": f.Actor, "operation": f.Operation, "subject": f.Subject, "page": page,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if !f.Since.IsZero() {
		query.Set("since", f.Since.UTC().Format(time.RFC3339))
	}
	return send[Page[AuditEntry]](ctx, c, call{operation: "listAuditEntries", query: query})
}
