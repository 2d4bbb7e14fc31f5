-- The relays that each live worker is configured with: only what none of them knows is given up. A worker of an
-- earlier version has no row here, and counts as one that knows every relay.
CREATE TABLE worker_relay (
    worker_id UUID NOT NULL REFERENCES worker (id) ON DELETE CASCADE,
    relay     TEXT NOT NULL,
    PRIMARY KEY (worker_id, relay)
);
