package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"advocatesync/internal/config"
	"advocatesync/internal/hubspot"
	"advocatesync/internal/intake"
	"advocatesync/internal/journal"
	"advocatesync/internal/operator"
	"advocatesync/internal/outbound"
	"advocatesync/internal/store"
)

const (
	// journalTimeout bounds one call of the journal's API; files have a longer one.
	journalTimeout = 30 * time.Second
	// mostHeadStart is how long webhooks have at most to tell what the journal tells.
	mostHeadStart = 10 * time.Second
)

// newJournalReader returns what follows HubSpot's journal, and feeds the inboxes that
// webhooks feed.
func newJournalReader(cfg config.Starter, s *store.Store, o *operator.Operator, triggers intake.Triggers,
	wake, wakeObjects func(), metrics prometheus.Registerer, log *slog.Logger,
) *journal.Reader {
	app := hubspot.App{ClientID: cfg.HubSpot.ClientID, ClientSecret: string(cfg.HubSpot.ClientSecret)}
	heard := intake.NewJournal(intake.JournalConfig{
		Inbox: s, Triggers: triggers, Wake: wake, WakeObjects: wakeObjects, Metrics: metrics, Now: time.Now,
	})
	return journal.New(journal.Config{
		HubSpot: hubspot.NewJournal(cfg.HubSpot.BaseURL, app, &http.Client{Timeout: journalTimeout}, outbound.Files(cfg.HubSpot.BaseURL, cfg.InsecureHosts...)),
		Store:   s, Take: heard.Take, Watches: triggers.Watches,
		Reconcile: func(ctx context.Context, connectionID string) error {
			c, err := o.Connection(ctx, connectionID)
			if err == nil {
				_, err = o.StartReconcile(ctx, c, false)
			}
			return err
		},
		Every: cfg.JournalInterval, HeadStart: min(mostHeadStart, cfg.JournalInterval),
		Metrics: metrics, Log: log, Now: time.Now,
	})
}
