package bridge

import "time"

// Hints are what HubSpot told us about one contact: that something happened,
// and when it last did. They never carry values: the record as it is now
// decides, so duplicates, disorder and delay of webhooks do no harm. Zero
// times mean "not heard".
type Hints struct {
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"` // latest change of an update trigger by somebody else than us
	ResyncAt  time.Time `json:"resync_at,omitzero"`  // an operator asked

	DeletedAt  time.Time `json:"deleted_at,omitzero"`  // gone, whether archived or merged away: HubSpot tells of both alike
	ErasedAt   time.Time `json:"erased_at,omitzero"`   // deleted for privacy
	RestoredAt time.Time `json:"restored_at,omitzero"` // taken out of the recycle bin
	MergedAt   time.Time `json:"merged_at,omitzero"`   // took part in a merge, as the survivor or not
}

// Empty reports that nothing was heard.
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

// ObjectHints are what we heard about one record that triggers watch. Like
// Hints they carry no values; zero times mean "not heard".
type ObjectHints struct {
	CreatedAt time.Time            `json:"created_at,omitzero"`
	Changed   map[string]time.Time `json:"changed,omitempty"`   // the latest change, by property
	RecheckAt time.Time            `json:"recheck_at,omitzero"` // something came that it may have waited for
}

// Empty reports that nothing was heard.
func (h ObjectHints) Empty() bool {
	return h.CreatedAt.IsZero() && len(h.Changed) == 0 && h.RecheckAt.IsZero()
}

// Merge folds two sets of hints into one. The order does not matter.
func (h ObjectHints) Merge(other ObjectHints) ObjectHints {
	merged := ObjectHints{
		CreatedAt: latest(h.CreatedAt, other.CreatedAt),
		RecheckAt: latest(h.RecheckAt, other.RecheckAt),
	}
	for _, changed := range []map[string]time.Time{h.Changed, other.Changed} {
		//workflowcheck:ignore // the latest of each stays, in whatever order they come
		for property, at := range changed {
			if merged.Changed == nil {
				merged.Changed = map[string]time.Time{}
			}
			merged.Changed[property] = latest(merged.Changed[property], at)
		}
	}
	return merged
}
