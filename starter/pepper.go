package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"advocatesync/internal/config"
	"advocatesync/internal/operator"
	"advocatesync/internal/startup"
	"advocatesync/internal/store"
)

func (a *app) keysRotatePepperCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "rotate-pepper",
		Short: "Replace the pepper of all keyed hashes, tombstones included, while nothing else runs; asks first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.LoadCommand(a.getenv)
			if err != nil {
				return err
			}
			if !yes {
				if err := a.confirm("Stop all other processes first, and back up the database. Replace the pepper?"); err != nil {
					return err
				}
			}
			return a.rotatePepper(cmd.Context(), cfg)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// rotatedPepper is what a rotation answers.
type rotatedPepper struct {
	Version     int    `json:"pepper_version"`
	Rows        int64  `json:"rows"`                   // whose hashes were carried over
	RecoveryKey string `json:"recovery_key,omitempty"` // a new one, where none was given; shown this once
}

func (a *app) rotatePepper(ctx context.Context, cfg config.Common) error {
	sealer, err := startup.Sealer(cfg)
	if err != nil {
		return err
	}
	s, err := store.OpenAlone(ctx, string(cfg.DatabaseURL), sealer)
	if err != nil {
		return err
	}
	defer s.Close()
	var given []byte
	if cfg.RecoveryKey != nil {
		given = cfg.RecoveryKey[:]
	}
	var done rotatedPepper
	err = onRecord(ctx, s, opRotatePepper, "", func(ctx context.Context) error {
		r, key, err := operator.RotatePepper(ctx, s, given)
		done = rotatedPepper{Version: r.Version, Rows: r.Rows, RecoveryKey: key}
		return err
	})
	if err != nil {
		return err
	}
	return a.print(done, func() {
		fmt.Fprintf(a.out, "The pepper is version %d. The hashes of %d rows were carried over; erased people stay out.\n", done.Version, done.Rows)
		if done.RecoveryKey != "" {
			fmt.Fprintf(a.out, "Recovery key: %s\n%s\nAn earlier recovery key opens nothing any more.\n", done.RecoveryKey, keepIt)
		}
		fmt.Fprintln(a.out, "Start all processes again, back up the database, and export the erasures anew.")
	})
}
