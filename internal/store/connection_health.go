package store

import (
	"context"
	"time"
)

// ConnectionHealth is what the database knows of how a connection is doing.
type ConnectionHealth struct {
	Consented     bool          // its portal consented in a browser; otherwise it has a static token
	Watermark     time.Time     // up to when reports have carried over what changed in Advocate, by Advocate's clock; zero: none has yet
	WaitingEvents int64         // webhook events that wait for their relay
	WaitingFor    time.Duration // how long the oldest of them has been waiting; 0: none waits
	Parked        int64         // open items
	Mapped        int64         // contacts
	CallsMade     int           // HubSpot calls granted in the last 10 seconds
	PortalPause   time.Duration // how long HubSpot wants to be left alone; 0: not at all
}

const selectStanding = `
SELECT EXISTS (SELECT FROM hubspot_token t WHERE t.connection_id = c.id),
       coalesce(c.report_watermark, '0001-01-01Z'),
       (SELECT count(*) FROM inbox i WHERE i.connection_id = c.id AND i.relayed_at IS NULL),
       coalesce((SELECT clock_timestamp() - min(i.received_at) FROM inbox i WHERE i.connection_id = c.id AND i.relayed_at IS NULL),
                interval '0'),
       (SELECT count(*) FROM parked_item p WHERE p.connection_id = c.id AND p.closed_at IS NULL),
       (SELECT count(*) FROM mapping m WHERE m.connection_id = c.id),
       coalesce((SELECT count(*) FROM budget b, unnest(b.granted) AS at
                  WHERE b.portal_id = c.portal_id AND at > clock_timestamp() - interval '10 seconds'), 0),
       coalesce((SELECT greatest(b.paused_until - clock_timestamp(), interval '0') FROM budget b WHERE b.portal_id = c.portal_id),
                interval '0')
  FROM connection c
 WHERE c.id = $1 AND` + connected

// ConnectionHealth tells how a connection is doing, or a not_found error.
func (s *Store) ConnectionHealth(ctx context.Context, connectionID string) (ConnectionHealth, error) {
	var st ConnectionHealth
	err := s.pool.QueryRow(ctx, selectStanding, connectionID).Scan(&st.Consented, &st.Watermark, &st.WaitingEvents, &st.WaitingFor,
		&st.Parked, &st.Mapped, &st.CallsMade, &st.PortalPause)
	return st, wrap(err, "standing of %s", connectionID)
}
