package main

import (
	"context"
	"log/slog"
	"net/url"
	"time"

	"advocatesync/internal/intake"
	"advocatesync/internal/operator"
)

const (
	// keysTimeout bounds the fetch of Advocate's webhook keys, because a
	// webhook waits for it.
	keysTimeout = 3 * time.Second
	// subscribeEvery is how soon a new connection's webhooks are asked for.
	subscribeEvery = 10 * time.Second
)

// subscriber keeps us subscribed to Advocate's webhooks, also for new
// connections and after our address changes.
type subscriber struct {
	operator *operator.Operator
	endpoint *url.URL
	log      *slog.Logger
}

func newSubscriber(o *operator.Operator, publicURL string, log *slog.Logger) (subscriber, error) {
	endpoint, err := url.Parse(publicURL + intake.AdvocatePath)
	return subscriber{operator: o, endpoint: endpoint, log: log}, err
}

func (s subscriber) run(ctx context.Context) {
	tick := time.NewTicker(subscribeEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := s.operator.SubscribeAll(ctx, s.endpoint); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "Advocate's webhooks may be missing", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}
