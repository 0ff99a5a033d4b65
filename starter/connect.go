package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
)

// connectFlag is a value of the connect command, given as a flag or through
// the environment.
type connectFlag struct {
	name, env, usage string
	required         bool
	value            *string
}

func (a *app) connectCommand() *cobra.Command {
	var in operator.ConnectInput
	var portal, again string
	var wait bool
	secrets := &in.Credentials
	flags := []connectFlag{
		{"portal-id", "", "the HubSpot portal; may be left out, then it is the token's own", false, &portal},
		{"hubspot-token", "HUBSPOT_ACCESS_TOKEN", "static access token of the HubSpot app; without it, a link for a browser is printed", false, &secrets.HubSpotToken},
		{"tenant", "ADVOCATE_TENANT_ALIAS", "Advocate tenant alias", true, &in.Tenant},
		{"advocate-user", "ADVOCATE_API_USER", "user name of the Advocate API key; often empty", false, &secrets.AdvocateUser},
		{"advocate-key", "ADVOCATE_API_KEY", "Advocate API key", true, &secrets.AdvocateKey},
		{"program", "ADVOCATE_PROGRAM_ID", "the referral program to connect", true, &in.Program},
		{"impact-account-sid", "IMPACT_ACCOUNT_SID", "impact.com account, for triggers", false, &secrets.ImpactAccountSID},
		{"impact-auth-token", "IMPACT_AUTH_TOKEN", "impact.com token, for triggers", false, &secrets.ImpactAuthToken},
	}
	cmd := &cobra.Command{
		Use:   "connect",
		Short: "Join a HubSpot portal to an Advocate tenant; may be run again safely",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if again != "" {
				return a.withConnection(cmd.Context(), again, func(ctx context.Context, o *operator.Operator, c bridge.Connection) error {
					return a.consent(ctx, o, wait, func() (operator.ConsentRequest, error) { return o.RequestConsentAgain(ctx, c) })
				})
			}
			if err := a.fill(flags); err != nil {
				return err
			}
			var err error
			if in.PortalID, err = portalID(portal); err != nil {
				return err
			}
			return a.withOperator(cmd.Context(), func(ctx context.Context, o *operator.Operator) error {
				if in.Credentials.HubSpotToken == "" {
					return a.consent(ctx, o, wait, func() (operator.ConsentRequest, error) { return o.RequestConsent(ctx, in) })
				}
				return a.connect(ctx, o, in)
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
	cmd.Flags().StringVar(&again, "connection", "", "ask this connection's portal for its consent once more; nothing else is needed")
	cmd.Flags().BoolVar(&wait, "wait", false, "where a link is printed, wait until it has made the connection")
	return cmd
}

// consent prints the link for a browser and, if asked to, waits for what comes
// of it.
func (a *app) consent(ctx context.Context, o *operator.Operator, wait bool, request func() (operator.ConsentRequest, error)) error {
	link, err := request()
	if err != nil {
		return err
	}
	if !wait {
		return a.print(link, func() {
			fmt.Fprintf(a.out, "Open this link in a browser, as somebody who may install apps in the portal. It works until %s, and only once:\n%s\n",
				stamp(link.ExpiresAt), link.URL)
		})
	}
	fmt.Fprintf(a.log, "Open this link in a browser, as somebody who may install apps in the portal:\n%s\nWaiting until it has been used.\n", link.URL)
	connection, err := o.AwaitConsent(ctx, link.ID, func(failure string) {
		fmt.Fprintf(a.log, "Not connected: %s. The link can be opened again.\n", failure)
	})
	if err != nil {
		return err
	}
	return a.printConnected(connection)
}

func (a *app) connect(ctx context.Context, o *operator.Operator, in operator.ConnectInput) error {
	connection, err := o.Connect(ctx, in)
	if err != nil {
		return err
	}
	if connection.Program != in.Program {
		fmt.Fprintf(a.log, "Program %s was connected before and stays: \"starter program switch %s\" changes it.\n", connection.Program, in.Program)
	}
	return a.printConnected(connection)
}

func (a *app) printConnected(connection bridge.Connection) error {
	return a.print(connectionView(connection), func() {
		fmt.Fprintf(a.out, "Connected portal %d with tenant %s, program %s.\nConnection: %s\n",
			connection.PortalID, connection.Tenant, connection.Program, connection.ID)
	})
}

// fill takes what no flag gave from the environment, and names everything that
// is still missing at once.
func (a *app) fill(flags []connectFlag) error {
	var missing []error
	for _, f := range flags {
		if *f.value == "" && f.env != "" {
			*f.value = a.getenv(f.env)
		}
		if *f.value == "" && f.required {
			missing = append(missing, fmt.Errorf("  --%s (or %s) is not set: %s", f.name, f.env, f.usage))
		}
	}
	if len(missing) > 0 {
		return usageError{fmt.Errorf("connect needs more:\n%w", errors.Join(missing...))}
	}
	return nil
}

func portalID(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, usageError{errors.New("--portal-id must be the portal's number, digits only")}
	}
	return id, nil
}
