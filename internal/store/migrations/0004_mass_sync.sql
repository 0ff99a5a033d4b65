-- A mass sync can be rehearsed and watched.
ALTER TABLE sync_run
    ADD COLUMN dry_run        boolean          NOT NULL DEFAULT false,
    ADD COLUMN as_of          timestamptz, -- when its rows were true, by this database's clock; null: not known
    ADD COLUMN hubspot_calls  bigint           NOT NULL DEFAULT 0, -- of a dry run: what the real one would make
    ADD COLUMN advocate_calls bigint           NOT NULL DEFAULT 0,
    ADD COLUMN rate           double precision NOT NULL DEFAULT 0, -- rows a second: a moving average that began with 0
    ADD COLUMN rate_since     timestamptz, -- when it began
    ADD COLUMN rate_at        timestamptz, -- when it was last brought up to date
    DROP CONSTRAINT sync_run_state_check,
    ADD CONSTRAINT sync_run_state_check CHECK (state IN ('requested', 'staged', 'planned', 'done', 'aborted', 'cancelled')),
    DROP CONSTRAINT sync_run_check,
    ADD CONSTRAINT sync_run_finished_check CHECK ((finished_at IS NOT NULL) = (state IN ('done', 'aborted', 'cancelled'))),
    DROP CONSTRAINT sync_run_check1,
    ADD CONSTRAINT sync_run_exported_check CHECK (state IN ('requested', 'aborted', 'cancelled') OR exported_at IS NOT NULL),
    ADD CONSTRAINT sync_run_dry_check CHECK (kind = 'mass' OR NOT dry_run);

-- What the operator wants of a mass sync. Beside the run, because its row is
-- locked for as long as an export is staged, and nobody should wait for that.
CREATE TABLE mass_wish (
    run_id bigint NOT NULL PRIMARY KEY REFERENCES sync_run (id) ON DELETE CASCADE,
    wish   text   NOT NULL DEFAULT '' CHECK (wish IN ('', 'pause', 'cancel'))
);

-- Passes overlap: what HubSpot last took may be newer than the row that a pass
-- is about to write. When it was true, by this database's clock.
ALTER TABLE contact_ledger ADD COLUMN written_as_of timestamptz;
