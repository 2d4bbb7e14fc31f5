-- A key says in the transaction of a change that this change was made: whoever sends the request again does not make it twice,
-- whatever became of the process before the answer was kept.

-- Until when the answer may still come; after that it is lost, and the key still names what was done. NULL before anything was
-- changed.
ALTER TABLE idempotency_key ADD COLUMN answer_awaited_until BIGINT;

-- Of what was asked for under the schema before it is not known whether it changed anything: it counts as if it had.
UPDATE idempotency_key SET answer_awaited_until = kept_until;
