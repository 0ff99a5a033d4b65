-- The pepper once more, sealed under the recovery key, in base64: whoever loses
-- the encryption key loses credentials, which can be given again, but not the
-- pepper, without which no tombstone means anything. Empty: there is no such key.
ALTER TABLE installation ADD COLUMN pepper_recovery text NOT NULL DEFAULT '';
