-- The workers divide a relay's connections among themselves: each one's row says how many it uses, and the others take no more
-- than are left.

-- Connections that the worker may use, or still uses.
ALTER TABLE worker_relay ADD COLUMN connections INTEGER NOT NULL DEFAULT 0;
-- Whether it asks for a share: a worker that drains does not, nor one whose credentials the relay refuses.
ALTER TABLE worker_relay ADD COLUMN asks BOOLEAN NOT NULL DEFAULT TRUE;
-- How often it has looked at the shares. What stands still is not counted.
ALTER TABLE worker_relay ADD COLUMN looks BIGINT NOT NULL DEFAULT 0;
