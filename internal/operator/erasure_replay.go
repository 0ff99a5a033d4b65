package operator

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/receipt"
	"advocatesync/internal/store"
)

// Exports come in pages, so that each fits into a request when it is replayed.
const (
	tombstonesPerPage = 1000
	erasuresPerPage   = 200
)

// ExportErasures returns one signed page of what it takes to replay all erasures
// over an older dump: the page that an earlier one named, or the first for "".
// An empty next means that this is the last one. Tombstones come first, so that
// nobody comes back while the rest is replayed.
func (o *Operator) ExportErasures(ctx context.Context, page string) (signed, next string, err error) {
	portals, err := o.portals(ctx)
	if err != nil {
		return "", "", err
	}
	export := receipt.Export{Version: receipt.ExportVersion, MadeAt: o.now().UTC(), PepperCheck: o.store.Hasher().Check()}
	if after, erasures := strings.CutPrefix(page, "erasures/"); erasures {
		next, err = o.exportErasures(ctx, &export, after, portals)
	} else {
		next, err = o.exportTombstones(ctx, &export, page, portals)
	}
	if err != nil {
		return "", "", err
	}
	key, err := o.store.ReceiptSigner(ctx)
	if err != nil {
		return "", "", err
	}
	signed, err = receipt.SignExport(export, key)
	return signed, next, err
}

// portals are the HubSpot portals of all connections: an id of ours may be another
// one once its portal is connected to an older database again.
func (o *Operator) portals(ctx context.Context) (map[string]int64, error) {
	refs, err := o.store.ConnectionRefs(ctx)
	if err != nil {
		return nil, err
	}
	portals := map[string]int64{}
	for _, c := range refs {
		portals[c.ID] = c.PortalID
	}
	return portals, nil
}

func errNoPage() error {
	return refuse(bridge.Invalid, "bad_page", "page is no next_page of this export")
}

func (o *Operator) exportTombstones(ctx context.Context, export *receipt.Export, page string, portals map[string]int64) (next string, err error) {
	after, err := tombstonePage(page)
	if err != nil {
		return "", err
	}
	keys, err := o.store.Tombstones(ctx, after, tombstonesPerPage)
	if err != nil {
		return "", err
	}
	for _, k := range keys {
		last := len(export.Tombstones) - 1
		if last < 0 || export.Tombstones[last].ConnectionID != k.ConnectionID {
			export.Tombstones = append(export.Tombstones, receipt.ExportTombstones{ConnectionID: k.ConnectionID, PortalID: portals[k.ConnectionID]})
			last++
		}
		export.Tombstones[last].Hashes = append(export.Tombstones[last].Hashes, k.Hash)
	}
	if len(keys) < tombstonesPerPage {
		return "erasures/0", nil
	}
	end := keys[len(keys)-1]
	return "tombstones/" + end.ConnectionID + "/" + base64.RawURLEncoding.EncodeToString(end.Hash), nil
}

// tombstonePage reads where a page begins.
func tombstonePage(page string) (after store.TombstoneKey, err error) {
	if page == "" {
		return after, nil
	}
	parts := strings.Split(page, "/")
	if len(parts) != 3 || parts[0] != "tombstones" {
		return after, errNoPage()
	}
	after.ConnectionID = parts[1]
	if after.Hash, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil {
		return after, errNoPage()
	}
	return after, nil
}

func (o *Operator) exportErasures(ctx context.Context, export *receipt.Export, after string, portals map[string]int64) (next string, err error) {
	id, err := strconv.ParseInt(after, 10, 64)
	if err != nil {
		return "", errNoPage()
	}
	erasures, err := o.store.ErasuresSince(ctx, id, erasuresPerPage)
	if err != nil {
		return "", err
	}
	for _, e := range erasures {
		next = "erasures/" + strconv.FormatInt(e.ID, 10)
		if e.DoubtedAt.IsZero() && !e.OfPerson() { // for those the tombstones are enough
			export.Erasures = append(export.Erasures, receipt.ExportErasure{
				ConnectionID: e.ConnectionID, PortalID: portals[e.ConnectionID], ContactID: e.ContactID, OccurredAt: e.OccurredAt, HeardAt: e.HeardAt,
			})
		}
	}
	if len(erasures) < erasuresPerPage {
		next = ""
	}
	return next, nil
}

