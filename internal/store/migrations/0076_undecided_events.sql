-- A record that HubSpot shows in a form that cannot be read waits for a person,
-- whoever its customer turns out to be.
ALTER TABLE tracked_event
    DROP CONSTRAINT tracked_event_customer,
    ADD CONSTRAINT tracked_event_customer CHECK (state IN ('waiting', 'skipped', 'error') OR contact_id <> '' OR forgotten_at IS NOT NULL);
