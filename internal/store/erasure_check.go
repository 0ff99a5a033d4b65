package store

import "context"

// ErasureAnswer is what a vendor answers once somebody was erased.
type ErasureAnswer string

// Answers of vendors.
const (
	AnswerNotFound   ErasureAnswer = "not_found"
	AnswerDoNotTrack ErasureAnswer = "do_not_track" // Advocate's: not found, and never to be made again
	AnswerArchived   ErasureAnswer = "archived"     // HubSpot's: in the recycle bin, which it empties
	AnswerMerged     ErasureAnswer = "merged"       // HubSpot's: it lives on as another contact
	AnswerShown      ErasureAnswer = "shown"        // HubSpot's: it was made or restored since
)

// ErasureCheck is what both vendors answered when they were asked again after the
// deletion.
type ErasureCheck struct {
	HubSpot    ErasureAnswer
	Advocate   ErasureAnswer
	Identities int // that Advocate was asked for: one participant may have two
}

const checkErasure = `
UPDATE erasure SET checked_at = coalesce(checked_at, now()), hubspot_answer = $3, advocate_answer = $4, advocate_asked = $5
 WHERE connection_id = $1 AND contact_id = $2 AND` + openErasure

// CheckErasure records that both vendors were asked again, and what they said. The
// latest answers count; without an open erasure there is nothing to record.
func (s *Store) CheckErasure(ctx context.Context, connectionID, contactID string, c ErasureCheck) error {
	_, err := s.pool.Exec(ctx, checkErasure, connectionID, contactID, c.HubSpot, c.Advocate, c.Identities)
	return wrap(err, "check_erasure of contact %s/%s", connectionID, contactID)
}
