-- Somebody may be erased who has no contact: by email, or as a participant. Such an
-- erasure is known by "person-" and a random text in place of a contact's id, and
-- keeps, sealed, whom to ask for until it is done.
ALTER TABLE erasure ADD COLUMN subject bytea;
