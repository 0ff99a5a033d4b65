package hubspottest

import (
	"net/http"
	"strconv"
	"strings"
)

// maxInputs is the most a batch call takes (HubSpot docs: 100 inputs).
const maxInputs = 100

type batchInput struct {
	Inputs     []inputJSON `json:"inputs"`
	Properties []string    `json:"properties"`
	History    []string    `json:"propertiesWithHistory"`
	IDProperty string      `json:"idProperty"`
}

// batchJSON is the envelope of batch answers.
type batchJSON struct {
	Status      string       `json:"status"`
	StartedAt   string       `json:"startedAt"`
	CompletedAt string       `json:"completedAt"`
	Results     any          `json:"results"`
	NumErrors   int          `json:"numErrors,omitempty"`
	Errors      []batchError `json:"errors,omitempty"`
}

// batchError is one failed input of a 207.
type batchError struct {
	Status      string              `json:"status"`
	Category    string              `json:"category"`
	SubCategory string              `json:"subCategory,omitempty"`
	Message     string              `json:"message"`
	Context     map[string][]string `json:"context"`
	Errors      []detail            `json:"errors"`
	Links       map[string]string   `json:"links"`
}

func (f *failure) item(key string, values ...string) batchError {
	out := batchError{
		Status: "error", Category: f.Category, SubCategory: f.SubCategory, Message: f.Message,
		Context: map[string][]string{key: values}, Errors: f.Errors, Links: map[string]string{},
	}
	if out.Errors == nil {
		out.Errors = []detail{}
	}
	return out
}

// envelope is the answer to a batch: 207 as soon as one input failed.
func (c *call) envelope(status int, results any, failed []batchError) reply {
	now := timestamp(c.portal.nowMilli())
	if len(failed) > 0 {
		status = http.StatusMultiStatus
	}
	return reply{status: status, body: batchJSON{
		Status: "COMPLETE", StartedAt: now, CompletedAt: now,
		Results: results, NumErrors: len(failed), Errors: failed,
	}}
}

// batch reads the body and refuses what HubSpot refuses as a whole: too many
// inputs, and two inputs with the same key.
func (c *call) batch(key func(batchInput, inputJSON) string) (batchInput, *failure) {
	var in batchInput
	if f := c.decode(&in); f != nil {
		return in, f
	}
	if len(in.Inputs) == 0 || len(in.Inputs) > maxInputs {
		return in, invalid("A batch takes 1 to %d inputs, not %d", maxInputs, len(in.Inputs))
	}
	seen, twice := make(map[string]bool, len(in.Inputs)), []string{}
	for _, one := range in.Inputs {
		k := key(in, one)
		if k != "" && seen[k] {
			twice = append(twice, k)
		}
		seen[k] = true
	}
	if len(twice) > 0 {
		return in, invalid("Duplicate IDs found in batch input: [%s]. IDs must be unique",
			strings.Join(twice, ", ")).with("ids", twice...)
	}
	return in, nil
}

func byInputID(in batchInput, one inputJSON) string {
	if in.IDProperty == "email" || one.IDProperty == "email" {
		return strings.ToLower(one.ID)
	}
	return one.ID
}

func byEmail(_ batchInput, one inputJSON) string {
	return strings.ToLower(string(one.Properties["email"]))
}

// traced reports whether every input has a trace id of its own, which is what
// turns on partial success (HubSpot docs: multi-status).
func traced(inputs []inputJSON) bool {
	seen := make(map[string]bool, len(inputs))
	for _, in := range inputs {
		if in.TraceID == "" || seen[in.TraceID] {
			return false
		}
		seen[in.TraceID] = true
	}
	return true
}

// step writes one input of a batch. With apply unset it only checks.
type step func(in inputJSON, apply bool) (objectJSON, *failure)

// run executes a batch of writes: each input on its own where all are traced,
// else all or nothing, reporting only the first refusal.
func (c *call) run(status int, inputs []inputJSON, write step) reply {
	partial := traced(inputs)
	if !partial {
		for _, in := range inputs {
			if _, f := write(in, false); f != nil {
				return refused(f)
			}
		}
	}
	var (
		results = make([]objectJSON, 0, len(inputs))
		failed  []batchError
	)
	for _, in := range inputs {
		out, f := write(in, true)
		switch {
		case f == nil:
			out.TraceID = in.TraceID
			results = append(results, out)
		case partial:
			failed = append(failed, f.item("objectWriteTraceId", in.TraceID))
		default:
			return refused(f)
		}
	}
	c.shuffle(results)
	return c.envelope(status, results, failed)
}

// shuffle because HubSpot does not keep the order of the inputs.
func (c *call) shuffle(results []objectJSON) {
	c.portal.rng.Shuffle(len(results), func(i, j int) { results[i], results[j] = results[j], results[i] })
}

func batchCreate(c *call) reply {
	in, f := c.batch(byEmail)
	if f != nil {
		return refused(f)
	}
	by, claims := c.author(), make(map[uniqueValue]bool)
	return c.run(c.portal.knobs.BatchCreateStatus, in.Inputs, func(in inputJSON, apply bool) (objectJSON, *failure) {
		if apply {
			return c.portal.createFrom(c.store, in, by)
		}
		if _, f := c.portal.checkLinks(c.store, in.Associations); f != nil {
			return objectJSON{}, f
		}
		pr, f := c.portal.checkCreate(c.store, in.Properties, by)
		if f == nil {
			f = c.store.claimed(claims, pr.after)
		}
		return objectJSON{}, f
	})
}

