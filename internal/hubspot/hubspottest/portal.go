package hubspottest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"

	"advocatesync/internal/standin/fault"
)

// PortalConfig describes one portal (HubSpot account).
type PortalConfig struct {
	ID    int64  `json:"id"`
	Token string `json:"token"` // a static access token; empty where only OAuth is used
	Knobs *Knobs `json:"knobs,omitempty"`
}

// Portal is one HubSpot account: its records, properties, forms and limits.
type Portal struct {
	token string
	id    int64
	host  *Host

	mu     sync.Mutex // guards everything below
	knobs  Knobs
	rng    *rand.Rand
	stores map[string]*store // by object type id: "0-1"
	links  map[ref][]link
	forms  map[string]*form
	nextID int64
	totals WriteCounts

	limiter limiter
}

// firstID is beyond 32 bits, as HubSpot's ids are.
const firstID = 508000000001

func newPortal(h *Host, c PortalConfig, rng *rand.Rand) *Portal {
	p := &Portal{
		token:  c.Token,
		id:     c.ID,
		host:   h,
		knobs:  DefaultKnobs(),
		rng:    rng,
		stores: make(map[string]*store),
		links:  make(map[ref][]link),
		forms:  make(map[string]*form),
		nextID: firstID,
	}
	if c.Knobs != nil {
		p.knobs = *c.Knobs
	}
	for _, k := range kinds {
		p.stores[k.typeID] = newStore(k)
	}
	return p
}

// ID returns the portal's id, also called hub id.
func (p *Portal) ID() int64 { return p.id }

// Host returns the host the portal lives on.
func (p *Portal) Host() *Host { return p.host }

// Tune changes the portal's knobs; it takes effect with the next call.
func (p *Portal) Tune(change func(*Knobs)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.knobs)
}

func (p *Portal) currentKnobs() Knobs {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.knobs
}

func (p *Portal) nowMilli() int64 { return p.host.now().UnixMilli() }

func (p *Portal) store(objectType string) (*store, error) {
	k, ok := kindNamed(objectType)
	if !ok {
		return nil, fmt.Errorf("unable to infer object type from: %s", objectType)
	}
	return p.stores[k.typeID], nil
}

// Duration is a time.Duration that reads and writes itself as text ("250ms")
// in the admin API.
type Duration = fault.Duration

// Knobs choose between behaviours of HubSpot that differ by account, by luck,
// or that nobody outside HubSpot knows for sure. Take DefaultKnobs and change it.
type Knobs struct {
	Limits Limits `json:"limits"`

	// ReadLag hides a new record from single and batch reads for so long;
	// ReadLagReads hides it from that many reads instead.
	ReadLag      Duration `json:"read_lag"`
	ReadLagReads int      `json:"read_lag_reads"`
	// SearchLag is how long the search index takes to see a change.
	SearchLag Duration `json:"search_lag"`

	// BatchCreateStatus is the status of a batch create without errors: 201 or 200.
	BatchCreateStatus int `json:"batch_create_status"`
	// EmailConflictStatus is the status of an update to an email of another
	// contact: 409, or 400 as some versions are said to answer.
	EmailConflictStatus int `json:"email_conflict_status"`
	// LegacyMerge lets the primary record survive a merge under its own id, as
	// before January 2025, instead of a third record.
	LegacyMerge bool `json:"legacy_merge"`

	// KeepValues brings record values back when an archived property is created again.
	KeepValues bool `json:"keep_values"`
	// InUse names properties that cannot be archived and the number of places using them.
	InUse map[string]int `json:"in_use,omitempty"`
	// FormsBlockArchive counts forms that ask for a property as use.
	FormsBlockArchive bool `json:"forms_block_archive"`
	// PropertiesAllOrNothing refuses a whole batch of new properties for one bad
	// one, instead of answering 207.
	PropertiesAllOrNothing bool `json:"properties_all_or_nothing"`
	// RequiredOnCreate are contact properties the portal's admin requires;
	// RequiredWhen requires properties once another property has a value.
	// Only version 2026-09 enforces them.
	RequiredOnCreate []string        `json:"required_on_create,omitempty"`
	RequiredWhen     []ConditionRule `json:"required_when,omitempty"`

	// LaxEmails takes any email with an @, as HubSpot's imports and older records
	// do: invisible characters, decomposed letters.
	LaxEmails bool `json:"lax_emails"`
	// Quote is how a refusal writes the value that it refuses.
	Quote fault.Quoting `json:"quote,omitempty"`
	// Refusals refuse writes of single records for reasons of their own.
	Refusals []Refusal `json:"refusals,omitempty"`

	// MissingScopes are scopes the installation was not granted.
	MissingScopes []string `json:"missing_scopes,omitempty"`
	// RotateRefreshToken makes every refresh answer a new refresh token.
	RotateRefreshToken bool `json:"rotate_refresh_token"`
	// TokenLife is how long an access token works; 0 means 30 minutes (HubSpot docs).
	TokenLife Duration `json:"token_life"`
	// RefuseFresh answers so many calls of every new access token with 401, as
	// when the token has not reached all of HubSpot yet.
	RefuseFresh int `json:"refuse_fresh"`
	// InvalidClientStatus answers a wrong client id or secret at the token
	// endpoint; 0 means 400. It counts on the host's first portal only.
	InvalidClientStatus int `json:"invalid_client_status"`
	// DenyConsent has the visitor of the consent page say no.
	DenyConsent bool `json:"deny_consent"`
	// ConsentError and ConsentWords replace what the consent page then says:
	// "access_denied", "the user denied the request".
	ConsentError string `json:"consent_error,omitempty"`
	ConsentWords string `json:"consent_words,omitempty"`
}

// ConditionRule requires properties on a contact whose Property equals Value.
type ConditionRule struct {
	Property string   `json:"property"`
	Value    string   `json:"value"`
	Requires []string `json:"requires"`
}

// Refusal has HubSpot refuse to create or update one record.
type Refusal struct {
	// Record is the id of the record, or the email that a write would give it.
	Record string `json:"record"`
	// Status answers a call for this record alone, and a batch without trace
	// ids. The default is 400.
	Status int `json:"status"`
	// Category and Message stand in the error of the batch's item as well.
	Category string `json:"category"`
	Message  string `json:"message"`
}

// DefaultKnobs returns the behaviour of an ordinary portal with an OAuth app.
func DefaultKnobs() Knobs {
	return Knobs{
		Limits:              DefaultLimits(),
		BatchCreateStatus:   201,
		EmailConflictStatus: 409,
		KeepValues:          true,
	}
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }
