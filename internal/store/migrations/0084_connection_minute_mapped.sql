-- Counting a million mappings takes a tenth of a second, which no page can wait for.
ALTER TABLE connection_minute ADD COLUMN mapped bigint; -- null: sampled before this was