func batchUpdate(c *call) reply {
	in, f := c.batch(byInputID)
	if f != nil {
		return refused(f)
	}
	for _, one := range in.Inputs {
		// Observed: neither email nor hs_object_id is taken as idProperty here.
		if one.IDProperty == "email" || one.IDProperty == "hs_object_id" {
			return refused(invalid("Cannot update by non-unique property %s", one.IDProperty))
		}
	}
	by, claims := c.author(), make(map[uniqueValue]bool)
	return c.run(http.StatusOK, in.Inputs, func(in inputJSON, apply bool) (objectJSON, *failure) {
		r, f := c.target(in)
		if f != nil {
			return objectJSON{}, f
		}
		pr, f := c.portal.checkUpdate(c.store, r, in.Properties, by)
		if f == nil && !apply {
			f = c.store.claimed(claims, pr.after)
		}
		if f != nil || !apply {
			return objectJSON{}, f
		}
		c.portal.update(c.store, r, pr, by)
		return c.portal.showWritten(c.store, r, pr), nil
	})
}

// target finds the record of a batch update. Merged ids do not resolve here.
func (c *call) target(in inputJSON) (*record, *failure) {
	var r *record
	if in.IDProperty != "" {
		var f *failure
		if r, f = c.store.byUnique(in.IDProperty, in.ID); f != nil {
			return nil, f
		}
	} else if n, err := strconv.ParseInt(in.ID, 10, 64); err == nil {
		r = c.portal.find(c.store, n, false, false)
	}
	if r == nil {
		return nil, fail(http.StatusNotFound, "OBJECT_NOT_FOUND",
			"Could not get some %s objects, they may be deleted or not exist. Check that ids are valid.",
			strings.ToUpper(c.store.kind.singular)).with("ids", in.ID)
	}
	return r, nil
}

func batchUpsert(c *call) reply {
	in, f := c.batch(byInputID)
	if f != nil {
		return refused(f)
	}
	by := c.author()
	return c.run(http.StatusOK, in.Inputs, func(in inputJSON, apply bool) (objectJSON, *failure) {
		if in.IDProperty == "" {
			return objectJSON{}, invalid("idProperty is required for upsert")
		}
		r, f := c.store.byUnique(in.IDProperty, in.ID)
		if f != nil {
			return objectJSON{}, f
		}
		isNew := r == nil
		if isNew {
			return c.upsertNew(in, apply, by)
		}
		pr, f := c.portal.checkUpdate(c.store, r, in.Properties, by)
		if f != nil || !apply {
			return objectJSON{}, f
		}
		c.portal.update(c.store, r, pr, by)
		out := c.portal.showWritten(c.store, r, pr)
		out.New = &isNew
		return out, nil
	})
}

func (c *call) upsertNew(in inputJSON, apply bool, by author) (objectJSON, *failure) {
	values := map[string]text{in.IDProperty: text(in.ID)}
	for k, v := range in.Properties {
		values[k] = v
	}
	pr, f := c.portal.checkCreate(c.store, values, by)
	if f != nil || !apply {
		return objectJSON{}, f
	}
	out := c.portal.showWritten(c.store, c.portal.insert(c.store, pr, by), pr)
	isNew := true
	out.New = &isNew
	return out, nil
}

// batchArchive has no per-item result; unknown ids are ignored.
func batchArchive(c *call) reply {
	in, f := c.batch(func(batchInput, inputJSON) string { return "" })
	if f != nil {
		return refused(f)
	}
	for _, one := range in.Inputs {
		if n, err := strconv.ParseInt(one.ID, 10, 64); err == nil {
			if r := c.portal.find(c.store, n, false, false); r != nil {
				c.portal.archive(c.store, r, c.author())
			}
		}
	}
	return noContent()
}

func batchRead(c *call) reply {
	in, f := c.batch(byInputID)
	if f != nil {
		return refused(f)
	}
	if in.IDProperty != "" {
		if _, f := c.store.byUnique(in.IDProperty, ""); f != nil {
			return refused(f)
		}
	}
	var (
		archived = c.archivedOnly()
		sel      = c.store.selection(in.Properties, in.History)
		results  = make([]objectJSON, 0, len(in.Inputs))
		missing  []string
	)
	for _, one := range in.Inputs {
		r := c.readTarget(in.IDProperty, one.ID, archived)
		if r == nil || !c.portal.visible(c.store, r) {
			missing = append(missing, one.ID)
			continue
		}
		results = append(results, c.portal.show(c.store, r, sel))
	}
	c.shuffle(results)
	if len(missing) == 0 {
		return c.envelope(http.StatusOK, results, nil)
	}
	lost := fail(http.StatusNotFound, "OBJECT_NOT_FOUND",
		"Could not get some %s objects, they may be deleted or not exist. Check that ids are valid.",
		strings.ToUpper(c.store.kind.singular))
	return c.envelope(http.StatusOK, results, []batchError{lost.item("ids", missing...)})
}

// readTarget finds a record to read, or nil. Only live records are found by a property.
func (c *call) readTarget(idProperty, id string, archived bool) *record {
	if idProperty != "" {
		if r, f := c.store.byUnique(idProperty, id); f == nil && !archived {
			return r
		}
		return nil
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	return c.portal.find(c.store, n, archived, false)
}
