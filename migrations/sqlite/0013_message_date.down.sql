-- Forgets when messages were composed: a retry then takes the moment of the snapshot again.

ALTER TABLE attempt DROP COLUMN message_date;
ALTER TABLE delivery DROP COLUMN message_date;
ALTER TABLE lane_entry DROP COLUMN message_date;
