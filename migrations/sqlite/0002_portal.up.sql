-- The customer portal: who opened which link, who proved to be which customer, and how often it was tried.

-- Settings: the level that asks no verification of anybody. SQLite changes a CHECK by a new table only.
CREATE TABLE tenant_settings_with_level (
    tenant_id             TEXT PRIMARY KEY REFERENCES tenant (id),
    version               INTEGER NOT NULL,
    sensitive_attachments TEXT NOT NULL CHECK (sensitive_attachments IN ('include', 'exclude', 'exclude_for_private')),
    portal_level          TEXT NOT NULL CHECK (portal_level IN ('every_page', 'sensitive', 'sensitive_for_private', 'inaccessible', 'not_required')),
    portal_primary        TEXT CHECK (portal_primary IN ('postcode_house_number', 'sms_otp')),
    portal_secondary      TEXT CHECK (portal_secondary IN ('postcode_house_number', 'sms_otp')),
    CONSTRAINT a_level_that_verifies_has_a_method CHECK (portal_level IN ('inaccessible', 'not_required') OR portal_primary IS NOT NULL),
    CONSTRAINT the_second_method_is_another CHECK (portal_secondary IS NULL OR (portal_primary IS NOT NULL AND portal_secondary <> portal_primary))
) STRICT;
INSERT INTO tenant_settings_with_level SELECT * FROM tenant_settings;
DROP TABLE tenant_settings;
ALTER TABLE tenant_settings_with_level RENAME TO tenant_settings;

-- Links: whose they are, since when, and who revoked them. NULL of links that are older than this migration.
ALTER TABLE portal_link ADD COLUMN tenant_id TEXT;
ALTER TABLE portal_link ADD COLUMN customer_id TEXT;
ALTER TABLE portal_link ADD COLUMN created_at INTEGER;
ALTER TABLE portal_link ADD COLUMN revoked_by TEXT;
ALTER TABLE portal_link ADD COLUMN revoke_reason TEXT;
-- Serves the erasure of a customer whom a reason may name.
CREATE INDEX portal_link_reason ON portal_link (tenant_id) WHERE revoke_reason IS NOT NULL;
UPDATE portal_link SET (tenant_id, customer_id, created_at) =
    (SELECT tenant_id, customer_id, created_at FROM delivery WHERE delivery.id = portal_link.root_id);

-- A browser that opened links. One session has an id after another: each rise of rights gives it a new one, and the old
-- one keeps its old rights for a moment, for pages that are being loaded.
CREATE TABLE portal_session (
    -- SHA-256 of the id, which only the browser has.
    id_sha256    BLOB NOT NULL PRIMARY KEY CHECK (octet_length(id_sha256) = 32),
    -- The same for all ids of one session.
    session      BLOB NOT NULL,
    started_at   INTEGER NOT NULL,
    -- Written at most once a minute.
    last_seen_at INTEGER NOT NULL,
    -- At the latest; sooner if nothing is asked for.
    ends_at      INTEGER NOT NULL,
    -- The network of the peer that began it (/24, /64); deleted after 7 days.
    network      TEXT
) STRICT;
CREATE INDEX portal_session_ids ON portal_session (session);
CREATE INDEX portal_session_ending ON portal_session (ends_at);

-- The links that a session has opened.
CREATE TABLE portal_session_link (
    id_sha256  BLOB NOT NULL REFERENCES portal_session (id_sha256) ON DELETE CASCADE,
    root_id    BLOB NOT NULL,
    -- Which of the link's tokens: the revocation of one ends what it opened, not what a later one did.
    generation INTEGER NOT NULL,
    opened_at  INTEGER NOT NULL,
    PRIMARY KEY (id_sha256, root_id)
) STRICT, WITHOUT ROWID;

