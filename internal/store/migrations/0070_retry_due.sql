-- Items of participants that are retried without anybody asking.
ALTER TABLE parked_item
    ADD COLUMN holder         text NOT NULL DEFAULT '', -- of taken_contact: the contact that another participant has
    ADD COLUMN holder_seen_at timestamptz,              -- when the holder was last read
    ADD COLUMN retry_at       timestamptz;              -- when the item is due, whatever holds it

CREATE INDEX parked_item_retry ON parked_item (connection_id) WHERE closed_at IS NULL AND (holder <> '' OR retry_at IS NOT NULL);
