-- Rounds also look for requests that nobody sends.
DROP INDEX tracked_event_waiting;
CREATE INDEX tracked_event_open ON tracked_event (connection_id, id) WHERE state IN ('waiting', 'pending');
