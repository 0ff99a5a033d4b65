-- Parts of HubSpot's list of contacts that a reconcile could not read, because HubSpot
-- fails on a record there: record ids from one, included, up to another, excluded.
CREATE TABLE reconcile_unlisted (
    run_id  bigint NOT NULL REFERENCES sync_run (id) ON DELETE CASCADE,
    list    text   NOT NULL CHECK (list IN ('live', 'archived')),
    from_id text   NOT NULL, -- empty: the list's beginning
    to_id   text   NOT NULL, -- empty: the list's end
    PRIMARY KEY (run_id, list, from_id)
);
