-- The refresh after a program switch: a mass sync that leaves participants
-- without a contact alone.
ALTER TABLE sync_run
    ADD COLUMN mapped_only boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT sync_run_mapped_check CHECK (kind = 'mass' OR NOT mapped_only);
