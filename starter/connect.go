package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
	"advocatesync/internal/config"
)

// connectFlag is a value of the connect command, given as a flag or through
// the environment.
type connectFlag struct {
	name, env, usage string
	required         bool
	value            *string
}

func (a *app) connectCommand() *cobra.Command {
	var in api.ConnectRequest
	var portal, again string
	var wait bool
	flags := []connectFlag{
		{"portal-id", "", "the HubSpot portal; the token's own if left out", false, &portal},
		{"hubspot-token", "HUBSPOT_ACCESS_TOKEN", "static access token of the HubSpot app; without it, a link for a browser is printed", false, &in.HubSpotToken},
		{"tenant", "ADVOCATE_TENANT_ALIAS", "Advocate tenant alias", true, &in.Tenant},
		{"advocate-user", "ADVOCATE_API_USER", "user name of the Advocate API key; often empty", false, &in.AdvocateUser},
		{"advocate-key", "ADVOCATE_API_KEY", "Advocate API key", true, &in.AdvocateKey},
		{"program", "ADVOCATE_PROGRAM_ID", "the referral program to connect", true, &in.Program},
		{"impact-account-sid", "IMPACT_ACCOUNT_SID", "impact.com account, for triggers", false, &in.ImpactAccountSID},
		{"impact-auth-token", "IMPACT_AUTH_TOKEN", "impact.com token, for triggers", false, &in.ImpactAuthToken},
	}
	cmd := &cobra.Command{
		Use:   "connect",
		Short: "Connect a HubSpot portal to an Advocate tenant; safe to run again",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if again != "" {
				return a.withConnection(cmd.Context(), again, func(ctx context.Context, c *api.Client, id string) error {
					return a.consent(ctx, c, wait, func() (api.Consent, error) { return c.RequestConsentAgain(ctx, id) })
				})
			}
			if err := a.fill(flags); err != nil {
				return err
			}
			var err error
			if in.PortalID, err = portalID(portal); err != nil {
				return err
			}
			return a.withClient(cmd.Context(), func(ctx context.Context, c *api.Client) error {
				if in.HubSpotToken == "" {
					return a.consent(ctx, c, wait, func() (api.Consent, error) { return c.RequestConsent(ctx, in) })
				}
				return a.connect(ctx, c, in)
			})
		},
	}
	for _, f := range flags {
		usage := f.usage
		if f.env != "" {
			usage += " (or " + f.env + ")"
		}
		cmd.Flags().StringVar(f.value, f.name, "", usage)
	}
	cmd.Flags().StringVar(&again, "connection", "", "ask this connection's portal to consent again; no other flag is needed")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the printed link has made the connection")
	return cmd
}

// consent prints the link for a browser and, if asked to, waits for the
// outcome.
func (a *app) consent(ctx context.Context, c *api.Client, wait bool, request func() (api.Consent, error)) error {
	link, err := request()
	if err != nil {
		return err
	}
	if !wait {
		return a.print(link, func() {
			fmt.Fprintf(a.out, "Open this link in a browser as a user who can install apps in the portal. It works once, until %s:\n%s\n",
				stamp(link.ExpiresAt), link.URL)
		})
	}
	fmt.Fprintf(a.log, "Open this link in a browser as a user who can install apps in the portal:\n%s\nWaiting for the consent.\n", link.URL)
	connection, err := a.awaitConsent(ctx, c, link.ID)
	if err != nil {
		return err
	}
	return a.printConnected(connection)
}

// pollConsent is how often --wait polls.
const pollConsent = time.Second

// awaitConsent waits until a link has made its connection. It reports failed
// visits and goes on waiting: the link can be used again until it expires,
// which is an error.
func (a *app) awaitConsent(ctx context.Context, c *api.Client, intent string) (api.Connection, error) {
	var told string
	state, err := watch(ctx, pollConsent, func(ctx context.Context) (api.ConsentState, error) { return c.Consent(ctx, intent) },
		func(s api.ConsentState) bool {
			if s.Failure != told {
				told = s.Failure
				fmt.Fprintf(a.log, "Not connected: %s. The link can be opened again.\n", told)
			}
			return s.ConnectionID != "" || s.Expired
		})
	switch {
	case err != nil:
		return api.Connection{}, err
	case state.ConnectionID == "":
		return api.Connection{}, errors.New("nobody consented in time: request a new link")
	}
	return c.Connection(ctx, state.ConnectionID)
}

func (a *app) connect(ctx context.Context, c *api.Client, in api.ConnectRequest) error {
	connection, err := c.Connect(ctx, in)
	if err != nil {
		return err
	}
	if connection.Program != in.Program {
		fmt.Fprintf(a.log, "Program %s stays connected: use \"starter program switch %s\" to change it.\n", connection.Program, in.Program)
	}
	return a.printConnected(connection)
}

func (a *app) printConnected(connection api.Connection) error {
	return a.print(connection, func() {
		fmt.Fprintf(a.out, "Connected portal %d with tenant %s, program %s.\nConnection: %s\n",
			connection.PortalID, connection.Tenant, connection.Program, connection.ConnectionID)
	})
}

// fill takes what no flag gave from the environment, and names everything that
// is still missing at once.
func (a *app) fill(flags []connectFlag) error {
	var missing []error
	for _, f := range flags {
		if *f.value == "" && f.env != "" {
			var err error
			if *f.value, err = config.Credential(a.getenv, f.env); err != nil {
				return usageError{err}
			}
		}
		if *f.value == "" && f.required {
			missing = append(missing, fmt.Errorf("  --%s (or %s) is not set: %s", f.name, f.env, f.usage))
		}
	}
	if len(missing) > 0 {
		return usageError{fmt.Errorf("connect needs more settings:\n%w", errors.Join(missing...))}
	}
	return nil
}

func portalID(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, usageError{errors.New("--portal-id must be the portal's number, in digits")}
	}
	return id, nil
}
