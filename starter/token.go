package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
	"advocatesync/internal/bridge"
	"advocatesync/internal/operator"
)

func (a *app) tokenCommand() *cobra.Command {
	return commandGroup("token", "Create, list and revoke tokens of the admin API",
		a.tokenCreateCommand(), a.tokenListCommand(), a.tokenRevokeCommand())
}

func (a *app) tokenCreateCommand() *cobra.Command {
	var role string
	var days int
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a token and show it once",
		Args: func(cmd *cobra.Command, args []string) error {
			if role == "" {
				return errors.New("say with --role what it may do: viewer, operator, privacy or admin")
			}
			return exactly("name the token after who, or what, will use it")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(cmd.Context(), func(ctx context.Context, c *api.Client) error {
				made, err := c.CreateToken(ctx, api.NewToken{Name: args[0], Role: bridge.Role(role), ExpiresInDays: days})
				if err != nil {
					return err
				}
				return a.print(made, func() {
					fmt.Fprintln(a.log, describeToken(made.Token)+". Keep it now: nobody can show it again.")
					fmt.Fprintln(a.out, made.Secret)
				})
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", "", "what it may do: viewer, operator, privacy or admin")
	cmd.Flags().IntVar(&days, "days", operator.TokenDays, fmt.Sprintf("days until it expires, at most %d", operator.MaxTokenDays))
	return cmd
}

func (a *app) tokenListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all tokens, ended ones included, without their secrets",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(ctx context.Context, c *api.Client) error {
				tokens, err := c.Tokens(ctx)
				if err != nil {
					return err
				}
				return a.print(tokens, func() { a.writeTokens(tokens) })
			})
		},
	}
}

func (a *app) tokenRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "End a token at once",
		Args:  exactly("name one token by its id, as \"starter token list\" shows it"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(cmd.Context(), func(ctx context.Context, c *api.Client) error {
				t, err := c.RevokeToken(ctx, args[0])
				if err != nil {
					return err
				}
				return a.print(t, func() { fmt.Fprintln(a.out, describeToken(t)+".") })
			})
		},
	}
}

// exactly is the argument check of commands that take one argument.
func exactly(otherwise string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 || strings.TrimSpace(args[0]) == "" {
			return errors.New(otherwise)
		}
		return nil
	}
}

func describeToken(t api.Token) string {
	text := fmt.Sprintf("Token %s (%s), role %s, expires %s", t.Name, t.ID, t.Role, stamp(t.ExpiresAt))
	if !t.RevokedAt.IsZero() {
		text += ", revoked " + stamp(t.RevokedAt)
	}
	return text
}

func (a *app) writeTokens(tokens []api.Token) {
	if len(tokens) == 0 {
		fmt.Fprintln(a.out, "There is no token yet. Make one with \"starter token create NAME --role admin\".")
		return
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tROLE\tMADE BY\tEXPIRES\tLAST USED\tREVOKED")
	for _, t := range tokens {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Name, t.Role, t.CreatedBy, stamp(t.ExpiresAt), stamp(t.LastUsedAt), stamp(t.RevokedAt))
	}
	_ = w.Flush() // like Println: a closed terminal is no failure of the command
}
