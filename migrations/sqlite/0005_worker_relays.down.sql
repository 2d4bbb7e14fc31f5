-- Forgets which worker knows which relay.

DROP TABLE worker_relay;
