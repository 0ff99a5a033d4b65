-- An erasure may be carried over the restoring of an older dump: somebody replays
-- what was exported before. Like an operator's own request it names who asked.
ALTER TABLE erasure
    DROP CONSTRAINT erasure_source_check,
    ADD CONSTRAINT erasure_source_check CHECK (source IN ('hubspot', 'request', 'operator', 'replay')),
    DROP CONSTRAINT erasure_check,
    ADD CONSTRAINT erasure_check CHECK ((requested_by <> '') = (source IN ('operator', 'replay')));
