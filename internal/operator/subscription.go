package operator

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"advocatesync/internal/bridge"
)

const (
	// refusedAgain is how soon a refused subscription is tried again.
	refusedAgain = 10 * time.Minute
	// confirmedAgain is how soon a subscription is confirmed: somebody may have
	// removed it at Advocate, and subscribing again changes nothing otherwise.
	confirmedAgain = 24 * time.Hour
)

// SubscribeAll makes sure that Advocate sends every connection's webhooks to the
// endpoint. It calls Advocate only for subscriptions that are new, were refused a
// while ago, or were confirmed a day ago. A refusal is stored for the operator and
// is no error, because reports work without webhooks. If Advocate cannot reach the
// endpoint, SubscribeAll does nothing.
func (o *Operator) SubscribeAll(ctx context.Context, endpoint *url.URL) error {
	if !reachable(o.vendors.Advocate, endpoint) {
		return nil
	}
	all, err := o.store.Connections(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, c := range all {
		if !c.Status.Stopped() {
			failed = errors.Join(failed, o.subscribe(ctx, c, endpoint.String()))
		}
	}
	return failed
}

func (o *Operator) subscribe(ctx context.Context, c bridge.Connection, endpoint string) error {
	have, err := o.store.AdvocateSubscription(ctx, c.ID)
	if err != nil {
		return err
	}
	again := confirmedAgain
	if have.Reason != "" {
		again = refusedAgain
	}
	if have.EndpointURL == endpoint && o.now().Before(have.TriedAt.Add(again)) {
		return nil
	}
	secrets, _, err := o.store.Credentials(ctx, c.ID)
	if err != nil {
		return err
	}
	reason := ""
	if err := o.clients(c, secrets).Advocate.Subscribe(ctx, endpoint, "advocatesync"); err != nil {
		reason = err.Error()
	}
	return o.store.NoteSubscription(ctx, c.ID, endpoint, reason)
}

// unsubscribe ends the webhooks of a connection that ends, unless another one of
// its tenant needs them. Failures are ignored, because webhooks of a tenant without
// a connection are dropped anyway.
func (o *Operator) unsubscribe(ctx context.Context, c bridge.Connection) {
	all, err := o.store.Connections(ctx)
	shared := slices.ContainsFunc(all, func(other bridge.Connection) bool { return other.Tenant == c.Tenant && other.ID != c.ID })
	have, unknown := o.store.AdvocateSubscription(ctx, c.ID)
	secrets, _, sealed := o.store.Credentials(ctx, c.ID)
	if errors.Join(err, unknown, sealed) != nil || shared || have.EndpointURL == "" || have.Reason != "" {
		return
	}
	_ = o.clients(c, secrets).Advocate.Unsubscribe(ctx, have.EndpointURL)
}

// reachable reports whether Advocate can reach an endpoint: the vendor calls only
// public addresses, by https. An Advocate without TLS is a stand-in on this
// machine.
func reachable(advocate, endpoint *url.URL) bool {
	if advocate.Scheme == "http" {
		return true
	}
	host := endpoint.Hostname()
	if ip, err := netip.ParseAddr(host); err == nil {
		return endpoint.Scheme == "https" && ip.IsGlobalUnicast() && !ip.IsPrivate()
	}
	private := host == "localhost" || !strings.Contains(host, ".") ||
		strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".internal")
	return endpoint.Scheme == "https" && !private
}
