package portal

import (
	"context"
	"strconv"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
)

// lastID is beyond all ids of records: a list from there on is empty.
const lastID = 1 << 53

// around reads on from a place at which HubSpot fails to show a whole page. Smaller
// pages lead up to the record that it cannot show, and that one is left out. Nothing is
// left out while HubSpot may be down: the list's end, which no record is in, tells. If
// that fails for about an hour as well, the rest of the list is given up.
func (l listing) around(ctx context.Context, after string) (ContactPage, error) {
	if _, err := l.read(ctx, strconv.Itoa(lastID), 1); err != nil {
		if fault(err) && tries(ctx) >= convictFrom {
			return l.upTo(after, ""), nil
		}
		return ContactPage{}, err
	}
	for limit := hubspot.MaxBatch / 2; limit > 0; limit /= 2 {
		if page, err := l.read(ctx, after, limit); !fault(err) {
			return page, err
		}
	}
	first, counts := beginningAt(after)
	if !counts {
		return l.upTo(after, ""), nil
	}
	return l.skip(ctx, after, first)
}

// beginningAt is the id at which a page begins. It reports false for a cursor that is
// none, so that there is nothing to count on from.
func beginningAt(after string) (first uint64, counts bool) {
	if after == "" {
		return 0, true
	}
	first, err := strconv.ParseUint(after, 10, 64)
	return first, err == nil && first < lastID
}

// skip looks for the next id from which on HubSpot shows a record. HubSpot fails where
// the list begins at first. From there on the steps double, and are halved again once
// they have led too far: an id behind another one is found with one call, and any with
// some eighty.
func (l listing) skip(ctx context.Context, after string, first uint64) (ContactPage, error) {
	var page ContactPage
	var works uint64
	fails := first
	for step := uint64(1); ; step *= 2 {
		at := min(first+step, lastID)
		shown, err := l.read(ctx, strconv.FormatUint(at, 10), 1)
		if err == nil {
			page, works = shown, at
			break
		}
		if !fault(err) || at == lastID {
			return ContactPage{}, err
		}
		fails = at
	}
	for works-fails > 1 {
		middle := fails + (works-fails)/2
		shown, err := l.read(ctx, strconv.FormatUint(middle, 10), 1)
		switch {
		case err == nil:
			page, works = shown, middle
		case fault(err):
			fails = middle
		default:
			return ContactPage{}, err
		}
	}
	page.Unlisted = l.upTo(after, strconv.FormatUint(works, 10)).Unlisted
	return page, nil
}

// upTo is a page without contacts.
func (l listing) upTo(from, to string) ContactPage {
	return ContactPage{Unlisted: &bridge.Unlisted{Archived: l.archived, From: from, To: to}}
}
