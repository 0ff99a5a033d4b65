package bridge

import "time"

// Hints are what we heard about one contact: that something happened, and when it
// last did. They never carry values: the record as it is now decides, so duplicate,
// unordered and late webhooks do no harm. A zero time means "not heard".
type Hints struct {
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"` // latest change of an updating property by somebody other than us
	ResyncAt  time.Time `json:"resync_at,omitzero"`  // an operator asked

	DeletedAt  time.Time `json:"deleted_at,omitzero"`  // archived or merged away: HubSpot reports both as a deletion
	ErasedAt   time.Time `json:"erased_at,omitzero"`   // deleted for privacy
	RestoredAt time.Time `json:"restored_at,omitzero"` // taken out of the recycle bin
	MergedAt   time.Time `json:"merged_at,omitzero"`   // took part in a merge, as the survivor or not
}

// Empty reports whether nothing was heard.
func (h Hints) Empty() bool { return h == Hints{} }

// Merge folds two sets of hints into one. The order does not matter.
func (h Hints) Merge(other Hints) Hints {
	return Hints{
		CreatedAt: latest(h.CreatedAt, other.CreatedAt),
		UpdatedAt: latest(h.UpdatedAt, other.UpdatedAt),
		ResyncAt:  latest(h.ResyncAt, other.ResyncAt),

		DeletedAt:  latest(h.DeletedAt, other.DeletedAt),
		ErasedAt:   latest(h.ErasedAt, other.ErasedAt),
		RestoredAt: latest(h.RestoredAt, other.RestoredAt),
		MergedAt:   latest(h.MergedAt, other.MergedAt),
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// ObjectHints are what we heard about one record that triggers watch. Like Hints
// they carry no values, and a zero time means "not heard".
type ObjectHints struct {
	CreatedAt time.Time            `json:"created_at,omitzero"`
	Changed   map[string]time.Time `json:"changed,omitempty"`   // the latest change, by property
	RecheckAt time.Time            `json:"recheck_at,omitzero"` // something arrived that the record may have waited for

	// Imported are the latest changes that an import made, by property; under "" its
	// creation.
	Imported map[string]time.Time `json:"imported,omitempty"`
}

// ByImport reports whether an import made the change of a property at a time, or
// for "" the creation.
func (h ObjectHints) ByImport(property string, at time.Time) bool {
	imported, heard := h.Imported[property]
	return heard && imported.Equal(at)
}

// Empty reports whether nothing was heard.
func (h ObjectHints) Empty() bool {
	return h.CreatedAt.IsZero() && len(h.Changed) == 0 && h.RecheckAt.IsZero()
}

// Merge folds two sets of hints into one. The order does not matter.
func (h ObjectHints) Merge(other ObjectHints) ObjectHints {
	return ObjectHints{
		CreatedAt: latest(h.CreatedAt, other.CreatedAt),
		Changed:   latestOfEach(h.Changed, other.Changed),
		RecheckAt: latest(h.RecheckAt, other.RecheckAt),
		Imported:  latestOfEach(h.Imported, other.Imported),
	}
}

// latestOfEach returns the latest time of each property; nil if both maps are
// empty.
func latestOfEach(a, b map[string]time.Time) map[string]time.Time {
	var merged map[string]time.Time
	for _, changed := range []map[string]time.Time{a, b} {
		//workflowcheck:ignore // the latest of each stays, in whatever order they come
		for property, at := range changed {
			if merged == nil {
				merged = map[string]time.Time{}
			}
			merged[property] = latest(merged[property], at)
		}
	}
	return merged
}

// DeletionAlone reports whether only a deletion was heard. The contact need not be
// read before the grace period of that deletion has passed.
func (h Hints) DeletionAlone() bool {
	return !h.DeletedAt.IsZero() && h == Hints{DeletedAt: h.DeletedAt}
}
