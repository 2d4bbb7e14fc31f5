ALTER TABLE worker_relay DROP COLUMN connections;
ALTER TABLE worker_relay DROP COLUMN asks;
ALTER TABLE worker_relay DROP COLUMN looks;
