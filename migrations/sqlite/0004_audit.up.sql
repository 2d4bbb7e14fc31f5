-- The audit log: who did what, when, from where and why. Entries are appended and never changed; each is chained to the
-- one before it. What names people stands apart, so that it can be erased and the chain stays whole.

CREATE TABLE audit_entry (
    -- Without gaps, in the order of the changes' commits.
    sequence      INTEGER NOT NULL PRIMARY KEY,
    -- Never before that of the entry before.
    at            INTEGER NOT NULL,
    action        TEXT NOT NULL,
    who_kind      TEXT NOT NULL CHECK (who_kind IN ('operator', 'token', 'bootstrap_token', 'this_machine', 'command_line')),
    -- The operator's or the token's row, which may be gone.
    who_id        BLOB,
    tenant_id     TEXT,
    customer_id   TEXT,
    -- What was acted upon: an id, a number, a name of something that is no person.
    subject       TEXT,
    -- The fingerprint of the key of the HMACs and the hash.
    key           TEXT NOT NULL,
    -- Of the detail with its salt: proves it while it is there, and says nothing of it once it is erased.
    detail_hmac   BLOB NOT NULL CHECK (octet_length(detail_hmac) = 32),
    network_hmac  BLOB CHECK (octet_length(network_hmac) = 32),
    previous_hash BLOB NOT NULL CHECK (octet_length(previous_hash) = 32),
    hash          BLOB NOT NULL CHECK (octet_length(hash) = 32)
) STRICT;
-- They serve the search; all of one order, newest first.
CREATE INDEX audit_entry_at ON audit_entry (at, sequence);
CREATE INDEX audit_entry_tenant ON audit_entry (tenant_id, sequence);
CREATE INDEX audit_entry_subject ON audit_entry (subject, sequence);

-- What names people. Deleted with the erasure of a customer whom it names.
CREATE TABLE audit_detail (
    sequence INTEGER NOT NULL PRIMARY KEY REFERENCES audit_entry (sequence) ON DELETE CASCADE,
    salt     BLOB NOT NULL,
    name     TEXT NOT NULL,
    reason   TEXT,
    -- JSON: what was, and what is.
    change   TEXT
) STRICT;
CREATE INDEX audit_detail_name ON audit_detail (name, sequence);

-- The networks of clients (/24, /64). Deleted after 7 days.
CREATE TABLE audit_network (
    sequence INTEGER NOT NULL PRIMARY KEY REFERENCES audit_entry (sequence) ON DELETE CASCADE,
    salt     BLOB NOT NULL,
    network  TEXT NOT NULL
) STRICT;

-- The last entry. Whoever appends locks it, as the last lock of the transaction.
CREATE TABLE audit_head (
    id       INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    sequence INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    hash     BLOB NOT NULL CHECK (octet_length(hash) = 32)
) STRICT;
INSERT INTO audit_head (id, sequence, at, hash) VALUES (1, 0, 0, zeroblob(32));

-- The last entry that was deleted after its retention: the first that is left is chained to it.
CREATE TABLE audit_checkpoint (
    id          INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    sequence    INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    hash        BLOB NOT NULL CHECK (octet_length(hash) = 32),
    recorded_at INTEGER NOT NULL,
    key         TEXT NOT NULL,
    hmac        BLOB NOT NULL CHECK (octet_length(hmac) = 32)
) STRICT;
