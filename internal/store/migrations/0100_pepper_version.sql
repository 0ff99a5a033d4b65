-- The pepper of all keyed hashes can be replaced. "pepper" then holds all versions,
-- the first one first, sealed together for their number: a release that knows of
-- one only cannot open them, and so cannot make hashes that match nothing.
ALTER TABLE installation
    ADD COLUMN pepper_version    integer     NOT NULL DEFAULT 1 CHECK (pepper_version > 0),
    ADD COLUMN pepper_rotated_at timestamptz; -- NULL: the first pepper is the only one
