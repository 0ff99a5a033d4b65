-- forbidden: a vendor refuses part of the work, the rest goes on. disconnected:
-- the connection is gone; its row stays for what may not be forgotten, the
-- tombstones.
ALTER TABLE connection
    ADD COLUMN paused_at timestamptz, -- an operator wants its work to wait
    DROP CONSTRAINT connection_status_check,
    ADD CONSTRAINT connection_status_check CHECK (status IN ('active', 'unauthorized', 'forbidden', 'disconnected'));

-- Each connection's events are relayed in their own order.
CREATE INDEX inbox_waiting ON inbox (connection_id, not_before, id) WHERE relayed_at IS NULL;
DROP INDEX inbox_unrelayed;
