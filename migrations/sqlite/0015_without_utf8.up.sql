-- The relay does not offer SMTPUTF8, and the message is composed without the copies and the Reply-To that need it. Only of
-- what was never permitted to go out: later attempts repeat every byte.
ALTER TABLE lane_entry ADD COLUMN without_utf8 INTEGER NOT NULL DEFAULT FALSE CHECK (without_utf8 IN (0, 1));
