-- The tokens of a connection whose portal consented in a browser. Connections
-- with a static token have none.
CREATE TABLE hubspot_token (
    connection_id    text        NOT NULL PRIMARY KEY REFERENCES connection (id) ON DELETE CASCADE,
    tokens           bytea       NOT NULL, -- sealed
    generation       bigint      NOT NULL DEFAULT 1, -- grows with every new pair
    issued_at        timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL, -- of the access token
    refreshing_until timestamptz NOT NULL DEFAULT 'epoch', -- one worker asks for the next pair until then
    ended            boolean     NOT NULL DEFAULT false -- the refresh token is dead: only a new consent helps
);

-- HubSpot's token endpoint is one for all portals of the app, and so is its
-- limit.
ALTER TABLE installation ADD COLUMN token_endpoint_paused_until timestamptz NOT NULL DEFAULT 'epoch';

-- Somebody was sent to HubSpot's consent page, or is about to be. Hashes stand
-- for what the link and the browser carry.
CREATE TABLE connect_intent (
    id            text        NOT NULL PRIMARY KEY CHECK (id <> ''),
    link_hash     bytea       NOT NULL UNIQUE,
    wanted        bytea       NOT NULL, -- sealed; blank once it is over
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    state_hash    bytea       UNIQUE, -- of the visit to HubSpot's page that is under way
    browser_hash  bytea,
    connection_id text        REFERENCES connection (id) ON DELETE CASCADE, -- what came of it
    failure       text        NOT NULL DEFAULT '', -- what the last visit ended with
    finished_at   timestamptz,
    CHECK ((state_hash IS NULL) = (browser_hash IS NULL)),
    CHECK ((finished_at IS NULL) = (connection_id IS NULL)),
    CHECK (finished_at IS NULL OR (wanted = '' AND state_hash IS NULL))
);

CREATE INDEX connect_intent_expires ON connect_intent (expires_at);
