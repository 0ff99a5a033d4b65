-- Where the installation stands in HubSpot's webhooks journal. One process reads
-- at a time; it alone moves the offset.
CREATE TABLE journal (
    only_row    boolean     NOT NULL PRIMARY KEY DEFAULT true CHECK (only_row),
    holder      text        NOT NULL DEFAULT '', -- of the lease; empty: nobody
    held_until  timestamptz NOT NULL DEFAULT '-infinity',
    read_offset text        NOT NULL DEFAULT '', -- of the last file whose events are in an inbox; empty: begin with the earliest
    read_until  timestamptz,                     -- what was published before is in an inbox, or left to a reconcile; null: nothing was read yet
    state       text        NOT NULL DEFAULT 'idle' CHECK (state IN ('idle', 'following', 'missing_scopes', 'refused', 'failing')),
    reason      text        NOT NULL DEFAULT '', -- of the state, without anybody's data
    state_since timestamptz NOT NULL DEFAULT now()
);

INSERT INTO journal DEFAULT VALUES;

-- A portal that the journal records for, or should. It outlives the connection
-- until its subscriptions are removed at HubSpot.
CREATE TABLE journal_portal (
    portal_id     bigint      NOT NULL PRIMARY KEY,
    subscribed_at timestamptz, -- since when HubSpot records for it; null: it does not
    problem       text        NOT NULL DEFAULT '', -- why it does not, without anybody's data
    gap_at        timestamptz  -- what happened before may have been missed; null: nothing was, or a reconcile was started since
);
