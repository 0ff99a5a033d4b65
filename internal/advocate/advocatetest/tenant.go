package advocatetest

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"time"
)

// The default tenant's names and keys. The keys open nothing but this stand-in.
const (
	DefaultAlias      = "aboih12h16t"
	DefaultKey        = "LIVE_standin_key"
	DefaultAccountSID = "IRstandinSID"
	DefaultAuthToken  = "standin-auth-token"
)

// Program statuses, as the vendor spells them.
const (
	Live     = "LIVE"
	Paused   = "PAUSED"
	Archived = "ARCHIVED"
)

// Program is one program of a tenant. ID follows [a-zA-Z0-9-]{1,64}; impact.com
// uses the numeric campaign id.
type Program struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
	// NoReferrals marks a program that hands out no codes (loyalty, for one).
	NoReferrals bool `json:"no_referrals"`
}

// TenantConfig describes a tenant.
type TenantConfig struct {
	Alias string `json:"alias"`
	// Key is the SaaSquatch-style API key: HTTP Basic with an empty user name.
	Key string `json:"key"`
	// AccountSID and AuthToken are the impact.com-style credentials, accepted
	// beside the key and by the Brand API.
	AccountSID string `json:"account_sid"`
	AuthToken  string `json:"auth_token"`
	// VerbatimIDs switches the hashing of participant and account ids off.
	VerbatimIDs bool      `json:"verbatim_ids"`
	ShareDomain string    `json:"share_domain"`
	Programs    []Program `json:"programs"` // at most 32
	// EventTypes are what the Brand API takes conversions for.
	EventTypes []EventType `json:"event_types"`
}

// DefaultTenant is the tenant a host has when it was given none: two live
// referral programs, one paused, one archived.
func DefaultTenant() TenantConfig {
	return TenantConfig{
		Alias:       DefaultAlias,
		Key:         DefaultKey,
		AccountSID:  DefaultAccountSID,
		AuthToken:   DefaultAuthToken,
		ShareDomain: "share.example.net",
		Programs: []Program{
			{ID: "47255", Name: "Refer a friend", Status: Live},
			{ID: "48001", Name: "Customer champions", Status: Live},
			{ID: "46100", Name: "Spring campaign", Status: Paused},
			{ID: "45007", Name: "Founders circle", Status: Archived},
		},
		EventTypes: []EventType{
			{ID: 30101, Code: "purchase", CampaignID: "47255"},
			{ID: 30102, Code: "qualified_lead", CampaignID: "47255"},
			{ID: 30201, Code: "purchase_champions", CampaignID: "48001"},
		},
	}
}

// Tenant is a tenant's state and the things people do to it.
type Tenant struct {
	host    *Host
	cfg     TenantConfig
	hmacKey []byte
	started int64 // ms; date the programs were created

	// Guarded by host.mu.
	programs    []Program
	people      book
	customCodes map[codeKey]uint32 // changed codes, to the position of their owner
	customKeys  map[string]struct{}
	erased      map[string]int64 // do-not-track hash to the ms it was recorded
	erasedOrder []string
	exports     []*export // oldest first
	nextFlaws   []FileFlaws
	verdicts    map[string]Verdict // ordered, by order id
	nextExport  []string           // verdicts ordered for the exports to come
	serial      uint64             // numbers exports, events and webhooks
	eventKeys   map[string]int64
	events      []Event
	subs        []*subscription
	conversions []Conversion
	orders      map[orderKey]bool // conversions that counted
	brandHour   int64             // hours since the epoch that brandCalls counts for
	brandCalls  int
}

type codeKey struct{ program, code string }

var programID = regexp.MustCompile(`^[a-zA-Z0-9-]{1,64}$`)

const maxPrograms = 32

func newTenant(h *Host, c TenantConfig) (*Tenant, error) {
	if c.Alias == "" || c.Key == "" {
		return nil, fmt.Errorf("advocatetest: a tenant needs an alias and a key")
	}
	if c.ShareDomain == "" {
		c.ShareDomain = "share.example.net"
	}
	// Derived from the alias: the same person keeps the same hashed ids when
	// the stand-in is started again.
	key := sha256.Sum256([]byte("advocatetest ids of " + c.Alias))
	t := &Tenant{host: h, cfg: c, hmacKey: key[:], started: h.now().Add(-365 * 24 * time.Hour).UnixMilli()}
	t.clear()
	for _, p := range c.Programs {
		if err := t.setProgram(p); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// clear drops all state but the programs. It needs host.mu.
func (t *Tenant) clear() {
	t.people = newBook()
	t.customCodes = map[codeKey]uint32{}
	t.customKeys = map[string]struct{}{}
	t.erased = map[string]int64{}
	t.erasedOrder = nil
	t.exports = nil
	t.nextExport, t.nextFlaws = nil, nil
	t.verdicts = map[string]Verdict{}
	t.eventKeys = map[string]int64{}
	t.events = nil
	t.subs = nil
	t.conversions, t.orders = nil, map[orderKey]bool{}
	t.brandHour, t.brandCalls = 0, 0
}

// SetProgram adds a program, or changes the one with that id. A program that
// goes live gives existing people a code only when they are next touched.
func (t *Tenant) SetProgram(p Program) error {
	t.host.mu.Lock()
	defer t.host.mu.Unlock()
	return t.setProgram(p)
}

func (t *Tenant) setProgram(p Program) error {
	if !programID.MatchString(p.ID) {
		return fmt.Errorf("advocatetest: bad program id %q", p.ID)
	}
	switch p.Status {
	case Live, Paused, Archived:
	default:
		return fmt.Errorf("advocatetest: bad status %q of program %s", p.Status, p.ID)
	}
	if i := t.programIndex(p.ID); i >= 0 {
		t.programs[i] = p
		return nil
	}
	if len(t.programs) == maxPrograms {
		return fmt.Errorf("advocatetest: more than %d programs", maxPrograms)
	}
	t.programs = append(t.programs, p)
	return nil
}

// programIndex needs host.mu; it returns -1 for an unknown program.
func (t *Tenant) programIndex(id string) int {
	for i, p := range t.programs {
		if p.ID == id {
			return i
		}
	}
	return -1
}

// liveMask has a bit for every program that hands out codes now.
func (t *Tenant) liveMask() uint32 {
	var mask uint32
	for i, p := range t.programs {
		if p.Status == Live && !p.NoReferrals {
			mask |= 1 << i
		}
	}
	return mask
}

func (t *Tenant) nextSerial() uint64 {
	t.serial++
	return t.serial
}
