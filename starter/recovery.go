package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"advocatesync/internal/api"
	"advocatesync/internal/config"
	"advocatesync/internal/operator"
	"advocatesync/internal/startup"
	"advocatesync/internal/store"
)

// openStore opens the database and makes sure that there is a recovery key.
func (a *app) openStore(ctx context.Context, cfg config.Common, log *slog.Logger) (*store.Store, error) {
	s, err := startup.Store(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	if err := a.ensureRecoveryKey(ctx, s, cfg.RecoveryKey); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// ensureRecoveryKey sets the recovery key from the environment. Without one it
// creates a key the first time that a person can see it: what a process prints
// without a terminal ends up in logs.
func (a *app) ensureRecoveryKey(ctx context.Context, s *store.Store, given *config.Key) error {
	if given != nil {
		known, err := s.OpenedBy(ctx, given[:])
		if err == nil && !known {
			_, err = s.SetRecoveryKey(ctx, given[:], false)
		}
		return err
	}
	has, err := s.HasRecoveryKey(ctx)
	if err != nil || has || !a.interactive {
		return err
	}
	key, err := operator.NewRecoveryKey(ctx, s, true)
	if err == nil && key != "" {
		fmt.Fprintf(a.log, "Recovery key: %s\n%s\n\n", key, keepIt)
	}
	return err
}

const keepIt = "Keep it apart from the database and from ENCRYPTION_KEY: nobody can show it again. If ENCRYPTION_KEY is lost, it alone keeps erased people out."

func (a *app) keysRecoveryCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "recovery",
		Short: "Create a new recovery key and show it once; it replaces the earlier one",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd.Context(), func(ctx context.Context, c *api.Client) error {
				made, err := c.NewRecoveryKey(ctx)
				if err != nil {
					return err
				}
				return a.print(made, func() {
					fmt.Fprintln(a.log, keepIt)
					fmt.Fprintln(a.out, made.Key)
				})
			})
		},
	}
}

func (a *app) keysRecoverCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "recover",
		Short: "Make a database usable again whose encryption key is lost, with RECOVERY_KEY and a new ENCRYPTION_KEY; asks first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.LoadRecovery(a.getenv)
			if err != nil {
				return err
			}
			if !yes {
				if err := a.confirm("Stop all other processes first. All connections need their credentials again afterwards. Recover?"); err != nil {
					return err
				}
			}
			return a.recover(cmd.Context(), cfg)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// recover makes the database usable and leaves on record who did so. The record comes
// second: before, no entry can be written.
func (a *app) recover(ctx context.Context, cfg config.Common) error {
	sealer, err := startup.Sealer(cfg)
	if err != nil {
		return err
	}
	lost, err := store.Recover(ctx, string(cfg.DatabaseURL), sealer, cfg.RecoveryKey[:])
	if err != nil {
		return err
	}
	s, err := startup.Store(ctx, cfg, cfg.Log.Logger(a.log))
	if err != nil {
		return err
	}
	defer s.Close()
	err = onRecord(ctx, s, opRecoverKeys, "", func(ctx context.Context) error {
		return operator.SuspendRecovered(ctx, s, lost.Connections)
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(a.out, "The database is usable again. Erased people stay out; receipts that were given out still verify.")
	fmt.Fprintln(a.out, "Give every process the new ENCRYPTION_KEY, and start them.")
	for _, connection := range lost.Connections {
		fmt.Fprintf(a.out, "Connection %s needs its credentials again: run \"starter connect\".\n", connection)
	}
	return nil
}
