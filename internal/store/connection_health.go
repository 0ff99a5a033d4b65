package store

import (
	"context"
	"time"
)

// ConnectionHealth is what the database knows about a connection's health.
type ConnectionHealth struct {
	Consented     bool          // its portal consented in a browser; otherwise it has a static token
	Watermark     time.Time     // changes in Advocate up to then are in HubSpot, by Advocate's clock; zero: no report yet
	WaitingEvents int64         // events that wait for the relay
	WaitingFor    time.Duration // how long the oldest of them has waited; 0: none waits
	Parked        int64         // open items
	Mapped        int64         // contacts
	Counted       Counted       // of WaitingEvents, Parked and Mapped
	CallsMade     int           // HubSpot calls granted in the last 10 seconds
	PortalPause   time.Duration // how much longer HubSpot refuses calls; 0: it does not
}

var selectStanding = `
SELECT EXISTS (SELECT FROM hubspot_token t WHERE t.connection_id = c.id),
       coalesce(c.report_watermark, '0001-01-01Z'),
       waiting.n, coalesce(clock_timestamp() - waiting.oldest, interval '0'),
      ` + fewOf("parked_item p WHERE p.connection_id = c.id AND p.closed_at IS NULL") + `,
      ` + fewOf("mapping m WHERE m.connection_id = c.id") + `,
       coalesce((SELECT count(*) FROM budget b, unnest(b.granted) AS at
                  WHERE b.portal_id = c.portal_id AND at > clock_timestamp() - interval '10 seconds'), 0),
       coalesce((SELECT greatest(b.paused_until - clock_timestamp(), interval '0') FROM budget b WHERE b.portal_id = c.portal_id),
                interval '0'),
       s.sampled_at, s.backlog, s.parked, s.counted_at, s.mapped
  FROM connection c` + lastSample + `
 CROSS JOIN LATERAL` + waitingIn(contactInbox) + ` waiting
 WHERE c.id = $1 AND` + connected

// ConnectionHealth returns a connection's health, or a not_found error.
func (s *Store) ConnectionHealth(ctx context.Context, connectionID string) (ConnectionHealth, error) {
	var h ConnectionHealth
	var backlog, parked, mapped sampled
	err := s.pool.QueryRow(ctx, selectStanding, connectionID).Scan(&h.Consented, &h.Watermark, &h.WaitingEvents, &h.WaitingFor,
		&h.Parked, &h.Mapped, &h.CallsMade, &h.PortalPause, &backlog.at, &backlog.n, &parked.n, &mapped.at, &mapped.n)
	parked.at = backlog.at
	h.WaitingEvents, h.Parked, h.Mapped = h.Counted.of(h.WaitingEvents, backlog), h.Counted.of(h.Parked, parked), h.Counted.of(h.Mapped, mapped)
	return h, wrap(err, "standing of %s", connectionID)
}
