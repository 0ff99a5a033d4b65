package advocatetest

import (
	"maps"
	"time"

	"advocatesync/internal/standin/fault"
)

// Span is a duration that reads "1m30s" in JSON.
type Span = fault.Duration

// Knobs are the behaviours that the vendor does not publish, or that a test
// wants to provoke. They hold for the whole host.
type Knobs struct {
	ClockOffset   Span `json:"clock_offset"`   // server clock minus ours
	ExportDelay   Span `json:"export_delay"`   // time from creation to completion
	VisibilityLag Span `json:"visibility_lag"` // how late a write shows in an export
	LinkLifetime  Span `json:"link_lifetime"`  // how long a signed download link works

	DirectDownload bool   `json:"direct_download"` // 200 with the CSV instead of 303 to a signed link
	ColumnSeed     uint64 `json:"column_seed"`     // shuffles the CSV's columns; 0 keeps the vendor sample's order
	StatsColumns   bool   `json:"stats_columns"`   // stats.* columns even where not asked for

	RSStatus           map[string]int `json:"rs_status"`            // HTTP status per rsCode, over the defaults
	ReplaceOnPut       bool           `json:"replace_on_put"`       // omitted top-level fields are cleared
	IgnoreUnknownCodes bool           `json:"ignore_unknown_codes"` // instead of RS034
	FoldEmail          bool           `json:"fold_email"`           // email_eq ignores case
	KeepCodesOnUpsert  bool           `json:"keep_codes_on_upsert"` // referralCodes of existing users are ignored
	EraseAbsent        bool           `json:"erase_absent"`         // doNotTrack deletion of an absent user is remembered
	MaxPage            int            `json:"max_page"`             // largest limit of a GraphQL list
	MaxInFlight        int            `json:"max_in_flight"`        // more concurrent calls get 429; 0 means any number

	WebhookRetry    Span `json:"webhook_retry"`    // wait between attempts; the vendor's is an hour
	WebhookAttempts int  `json:"webhook_attempts"` // the vendor's is 72
	WebhookTwice    bool `json:"webhook_twice"`    // every delivery is sent twice
	WebhookJitter   Span `json:"webhook_jitter"`   // deliveries wait a random time up to this, so they arrive in disorder

	Quote fault.Quoting `json:"quote,omitempty"` // how a refusal writes the value that it refuses

	VerdictHidden   Span `json:"verdict_hidden"`   // time until a submission can be read at all; 404 before
	VerdictDelay    Span `json:"verdict_delay"`    // time until a conversion is judged
	RejectDuplicate bool `json:"reject_duplicate"` // a second OrderId fails; otherwise it counts as complete too
	AcceptRawEmail  bool `json:"accept_raw_email"` // a conversion's CustomerEmail may be plain text
	GeneralErrors   bool `json:"general_errors"`   // conversions are refused in the form of the vendor's other calls
	ResetEpoch      bool `json:"reset_epoch"`      // X-RateLimit-Reset is a moment, as in the vendor's example, not a span

	// PublicURL is the address under which callers reach the host; download
	// and message links use it. Empty means the address the request came to.
	PublicURL string `json:"public_url"`
}

func defaultKnobs() Knobs {
	return Knobs{
		ExportDelay:     Span(50 * time.Millisecond),
		LinkLifetime:    Span(5 * time.Minute),
		ColumnSeed:      1,
		MaxPage:         100,
		WebhookRetry:    Span(time.Hour),
		WebhookAttempts: 72,
		VerdictDelay:    Span(50 * time.Millisecond),
		RejectDuplicate: true,
	}
}

// Knobs returns the current settings.
func (h *Host) Knobs() Knobs {
	h.mu.RLock()
	defer h.mu.RUnlock()
	k := h.knobs
	k.RSStatus = maps.Clone(k.RSStatus)
	return k
}

// Tune changes the settings; what is decided afterwards obeys them.
func (h *Host) Tune(change func(*Knobs)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.knobs.RSStatus = maps.Clone(h.knobs.RSStatus)
	change(&h.knobs)
}
