-- Idempotency keys: a POST that names one is done once, and its answer is given again for a day.

CREATE TABLE idempotency_key (
    -- SHA-256 of who asked, the route and the key: none of them can be read here.
    id_sha256       BLOB NOT NULL PRIMARY KEY CHECK (octet_length(id_sha256) = 32),
    -- SHA-256 of what was asked for.
    payload_sha256  BLOB NOT NULL CHECK (octet_length(payload_sha256) = 32),
    -- The request that works on it, or did: one that has lost it writes nothing more here.
    claim           BLOB NOT NULL,
    is_done         INTEGER NOT NULL CHECK (is_done IN (0, 1)),
    -- Until when nobody else may have the key. While it is worked on, a lease, which ends although the process died.
    kept_until      INTEGER NOT NULL,
    -- Status, headers and body, encrypted under a subkey of the secret key with this fingerprint. NULL while it is worked
    -- on, of an answer that is too large, and once any customer was erased: whom an answer names cannot be seen.
    answer          BLOB CHECK (octet_length(answer) <= 2097152),
    key_fingerprint TEXT,
    CONSTRAINT what_is_answered_is_done CHECK (is_done OR answer IS NULL),
    CONSTRAINT an_answer_says_its_key CHECK ((answer IS NULL) = (key_fingerprint IS NULL))
) STRICT;
CREATE INDEX idempotency_key_ending ON idempotency_key (kept_until);
