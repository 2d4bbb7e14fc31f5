-- People and programs that use console and API: who they are, what they may do, and how they prove it.

CREATE TABLE operator (
    id                  BLOB NOT NULL PRIMARY KEY,
    -- What they sign in with: an email address in lower case.
    address             TEXT NOT NULL UNIQUE CHECK (length(address) BETWEEN 3 AND 254),
    -- As other people call them.
    name                TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 254),
    role                TEXT NOT NULL CHECK (role IN ('viewer', 'support', 'operations', 'admin', 'tenant_admin')),
    -- '*' for every tenant, else a JSON list of ids.
    scope               TEXT NOT NULL CHECK (scope = '*' OR scope LIKE '[%]'),
    created_at          INTEGER NOT NULL,
    created_by          TEXT NOT NULL,
    disabled_at         INTEGER,
    disabled_by         TEXT,
    -- argon2id with its parameters and salt; NULL until an invitation is accepted.
    password            TEXT,
    password_changed_at INTEGER,
    last_sign_in_at     INTEGER,
    CONSTRAINT an_administrator_of_tenants_has_tenants CHECK (role <> 'tenant_admin' OR scope <> '*'),
    CONSTRAINT disabled_says_by_whom CHECK ((disabled_at IS NULL) = (disabled_by IS NULL)),
    CONSTRAINT a_password_says_since_when CHECK ((password IS NULL) = (password_changed_at IS NULL))
) STRICT;

-- A link by which somebody sets a password, once. An operator has one at most.
CREATE TABLE operator_invitation (
    operator_id  BLOB NOT NULL PRIMARY KEY REFERENCES operator (id) ON DELETE CASCADE,
    -- SHA-256 of the token, which only the link has.
    token_sha256 BLOB NOT NULL UNIQUE CHECK (octet_length(token_sha256) = 32),
    kind         TEXT NOT NULL CHECK (kind IN ('invitation', 'reset')),
    created_at   INTEGER NOT NULL,
    created_by   TEXT NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX operator_invitation_expiring ON operator_invitation (expires_at);

-- Secrets of authenticator apps: the one in use, and one that is being set up.
CREATE TABLE operator_totp (
    operator_id     BLOB NOT NULL REFERENCES operator (id) ON DELETE CASCADE,
    is_confirmed    INTEGER NOT NULL CHECK (is_confirmed IN (0, 1)),
    -- Encrypted under a subkey of the secret key with this fingerprint.
    secret          BLOB NOT NULL CHECK (octet_length(secret) BETWEEN 32 AND 256),
    key_fingerprint TEXT NOT NULL,
    made_at         INTEGER NOT NULL,
    -- The last time step whose code was entered: each is good once.
    last_step       INTEGER NOT NULL,
    PRIMARY KEY (operator_id, is_confirmed)
) STRICT;
CREATE INDEX operator_totp_key ON operator_totp (key_fingerprint);

-- What stands in for the app when it is lost, once each.
CREATE TABLE operator_recovery_code (
    operator_id BLOB NOT NULL REFERENCES operator (id) ON DELETE CASCADE,
    code_sha256 BLOB NOT NULL CHECK (octet_length(code_sha256) = 32),
    PRIMARY KEY (operator_id, code_sha256)
) STRICT, WITHOUT ROWID;

-- A browser that somebody has signed in with. Each rise of its rights gives it a new id.
CREATE TABLE operator_session (
    -- SHA-256 of the id, which only the browser has.
    id_sha256    BLOB NOT NULL PRIMARY KEY CHECK (octet_length(id_sha256) = 32),
    -- The same under each of its ids.
    session      BLOB NOT NULL UNIQUE,
    operator_id  BLOB NOT NULL REFERENCES operator (id) ON DELETE CASCADE,
    -- The password was right and a code is asked for; an app is to be set up; everything is open.
    stage        TEXT NOT NULL CHECK (stage IN ('code', 'enrol', 'open')),
    started_at   INTEGER NOT NULL,
    -- Written at most once a minute.
    last_seen_at INTEGER NOT NULL,
    -- At the latest; sooner if nothing is asked for, or when it is ended.
    ends_at      INTEGER NOT NULL,
    -- The network of the peer that began it (/24, /64); deleted after 7 days.
    network      TEXT,
    -- What the browser calls itself, in short.
    browser      TEXT CHECK (length(browser) <= 100)
) STRICT;
CREATE INDEX operator_session_of ON operator_session (operator_id, started_at);
CREATE INDEX operator_session_ending ON operator_session (ends_at);

-- Sign-ins that failed, and for a moment those that are being compared: what limits guessing. Deleted after 48 h.
CREATE TABLE sign_in_failure (
    id           BLOB NOT NULL PRIMARY KEY,
    -- HMAC of the address that was entered, whether anybody has it or not.
    account_hmac BLOB NOT NULL CHECK (octet_length(account_hmac) = 32),
    -- The network of the peer (/24, /64).
    network      TEXT,
    at           INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_failure_of_account ON sign_in_failure (account_hmac, at);
CREATE INDEX sign_in_failure_of_network ON sign_in_failure (network, at);
CREATE INDEX sign_in_failure_at ON sign_in_failure (at);

-- Tokens of programs that use the API.
CREATE TABLE api_token (
    id           BLOB NOT NULL PRIMARY KEY,
    -- SHA-256 of the token, which is shown once.
    token_sha256 BLOB NOT NULL UNIQUE CHECK (octet_length(token_sha256) = 32),
    -- How it begins, so that one that is found somewhere can be told from the others.
    prefix       TEXT NOT NULL CHECK (length(prefix) = 8),
    name         TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    role         TEXT NOT NULL CHECK (role IN ('viewer', 'support', 'operations', 'admin', 'tenant_admin', 'billing')),
    -- As an operator's.
    scope        TEXT NOT NULL CHECK (scope = '*' OR scope LIKE '[%]'),
    -- Who made it and answers for it: it works as long as they may manage tokens. NULL: made by command or by API_TOKEN.
    owner_id     BLOB REFERENCES operator (id),
    created_at   INTEGER NOT NULL,
    created_by   TEXT NOT NULL,
    expires_at   INTEGER NOT NULL,
    -- Written at most once a minute.
    last_used_at INTEGER,
    revoked_at   INTEGER,
    revoked_by   TEXT,
    CONSTRAINT a_token_for_tenants_has_tenants CHECK (role <> 'tenant_admin' OR scope <> '*'),
    CONSTRAINT revoked_says_by_whom CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
) STRICT;
-- One that is revoked makes its name free again.
CREATE UNIQUE INDEX api_token_name ON api_token (name) WHERE revoked_at IS NULL;
CREATE INDEX api_token_owner ON api_token (owner_id) WHERE owner_id IS NOT NULL;
