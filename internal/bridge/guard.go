package bridge

// DeletionVerdict is the guard's answer about the deletion of a mapped contact.
type DeletionVerdict string

const (
	DeletionUnguarded DeletionVerdict = ""         // the contact has no participant that could be deleted
	DeletionHeld      DeletionVerdict = "held"     // too recent: a merge, a restore or an erasure may belong to it
	DeletionWaits     DeletionVerdict = "waits"    // one of too many: a person has to approve them
	DeletionAdmitted  DeletionVerdict = "admitted" // the participant may be deleted, if the contact is gone
)

const (
	deletionGuardShare = 50  // one in this many mapped contacts: 2 %
	deletionGuardLeast = 10  // a small portal loses that many on an ordinary day
	deletionGuardMost  = 500 // more than that within an hour is no ordinary day
)

// DeletionGuard returns how many deletions of mapped contacts within an hour need
// no approval: what the operator set, or 2 % of the mapped contacts, at least 10
// and at most 500. 0 means any number.
func DeletionGuard(set *int, mapped int64) int64 {
	if set != nil {
		return int64(*set)
	}
	return min(max(mapped/deletionGuardShare, deletionGuardLeast), deletionGuardMost)
}

// usualErasureGuard is how many unconfirmed privacy deletions within an hour are
// plausible.
const usualErasureGuard = 20

// ErasureGuard returns how many unconfirmed privacy deletions within an hour need
// no approval: what the operator set, or 20. 0 means any number.
func ErasureGuard(set *int) int64 {
	if set != nil {
		return int64(*set)
	}
	return usualErasureGuard
}
