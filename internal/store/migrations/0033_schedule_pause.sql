-- Somebody paused a schedule, which then was deleted: when it is created again
-- it is paused as before.
CREATE TABLE schedule_pause (
    schedule_id   text        NOT NULL PRIMARY KEY CHECK (schedule_id <> ''),
    connection_id text        NOT NULL REFERENCES connection (id) ON DELETE CASCADE,
    note          text        NOT NULL,
    kept_at       timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX schedule_pause_connection ON schedule_pause (connection_id);
