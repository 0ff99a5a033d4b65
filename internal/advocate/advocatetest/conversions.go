package advocatetest

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// EventType is an impact.com event type (action tracker) that conversions may
// name by id or by code.
type EventType struct {
	ID         int    `json:"id"`
	Code       string `json:"code"`
	CampaignID string `json:"campaign_id"` // the program it was created for
}

// Conversion is a submission to the Brand API: a conversion, or the reversal of
// one.
type Conversion struct {
	ID       string            `json:"id"`
	Type     string            `json:"type"` // Conversion or Reversal
	OrderID  string            `json:"order_id"`
	Params   map[string]string `json:"params"`
	Received int64             `json:"received"` // ms, server clock
	// ErrorType and ErrorReason are the verdict; both empty where it is accepted.
	ErrorType   string `json:"error_type"`
	ErrorReason string `json:"error_reason"`
	// UserID is the participant that the customer's email hash belongs to.
	UserID string `json:"user_id"`
}

// Verdict is what a submission is made to answer, whatever the stand-in would
// have found out by itself.
type Verdict struct {
	OrderID     string `json:"order_id"`
	Status      string `json:"status"` // Queued, In Progress, Complete, or a word of your own
	ErrorType   string `json:"error_type"`
	ErrorReason string `json:"error_reason"`
}

// OrderVerdict orders the verdict about the submissions of one order, those
// already taken included.
func (t *Tenant) OrderVerdict(v Verdict) {
	t.host.mu.Lock()
	defer t.host.mu.Unlock()
	t.verdicts[v.OrderID] = v
}

// SetAuthToken changes the token of the impact.com account: callers with the
// former one are refused from now on.
func (t *Tenant) SetAuthToken(token string) {
	t.host.mu.Lock()
	defer t.host.mu.Unlock()
	t.cfg.AuthToken = token
}

// oldestEvent is how far back events count (impact.com docs on file uploads).
const oldestEvent = 88 * 24 * time.Hour

func (h *Host) postConversion(w http.ResponseWriter, r *http.Request, t *Tenant) {
	form, ok := readForm(w, r)
	if !ok {
		return
	}
	if problems := checkConversion(form, h.Knobs().AcceptRawEmail); len(problems) > 0 {
		problems.write(w, h.Knobs())
		return
	}
	h.mu.Lock()
	c := t.convert(form)
	h.mu.Unlock()
	writeQueued(w, t, c)
}

// deleteAction reverses a conversion, named by action id or by tracker and
// order.
func (h *Host) deleteAction(w http.ResponseWriter, r *http.Request, t *Tenant) {
	form, ok := readForm(w, r)
	if !ok {
		return
	}
	var problems complaints
	if form.Get("ActionId") == "" && (form.Get("ActionTrackerId") == "" || form.Get("OrderId") == "") {
		problems.add("ActionId", "ActionId, or ActionTrackerId and OrderId, is required")
	}
	if form.Get("DispositionCode") == "" {
		problems.add("DispositionCode", "is required")
	}
	if amount := form.Get("Amount"); amount != "" && amount != "0" {
		problems.add("Amount", "must be 0")
	}
	if len(problems) > 0 {
		problems.write(w, h.Knobs())
		return
	}
	h.mu.Lock()
	c := t.reverse(form)
	h.mu.Unlock()
	writeQueued(w, t, c)
}

func writeQueued(w http.ResponseWriter, t *Tenant, c Conversion) {
	writeJSON(w, http.StatusOK, map[string]string{"Status": "QUEUED", "QueuedUri": submissionURI(t, c.ID)})
}

func submissionURI(t *Tenant, id string) string {
	return "/Advertisers/" + t.cfg.AccountSID + "/APISubmissions/" + id
}

// readForm reads a form-encoded body; DELETE may also carry its parameters in
// the address.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	refuse := func(message string) (url.Values, bool) {
		writeJSON(w, http.StatusBadRequest, brandError{Status: "ERROR", Message: message})
		return nil, false
	}
	if r.Method == http.MethodDelete && r.ContentLength == 0 {
		return r.URL.Query(), true
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return refuse("Content-Type must be application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return refuse("Body cannot be read")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return refuse("Body is not form-encoded")
	}
	return form, true
}

// convert stores a conversion with the verdict it will get. It needs host.mu.
func (t *Tenant) convert(form url.Values) Conversion {
	c := Conversion{
		ID: fmt.Sprintf("A-%08x", t.nextSerial()), Type: "Conversion", OrderID: form.Get("OrderId"),
		Params: flatten(form), Received: t.host.millis(),
	}
	c.ErrorType, c.ErrorReason = t.judge(form)
	if u := t.customer(form.Get("CustomerEmail")); u != nil {
		c.UserID = u.id
	}
	t.conversions = append(t.conversions, c)
	return c
}

