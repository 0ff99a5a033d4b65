-- An export is staged in many short transactions, so that none of them is open
-- while the vendor's download takes its time. Each attempt has a number: rows of
-- an attempt that another one has replaced are refused.
ALTER TABLE sync_run
    ADD COLUMN staging bigint  NOT NULL DEFAULT 0,
    ADD COLUMN verify  boolean NOT NULL DEFAULT false, -- contacts are read and compared; the ledger is not trusted
    ADD CONSTRAINT sync_run_verify_check CHECK (kind = 'mass' OR NOT verify);

-- Grows with every recorded write to the contact. Whoever records a write knows
-- by it whether somebody else has recorded one since the contact was read.
ALTER TABLE contact_ledger ADD COLUMN write_seq bigint NOT NULL DEFAULT 0;
