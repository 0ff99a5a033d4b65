package trigger

import (
	"cmp"
	"slices"
	"strconv"

	"advocatesync/internal/bridge"
)

// customerProperties are what choosing and naming a customer takes.
var customerProperties = []string{bridge.PropEmail, bridge.PropReferredByCode, bridge.PropReferralCookie}

// ChooseCustomer picks the one who is credited for a record that has several
// contacts, all of them mapped to participants and read with the properties
// that Reads lists. Who was referred comes before who was not, then whoever was
// there first; so a later contact never takes over what an earlier one brought.
// ok is false if there are none.
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

// numeric is an id for comparisons: HubSpot gives them out in order.
func numeric(id string) int64 {
	n, _ := strconv.ParseInt(id, 10, 64)
	return n
}