// orderKey is what the vendor wants to be unique.
type orderKey struct {
	tracker int
	orderID string
}

// judge decides what the vendor finds out only after queueing, and notes the
// order if it counts. It needs host.mu.
func (t *Tenant) judge(form url.Values) (kind, reason string) {
	if t.programIndex(form.Get("CampaignId")) < 0 {
		return "CAMPAIGN_NOT_FOUND", "Campaign " + form.Get("CampaignId") + " not found"
	}
	tracker := t.tracker(form)
	switch {
	case tracker == nil:
		return "ACTIONTRACKER_NOT_FOUND", "Action tracker not found"
	case tracker.CampaignID != form.Get("CampaignId"):
		return "ACTIONTRACKER_CAMPAIGN_MISMATCH", "Action tracker belongs to another campaign"
	}
	now := time.UnixMilli(t.host.millis())
	if at, _ := eventDate(form.Get("EventDate"), now); now.Sub(at) > oldestEvent {
		return "CONV_MALFORMED", "EventDate is too old"
	}
	order := orderKey{tracker.ID, form.Get("OrderId")}
	if t.orders[order] && t.host.knobs.RejectDuplicate {
		// The vendor does not document the name it has for this.
		return "CONV_MALFORMED", "OrderId was used already"
	}
	t.orders[order] = true
	return "", ""
}

// tracker finds the event type that a form names.
func (t *Tenant) tracker(form url.Values) *EventType {
	for i, e := range t.cfg.EventTypes {
		id := strconv.Itoa(e.ID)
		code := form.Get("EventTypeCode")
		if form.Get("ActionTrackerId") == id || form.Get("EventTypeId") == id || code != "" && code == e.Code {
			return &t.cfg.EventTypes[i]
		}
	}
	return nil
}

// customer resolves an email, raw or as SHA-1, to the participant whose id was
// made from it.
func (t *Tenant) customer(email string) *user {
	if email == "" {
		return nil
	}
	id := t.canonical(email)
	return t.people.find(id, id)
}

// reverse stores a reversal. It needs host.mu.
func (t *Tenant) reverse(form url.Values) Conversion {
	c := Conversion{
		ID: fmt.Sprintf("A-%08x", t.nextSerial()), Type: "Reversal", OrderID: form.Get("OrderId"),
		Params: flatten(form), Received: t.host.millis(),
	}
	if tracker := t.tracker(form); form.Get("ActionId") == "" && (tracker == nil || !t.orders[orderKey{tracker.ID, c.OrderID}]) {
		c.ErrorType, c.ErrorReason = "ACTION_NOT_FOUND", "No such action"
	}
	t.conversions = append(t.conversions, c)
	return c
}

func flatten(form url.Values) map[string]string {
	out := make(map[string]string, len(form))
	for name := range form {
		out[name] = form.Get(name)
	}
	return out
}

// getSubmission tells what became of a submission: queued, then in progress for
// the second half of the verdict's delay, then complete.
func (h *Host) getSubmission(w http.ResponseWriter, r *http.Request, t *Tenant) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, c := range t.conversions {
		if c.ID != r.PathValue("id") {
			continue
		}
		delay := time.Duration(h.knobs.VerdictDelay).Milliseconds()
		out := map[string]any{
			"BatchId": c.ID, "OrderId": c.OrderID, "Type": c.Type, "Status": "Queued",
			"CompletionDate": "", "ErrorType": "", "ErrorReason": "", "Uri": submissionURI(t, c.ID),
		}
		ordered, isOrdered := t.verdicts[c.OrderID]
		switch age := h.millis() - c.Received; {
		case age < time.Duration(h.knobs.VerdictHidden).Milliseconds():
			noSubmission(w)
			return
		case isOrdered:
			out["Status"], out["ErrorType"], out["ErrorReason"] = ordered.Status, ordered.ErrorType, ordered.ErrorReason
		case age >= delay:
			out["Status"], out["ErrorType"], out["ErrorReason"] = "Complete", c.ErrorType, c.ErrorReason
			out["CompletionDate"] = time.UnixMilli(c.Received + delay).UTC().Format(time.RFC3339)
		case age >= delay/2:
			out["Status"] = "In Progress"
		}
		writeJSON(w, http.StatusOK, out)
		return
	}
	noSubmission(w)
}

func noSubmission(w http.ResponseWriter) {
	writeJSON(w, http.StatusNotFound, brandError{Status: "ERROR", Message: "Submission not found"})
}

// Conversions lists what was submitted and taken, oldest first.
func (t *Tenant) Conversions() []Conversion {
	t.host.mu.RLock()
	defer t.host.mu.RUnlock()
	return append([]Conversion(nil), t.conversions...)
}
