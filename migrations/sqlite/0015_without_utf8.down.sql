-- Forgets for whom a message is composed without what needs SMTPUTF8: it is then tried with it once more.

ALTER TABLE lane_entry DROP COLUMN without_utf8;
