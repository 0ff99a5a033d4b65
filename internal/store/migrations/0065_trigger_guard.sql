-- What a trigger matches of an import, or of too many changes at once, waits until
-- a person has it sent or skipped.
ALTER TABLE object_inbox ADD COLUMN imported boolean NOT NULL DEFAULT false; -- an import made the change

ALTER TABLE tracked_event
    ADD COLUMN imported    boolean NOT NULL DEFAULT false, -- an import made the change
    ADD COLUMN guarded     text CHECK (guarded IN ('import', 'at_once')), -- why it waits for a person, or was skipped by one
    ADD COLUMN approved_at timestamptz, -- when a person had it sent
    DROP CONSTRAINT tracked_event_state_check,
    ADD CONSTRAINT tracked_event_state_check CHECK (state IN ('waiting', 'awaiting_approval', 'pending', 'sent', 'complete',
        'error', 'skipped', 'reversed')),
    ADD CONSTRAINT tracked_event_guarded CHECK (state <> 'awaiting_approval' OR guarded IS NOT NULL);

CREATE INDEX tracked_event_guard ON tracked_event (connection_id, trigger_id, recorded_at);
CREATE INDEX tracked_event_awaiting ON tracked_event (connection_id, trigger_id, id) WHERE state = 'awaiting_approval';
