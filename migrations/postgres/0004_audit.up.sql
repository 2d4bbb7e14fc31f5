-- The audit log: who did what, when, from where and why. Entries are appended and never changed; each is chained to the
-- one before it. What names people stands apart, so that it can be erased and the chain stays whole.

CREATE TABLE audit_entry (
    -- Without gaps, in the order of the changes' commits.
    sequence      BIGINT PRIMARY KEY,
    -- Never before that of the entry before.
    at            BIGINT NOT NULL,
    action        TEXT NOT NULL,
    who_kind      TEXT NOT NULL CHECK (who_kind IN ('operator', 'token', 'bootstrap_token', 'this_machine', 'command_line')),
    -- The operator's or the token's row, which may be gone.
    who_id        UUID,
    tenant_id     TEXT,
    customer_id   TEXT,
    -- What was acted upon: an id, a number, a name of something that is no person.
    subject       TEXT,
    -- The fingerprint of the key of the HMACs and the hash.
    key           TEXT NOT NULL,
    -- Of the detail with its salt: proves it while it is there, and says nothing of it once it is erased.
    detail_hmac   BYTEA NOT NULL CHECK (octet_length(detail_hmac) = 32),
    network_hmac  BYTEA CHECK (octet_length(network_hmac) = 32),
    previous_hash BYTEA NOT NULL CHECK (octet_length(previous_hash) = 32),
    hash          BYTEA NOT NULL CHECK (octet_length(hash) = 32)
);
-- They serve the search; all of one order, newest first.
CREATE INDEX audit_entry_at ON audit_entry (at, sequence);
CREATE INDEX audit_entry_tenant ON audit_entry (tenant_id, sequence);
CREATE INDEX audit_entry_subject ON audit_entry (subject, sequence);

-- What names people. Deleted with the erasure of a customer whom it names.
CREATE TABLE audit_detail (
    sequence BIGINT PRIMARY KEY REFERENCES audit_entry (sequence) ON DELETE CASCADE,
    salt     BYTEA NOT NULL,
    name     TEXT NOT NULL,
    reason   TEXT,
    -- JSON: what was, and what is.
    change   TEXT
);
CREATE INDEX audit_detail_name ON audit_detail (name, sequence);

-- The networks of clients (/24, /64). Deleted after 7 days.
CREATE TABLE audit_network (
    sequence BIGINT PRIMARY KEY REFERENCES audit_entry (sequence) ON DELETE CASCADE,
    salt     BYTEA NOT NULL,
    network  TEXT NOT NULL
);

-- The last entry. Whoever appends locks it, as the last lock of the transaction.
CREATE TABLE audit_head (
    id       BIGINT PRIMARY KEY CHECK (id = 1),
    sequence BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    hash     BYTEA NOT NULL CHECK (octet_length(hash) = 32)
);
INSERT INTO audit_head (id, sequence, at, hash) VALUES (1, 0, 0, decode(repeat('00', 32), 'hex'));

-- The last entry that was deleted after its retention: the first that is left is chained to it.
CREATE TABLE audit_checkpoint (
    id          BIGINT PRIMARY KEY CHECK (id = 1),
    sequence    BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    hash        BYTEA NOT NULL CHECK (octet_length(hash) = 32),
    recorded_at BIGINT NOT NULL,
    key         TEXT NOT NULL,
    hmac        BYTEA NOT NULL CHECK (octet_length(hmac) = 32)
);