-- The customers that a session was verified as.
CREATE TABLE portal_session_customer (
    id_sha256     BLOB NOT NULL REFERENCES portal_session (id_sha256) ON DELETE CASCADE,
    tenant_id     TEXT NOT NULL,
    customer_id   TEXT NOT NULL,
    method        TEXT NOT NULL CHECK (method IN ('postcode_house_number', 'sms_otp')),
    -- HMAC of the normalised record that it was proven against: another record, no verification.
    record_hmac   BLOB NOT NULL CHECK (octet_length(record_hmac) = 32),
    verified_at   INTEGER NOT NULL,
    -- Written at most once a minute.
    last_used_at  INTEGER NOT NULL,
    PRIMARY KEY (id_sha256, tenant_id, customer_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX portal_session_customer_of ON portal_session_customer (tenant_id, customer_id);

-- What happened in the portal, for the timeline of a delivery.
CREATE TABLE portal_event (
    -- The delivery whose link was opened.
    root_id BLOB NOT NULL,
    at      INTEGER NOT NULL,
    kind    TEXT NOT NULL CHECK (kind IN ('opened', 'verification_asked', 'verified', 'verification_failed', 'locked',
                                          'downloaded', 'fresh_link_asked')),
    -- The method, or the document's name.
    detail  TEXT,
    -- The network of the peer (/24, /64); deleted after 7 days.
    network TEXT
) STRICT;
CREATE INDEX portal_event_of ON portal_event (root_id, at);
CREATE INDEX portal_event_network ON portal_event (at) WHERE network IS NOT NULL;

-- Verification: what a customer's record is compared by. Version 0 of the rules: not made yet, which the first start does.
ALTER TABLE customer ADD COLUMN verification_rules INTEGER NOT NULL DEFAULT 0;
ALTER TABLE customer ADD COLUMN postcode_key TEXT;
ALTER TABLE customer ADD COLUMN house_number_key TEXT;
-- The calling code of the mobile number.
ALTER TABLE customer ADD COLUMN mobile_country INTEGER;
-- The SMS provider refused that number for good; NULL again when the number changes.
ALTER TABLE customer ADD COLUMN mobile_refused_at INTEGER;
CREATE INDEX customer_verification_rules ON customer (verification_rules);

-- Answers to verifications that were wrong, and for a moment those that are being compared: what locks links, customers
-- and networks.
CREATE TABLE portal_failure (
    id          BLOB NOT NULL PRIMARY KEY,
    -- The delivery whose link was used.
    root_id     BLOB NOT NULL,
    tenant_id   TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    -- The network of the peer (/24, /64).
    network     TEXT,
    at          INTEGER NOT NULL,
    -- No more after a right answer by this link, or once a person has lifted the lock.
    counts_for_link     INTEGER NOT NULL,
    -- No more once a person has lifted the lock.
    counts_for_customer INTEGER NOT NULL
) STRICT;
CREATE INDEX portal_failure_of_link ON portal_failure (root_id, at);
CREATE INDEX portal_failure_of_customer ON portal_failure (tenant_id, customer_id, at);
CREATE INDEX portal_failure_of_network ON portal_failure (network, at);
CREATE INDEX portal_failure_at ON portal_failure (at);

-- A verification that a session has begun: its method is chosen once.
CREATE TABLE portal_verification (
    session     BLOB NOT NULL,
    tenant_id   TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    method      TEXT NOT NULL CHECK (method IN ('postcode_house_number', 'sms_otp')),
    started_at  INTEGER NOT NULL,
    ends_at     INTEGER NOT NULL,
    -- What the codes that are under way belong to, and how often a code was tried on it.
    challenge   BLOB NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (session, tenant_id, customer_id)
) STRICT;
CREATE INDEX portal_verification_of ON portal_verification (tenant_id, customer_id);
CREATE INDEX portal_verification_ending ON portal_verification (ends_at);

-- Codes that were sent by SMS: each is good until its own end, and gone once one of them was entered.
CREATE TABLE portal_code (
    challenge  BLOB NOT NULL,
    -- HMAC of challenge, session and code.
    code_hmac  BLOB NOT NULL CHECK (octet_length(code_hmac) = 32),
    sms_id     BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (challenge, code_hmac)
) STRICT;
CREATE INDEX portal_code_expiring ON portal_code (expires_at);

-- Text messages: what limits them, and what support can see of them. Deleted after 30 days.
CREATE TABLE sms_log (
    id          BLOB NOT NULL PRIMARY KEY,
    tenant_id   TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    -- HMAC of the mobile number.
    number_hmac BLOB NOT NULL CHECK (octet_length(number_hmac) = 32),
    -- The network of the peer (/24, /64); deleted after 7 days.
    network     TEXT,
    at          INTEGER NOT NULL,
    -- Of `failed` it is certain that nothing was sent; of `unanswered` it is not.
    result      TEXT NOT NULL CHECK (result IN ('sending', 'sent', 'failed', 'refused', 'unanswered')),
    -- What the provider called its refusal.
    code        TEXT,
    entered_at  INTEGER
) STRICT;
CREATE INDEX sms_log_of_number ON sms_log (number_hmac, at);
CREATE INDEX sms_log_of_tenant ON sms_log (tenant_id, at);
CREATE INDEX sms_log_of_customer ON sms_log (tenant_id, customer_id);
CREATE INDEX sms_log_of_network ON sms_log (network, at) WHERE network IS NOT NULL;
CREATE INDEX sms_log_at ON sms_log (at);

-- A tenant's logo, byte for byte as it was given. The portal serves it by its digest.
CREATE TABLE tenant_logo (
    tenant_id  TEXT NOT NULL PRIMARY KEY REFERENCES tenant (id),
    sha256     BLOB NOT NULL CHECK (octet_length(sha256) = 32),
    format     TEXT NOT NULL CHECK (format IN ('image/png', 'image/jpeg')),
    -- In pixels.
    width      INTEGER NOT NULL CHECK (width BETWEEN 1 AND 2000),
    height     INTEGER NOT NULL CHECK (height BETWEEN 1 AND 2000),
    image      BLOB NOT NULL CHECK (octet_length(image) <= 100000),
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX tenant_logo_sha256 ON tenant_logo (sha256);

-- Requests for a fresh link, by which a network is limited; deleted after 48 h.
CREATE TABLE portal_fresh_link_request (
    -- The network of the peer (/24, /64).
    network  TEXT NOT NULL,
    asked_at INTEGER NOT NULL
) STRICT;
CREATE INDEX portal_fresh_link_request_of ON portal_fresh_link_request (network, asked_at);

-- The last proxy that forwarded a request to the portal and is not among the trusted ones.
CREATE TABLE portal_undeclared_proxy (
    only_one INTEGER PRIMARY KEY CHECK (only_one),
    address  TEXT NOT NULL,
    seen_at  INTEGER NOT NULL
) STRICT;
