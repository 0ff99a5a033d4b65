-- What is counted in a connection beyond some ten thousand rows is sampled, for no
-- page can wait for it. kept_out are the contacts without a participant because a
-- rule was off; counted_at is when these and the mappings were counted.
ALTER TABLE connection_minute
    ADD COLUMN kept_out   bigint,
    ADD COLUMN counted_at timestamptz; -- null: sampled before this was

-- The console filters the audit log, and what triggers tracked. What is rare must
-- not be looked for in everything that there is.
CREATE INDEX audit_entry_connection ON audit_entry (connection_id, id);
CREATE INDEX audit_entry_actor ON audit_entry (actor, id);
CREATE INDEX audit_entry_operation ON audit_entry (operation, id);
CREATE INDEX audit_entry_subject ON audit_entry USING gin (string_to_array(subject, ' ')) WHERE subject <> '';
CREATE INDEX audit_outcome_subject ON audit_outcome USING gin (string_to_array(subject, ' ')) WHERE subject <> '';
CREATE INDEX tracked_event_state ON tracked_event (connection_id, state, id);
CREATE INDEX tracked_event_trigger ON tracked_event (connection_id, trigger_id, id);
