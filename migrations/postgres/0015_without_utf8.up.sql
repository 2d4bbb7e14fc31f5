-- The relay does not offer SMTPUTF8, and the message is composed without the copies and the Reply-To that need it. Only of
-- what was never permitted to go out: later attempts repeat every byte.
ALTER TABLE lane_entry ADD COLUMN without_utf8 BOOLEAN NOT NULL DEFAULT FALSE;