// Replayed says what came of replaying a page.
type Replayed struct {
	Tombstones int64 // that were added
	Begun      int   // erasures that begin
	Known      int   // erasures that this database has on record
	Ended      int   // erasures of connections that have ended here: nothing is known of their people

	UnknownPortals []int64 // that were never connected here: connect them, and replay again
}

// ReplayErasures carries a page of an export over the restoring of an older dump.
// Doing so again adds nothing. It refuses a page that this installation did not
// sign, or whose hashes mean nothing here.
func (o *Operator) ReplayErasures(ctx context.Context, page string, by bridge.Caller) (Replayed, error) {
	keys, err := o.ReceiptKeys(ctx)
	if err != nil {
		return Replayed{}, err
	}
	export, err := receipt.VerifyExport(page, keys)
	if err != nil {
		return Replayed{}, refuse(bridge.Invalid, "bad_export", "this is no export of this installation's erasures: %w", err)
	}
	version := o.store.Hasher().VersionOf(export.PepperCheck)
	if version == 0 {
		return Replayed{}, refuse(bridge.Conflict, "other_pepper",
			"the export was made under a pepper that this database does not have: restore a dump that was made after the pepper was replaced")
	}
	r, err := o.newReplay(ctx, by)
	if err != nil {
		return Replayed{}, err
	}
	r.version = version
	for _, t := range export.Tombstones {
		if err := r.tombstones(ctx, t); err != nil {
			return r.Replayed, err
		}
	}
	for _, e := range export.Erasures {
		if err := r.erasure(ctx, e); err != nil {
			return r.Replayed, err
		}
	}
	return r.Replayed, nil
}

// replay is one page under way.
type replay struct {
	*Operator
	Replayed

	by          bridge.Caller
	version     int                           // of the pepper that the hashes were made under
	connections map[int64]store.ConnectionRef // by portal
}

func (o *Operator) newReplay(ctx context.Context, by bridge.Caller) (*replay, error) {
	refs, err := o.store.ConnectionRefs(ctx)
	if err != nil {
		return nil, err
	}
	r := &replay{Operator: o, by: by, connections: map[int64]store.ConnectionRef{}}
	for _, c := range refs {
		r.connections[c.PortalID] = c
	}
	return r, nil
}

// connection returns the portal's connection, and notes a portal that has none.
func (r *replay) connection(portalID int64) (store.ConnectionRef, bool) {
	c, known := r.connections[portalID]
	if !known && !slices.Contains(r.UnknownPortals, portalID) {
		r.UnknownPortals = append(r.UnknownPortals, portalID)
	}
	return c, known
}

func (r *replay) tombstones(ctx context.Context, t receipt.ExportTombstones) error {
	c, known := r.connection(t.PortalID)
	if !known {
		return nil
	}
	added, err := r.store.ReplayTombstones(ctx, c.ID, t.Hashes, r.version)
	r.Tombstones += added
	return err
}

func (r *replay) erasure(ctx context.Context, e receipt.ExportErasure) error {
	c, known := r.connection(e.PortalID)
	if !known {
		return nil
	}
	if c.Ended {
		r.Ended++
		return nil
	}
	begun, err := r.store.ReplayErasure(ctx, store.ErasureRecord{
		ConnectionID: c.ID, ContactID: e.ContactID, OccurredAt: e.OccurredAt, HeardAt: e.HeardAt,
	}, r.by.Name)
	switch {
	case err != nil:
		return err
	case begun:
		r.Begun++
	default:
		r.Known++
	}
	return nil
}
