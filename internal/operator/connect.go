package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"advocatesync/internal/bridge"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/store"
	"advocatesync/workflows"
)

// ConnectInput is what is needed to join a portal to a tenant.
type ConnectInput struct {
	PortalID    int64 // 0: the portal that the token belongs to
	Tenant      string
	Program     string
	Credentials store.Credentials
}

// Connect checks both vendors' credentials, creates our missing properties in
// HubSpot, saves the connection and starts its report schedule. Run again with the
// same portal, it updates the connection. It reports all mistakes in the input
// together.
func (o *Operator) Connect(ctx context.Context, in ConnectInput) (bridge.Connection, error) {
	hub := o.vendors.Portal(in.Credentials.HubSpotToken)
	portalID, hubErr := checkPortal(ctx, hub, in.PortalID)
	if err := errors.Join(hubErr, o.checkProgram(ctx, in)); err != nil {
		return bridge.Connection{}, err
	}
	in.PortalID = portalID
	return o.join(ctx, hub, in, func(c bridge.Connection) (bridge.Connection, error) {
		return o.store.SaveConnection(ctx, c, in.Credentials)
	})
}

// join makes the connection from input that has been checked.
func (o *Operator) join(ctx context.Context, hub *hubspot.Client, in ConnectInput,
	save func(bridge.Connection) (bridge.Connection, error),
) (bridge.Connection, error) {
	if err := o.checkTenant(ctx, in); err != nil {
		return bridge.Connection{}, err
	}
	forget := func() error { return o.store.ForgetWritten(ctx, in.PortalID) }
	if err := ensureProperties(ctx, hub, forget); err != nil {
		return bridge.Connection{}, err
	}
	connection, err := save(bridge.Connection{PortalID: in.PortalID, Tenant: in.Tenant, Program: in.Program, Rules: bridge.DefaultRules})
	if err != nil {
		return bridge.Connection{}, err
	}
	if connection, err = o.restorePause(ctx, connection); err != nil {
		return bridge.Connection{}, err
	}
	return connection, o.schedules.EnsureFor(ctx, connection)
}

// restorePause pauses a connection again that was paused when it was disconnected:
// only the operator knows whether the reason still holds.
func (o *Operator) restorePause(ctx context.Context, c bridge.Connection) (bridge.Connection, error) {
	pause, err := o.store.SchedulePause(ctx, workflows.ReportSyncID(c.ID))
	if err != nil || !pause.Paused || pause.Note != pausedNote {
		return c, err
	}
	if err := o.store.SetPaused(ctx, c.ID, true); err != nil {
		return c, err
	}
	return o.store.Connection(ctx, c.ID)
}

// checkPortal finds out which portal the token belongs to.
func checkPortal(ctx context.Context, hub *hubspot.Client, want int64) (int64, error) {
	account, err := hub.AccountDetails(ctx)
	if err != nil {
		return 0, refusedInput("HubSpot", "--hubspot-token (HUBSPOT_ACCESS_TOKEN)", err)
	}
	if want != 0 && account.PortalID != want {
		return 0, refuse(bridge.Invalid, "other_portal", "the HubSpot token belongs to portal %d, not to %d: correct --portal-id or the token", account.PortalID, want)
	}
	return account.PortalID, nil
}

// checkTenant refuses a tenant that another portal is joined to, and a portal that is
// joined to another tenant. Whether a participant still has a contact is decided
// within a connection, so a contact deleted in one portal would delete the
// participant of a contact in the other.
func (o *Operator) checkTenant(ctx context.Context, in ConnectInput) error {
	connections, err := o.store.Connections(ctx)
	if err != nil {
		return err
	}
	for _, c := range connections {
		if c.PortalID == in.PortalID && c.Tenant != in.Tenant {
			return refuse(bridge.Conflict, "other_tenant",
				"portal %d is connected to tenant %s, and everything known of its contacts is about that tenant's participants: run \"starter connection disconnect --connection %s\", then \"starter connect\" with tenant %s", c.PortalID, c.Tenant, c.ID, in.Tenant)
		}
		if c.Tenant == in.Tenant && c.PortalID != in.PortalID {
			return refuse(bridge.Conflict, "tenant_taken",
				"tenant %s is already connected to portal %d, by connection %s: give this portal a tenant of its own, or disconnect the other one first", c.Tenant, c.PortalID, c.ID)
		}
	}
	return nil
}

// checkProgram makes sure that the tenant accepts our credentials and has the
// program.
func (o *Operator) checkProgram(ctx context.Context, in ConnectInput) error {
	programs, err := o.vendors.Tenant(in.Tenant, in.Credentials).Programs(ctx)
	if err != nil {
		return refusedInput("Advocate", "--tenant (ADVOCATE_TENANT_ALIAS), --advocate-user (ADVOCATE_API_USER) and --advocate-key (ADVOCATE_API_KEY)", err)
	}
	var offered []string
	for _, p := range programs {
		if p.ID == in.Program {
			return nil
		}
		offered = append(offered, fmt.Sprintf("%s (%s)", p.ID, p.Name))
	}
	slices.Sort(offered)
	return refuse(bridge.Invalid, "unknown_program", "tenant %s has no program %q: choose one of %s", in.Tenant, in.Program, strings.Join(offered, ", "))
}

// refusedInput says which vendor refused, and which inputs to check.
func refusedInput(vendor, inputs string, err error) error {
	if bridge.KindOf(err) == bridge.Unauthorized {
		return refuse(bridge.Invalid, "credentials_refused", "%s refuses the credentials: check %s: %w", vendor, inputs, err)
	}
	return fmt.Errorf("cannot reach %s: %w", vendor, err)
}
