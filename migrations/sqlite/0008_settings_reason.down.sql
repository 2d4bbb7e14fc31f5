ALTER TABLE settings_change DROP COLUMN reason;
