-- Forgets what the portal asked: a retry then goes by what it asks now.

ALTER TABLE delivery DROP COLUMN portal_method;
ALTER TABLE delivery DROP COLUMN portal_access;
ALTER TABLE lane_entry DROP COLUMN portal_method;
ALTER TABLE lane_entry DROP COLUMN portal_access;
