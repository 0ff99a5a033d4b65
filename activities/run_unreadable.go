package activities

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/store"
)

// unreadableAlone is how many unreadable rows of one export get an item each. One
// more item counts the rest, so that an export in another format does not hide the
// other parked items.
const unreadableAlone = 100

// theRest is the subject of the item that counts them.
const theRest = "rest"

// unreadableRows parks the rows of one export that cannot be read.
type unreadableRows struct {
	exports *Exports
	run     store.Run
	keys    []string // of the rows that have an item
	rows    int
}

// parked passes rows on and parks those that cannot be read. A file that cannot
// be read at all is a lost export.
func (u *unreadableRows) parked(ctx context.Context, rows iter.Seq2[bridge.Participant, error]) iter.Seq2[bridge.Participant, error] {
	return func(yield func(bridge.Participant, error) bool) {
		for p, err := range rows {
			bad, unreadable := errors.AsType[*bridge.UnreadableRowError](err)
			switch {
			case unreadable:
				if failed := u.park(ctx, bad); failed != nil {
					err = failed
				}
			case refused(err):
				err = &bridge.Error{Kind: bridge.NotFound, Op: "activities.stage_export", Code: "UNREADABLE_FILE", Err: err}
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

func (u *unreadableRows) park(ctx context.Context, bad *bridge.UnreadableRowError) error {
	u.rows++
	if u.rows > unreadableAlone {
		return nil
	}
	return u.item(ctx, hex.EncodeToString(u.exports.hash.UnreadableRowError(anyOrder(bad.Raw))), bad.Error())
}

// anyOrder returns a form of the row that does not depend on the order of the
// columns.
func anyOrder(raw string) string {
	cells := strings.Split(raw, ",")
	slices.Sort(cells)
	return strings.Join(cells, ",")
}

func (u *unreadableRows) item(ctx context.Context, key, words string) error {
	u.keys = append(u.keys, key)
	if u.run.DryRun {
		return nil
	}
	item := parkedItem(bridge.CauseUnreadableRow, nil)
	item.ConnectionID, item.AccountID, item.UserID, item.VendorMessage = u.run.ConnectionID, bridge.RowSubject, key, words
	_, err := u.exports.store.Park(ctx, *item)
	return err
}

// finish parks the item that counts the rows without an item of their own. An
// export of everybody also shows which rows of earlier exports are readable now, or
// gone: their items are closed.
func (u *unreadableRows) finish(ctx context.Context) error {
	if more := u.rows - unreadableAlone; more > 0 {
		if err := u.item(ctx, theRest, fmt.Sprintf("%d more rows of the same export", more)); err != nil {
			return err
		}
	}
	if !u.run.Since.IsZero() || u.run.DryRun {
		return nil
	}
	return u.exports.store.CloseUnreadable(ctx, u.run.ConnectionID, u.keys)
}
