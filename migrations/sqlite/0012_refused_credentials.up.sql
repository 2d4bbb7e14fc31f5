-- Credentials that a relay has refused (5xx at AUTH): who has them leaves the relay alone, and one of them tries again
-- now and then. Named by an HMAC under a subkey of the secret keys: whoever reads this table alone cannot guess the
-- password. In place of relay_state.refused_credentials, which this version only clears.
CREATE TABLE refused_credentials (
    relay       TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    user_name   TEXT NOT NULL,
    -- What the relay answered last.
    reply       TEXT NOT NULL,
    -- Since when.
    refused_at  INTEGER NOT NULL,
    -- Tries since then.
    tries       INTEGER NOT NULL DEFAULT 0,
    try_at      INTEGER NOT NULL,
    -- Who tries, and until when nobody else does.
    try_worker  BLOB,
    try_until   INTEGER,
    PRIMARY KEY (relay, fingerprint),
    CONSTRAINT lease_has_both CHECK ((try_worker IS NULL) = (try_until IS NULL))
) STRICT;

-- What the worker's process calls itself in `lease`: its leases go with it when it is called dead. NULL of an earlier
-- version's worker, whose leases run out.
ALTER TABLE worker ADD COLUMN lease_holder BLOB;
