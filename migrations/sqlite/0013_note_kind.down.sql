ALTER TABLE delivery_note DROP COLUMN facts;
