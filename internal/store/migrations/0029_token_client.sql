-- A pair of tokens belongs to the app that got it: no other one can refresh it.
-- Empty for pairs that came before this was noted.
ALTER TABLE hubspot_token ADD COLUMN client_id text NOT NULL DEFAULT '';
