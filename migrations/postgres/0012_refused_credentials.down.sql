-- Forgets which credentials a relay has refused: they are tried again at once.

ALTER TABLE worker DROP COLUMN lease_holder;
DROP TABLE refused_credentials;
