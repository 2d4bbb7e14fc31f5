-- The moment of the `Date` header: when the message was composed whose digest stands beside it. Written with the permit
-- to start DATA, so that every later attempt sends the same bytes, and a sent message can be composed again and proven.
-- NULL of what was never permitted, and beside a digest of what an earlier version sent: that took `snapshot_at`.
--
-- Of a rest that was not permitted yet it stands without a digest: the message's Date is the root's.
ALTER TABLE lane_entry ADD COLUMN message_date INTEGER;
ALTER TABLE delivery ADD COLUMN message_date INTEGER;
ALTER TABLE attempt ADD COLUMN message_date INTEGER;
