package bridge

// DeletionVerdict says what becomes of the deletion of a mapped contact.
type DeletionVerdict string

const (
	DeletionUnguarded DeletionVerdict = ""         // the contact has no participant that could be deleted
	DeletionHeld      DeletionVerdict = "held"     // too fresh: a merge, a restore or an erasure may belong to it
	DeletionWaits     DeletionVerdict = "waits"    // one of too many: a person has to approve them
	DeletionAdmitted  DeletionVerdict = "admitted" // the participant may be deleted, if the contact is gone
)

const (
	deletionGuardShare = 50  // one of so many mapped contacts: 2 %
	deletionGuardLeast = 10  // a small portal loses that many on an ordinary day
	deletionGuardMost  = 500 // more than that within an hour is nobody's ordinary day
)

// DeletionGuard is how many deletions of mapped contacts within an hour go
// through without a question: what the operator set, or 2 % of the mapped
// contacts, at least 10 and at most 500. 0 means any number.
func DeletionGuard(set *int, mapped int64) int64 {
	if set != nil {
		return int64(*set)
	}
	return min(max(mapped/deletionGuardShare, deletionGuardLeast), deletionGuardMost)
}

// DeletionAlone reports that nothing but a deletion was heard: there is no use
// in reading the contact before what may belong to the deletion had its time.
func (h Hints) DeletionAlone() bool {
	return !h.DeletedAt.IsZero() && h == Hints{DeletedAt: h.DeletedAt}
}
