-- Of a key whose change was made and whose answer never came, the schema before knows only that it was done.
UPDATE idempotency_key SET is_done = 1 WHERE NOT is_done AND answer_awaited_until IS NOT NULL;
ALTER TABLE idempotency_key DROP COLUMN answer_awaited_until;
