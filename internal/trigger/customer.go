package trigger

import (
	"cmp"
	"slices"
	"strconv"

	"advocatesync/internal/bridge"
)

// customerProperties are the properties by which a customer is chosen.
var customerProperties = []string{bridge.PropEmail, bridge.PropReferredByCode, bridge.PropReferralCookie}

// ChooseCustomer picks the contact who is credited for a record with several
// contacts. All of them must be mapped to participants and read with the properties
// that Reads returns. A referred contact comes before one that was not, then the
// older one; so a later contact never takes the credit of an earlier one. ok is
// false if there are none.
func ChooseCustomer(mapped []bridge.Object) (customer bridge.Object, ok bool) {
	if len(mapped) == 0 {
		return bridge.Object{}, false
	}
	return slices.MinFunc(mapped, func(a, b bridge.Object) int {
		return cmp.Or(
			cmp.Compare(unreferred(a), unreferred(b)),
			a.CreatedAt.Compare(b.CreatedAt),
			cmp.Compare(numeric(a.ID), numeric(b.ID)),
		)
	}), true
}

func unreferred(c bridge.Object) int {
	if c.Properties[bridge.PropReferredByCode] == "" && c.Properties[bridge.PropReferralCookie] == "" {
		return 1
	}
	return 0
}

// numeric returns an id for comparisons: HubSpot assigns ids in order.
func numeric(id string) int64 {
	n, _ := strconv.ParseInt(id, 10, 64)
	return n
}
