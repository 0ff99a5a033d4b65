-- A person looks a contact up by an email, which is compared by its keyed hash.
CREATE INDEX contact_ledger_email ON contact_ledger (connection_id, email_hash) WHERE email_hash IS NOT NULL;
CREATE INDEX mapping_email ON mapping (connection_id, email_hash) WHERE email_hash IS NOT NULL;
