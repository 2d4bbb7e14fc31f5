-- The first schema.
--
-- Moments are milliseconds since 1970-01-01T00:00:00Z, JSON is TEXT: so that nearly every statement reads
-- the same on PostgreSQL and on SQLite.
-- Here a UUID is a BLOB of 16 bytes and a BOOLEAN an INTEGER; STRICT tables refuse values of another type.

-- Tenants, which send invoices. Intake locks the row: one batch at a time per tenant.
CREATE TABLE tenant (
    id              TEXT NOT NULL PRIMARY KEY,
    -- Names the row of tenant_profile that holds now.
    profile_version INTEGER NOT NULL,
    relay           TEXT NOT NULL,
    object_prefix   TEXT NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;

-- What a tenant's mails show, in every version that some delivery was made with.
CREATE TABLE tenant_profile (
    tenant_id TEXT NOT NULL REFERENCES tenant (id),
    version   INTEGER NOT NULL,
    body      TEXT NOT NULL,
    -- When the next version took its place: retention goes by it.
    superseded_at INTEGER,
    PRIMARY KEY (tenant_id, version)
) STRICT;

CREATE TABLE tenant_settings (
    tenant_id             TEXT PRIMARY KEY REFERENCES tenant (id),
    version               INTEGER NOT NULL,
    sensitive_attachments TEXT NOT NULL CHECK (sensitive_attachments IN ('include', 'exclude', 'exclude_for_private')),
    portal_level          TEXT NOT NULL CHECK (portal_level IN ('every_page', 'sensitive', 'sensitive_for_private', 'inaccessible')),
    portal_primary        TEXT CHECK (portal_primary IN ('postcode_house_number', 'sms_otp')),
    portal_secondary      TEXT CHECK (portal_secondary IN ('postcode_house_number', 'sms_otp')),
    CONSTRAINT a_level_that_verifies_has_a_method CHECK (portal_level = 'inaccessible' OR portal_primary IS NOT NULL),
    CONSTRAINT the_second_method_is_another CHECK (portal_secondary IS NULL OR (portal_primary IS NOT NULL AND portal_secondary <> portal_primary))
) STRICT;

-- Every version of the settings: who chose what, and when.
CREATE TABLE settings_change (
    tenant_id  TEXT NOT NULL REFERENCES tenant (id),
    version    INTEGER NOT NULL,
    settings   TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (tenant_id, version)
) STRICT;

CREATE TABLE customer (
    tenant_id    TEXT NOT NULL REFERENCES tenant (id),
    id           TEXT NOT NULL,
    -- Unknown counts as private.
    type         TEXT CHECK (type IN ('private', 'business')),
    name         TEXT NOT NULL,
    address      TEXT NOT NULL,
    locale       TEXT,
    country      TEXT,
    postcode     TEXT,
    house_number TEXT,
    mobile       TEXT,
    updated_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

-- The words of a customer's name in lower case, and the whole id.
CREATE TABLE customer_word (
    word        TEXT NOT NULL,
    tenant_id   TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    PRIMARY KEY (word, tenant_id, customer_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX customer_word_of ON customer_word (tenant_id, customer_id);

-- One event that reached us, known by (source, id).
CREATE TABLE event (
    -- Name-based UUID of (source, id): the idempotency key, in one short index.
    key             BLOB NOT NULL PRIMARY KEY,
    source          TEXT NOT NULL,
    event_id        TEXT NOT NULL,
    -- Digest of the canonical JSON of data: same content or not.
    content_sha256  BLOB NOT NULL CHECK (octet_length(content_sha256) = 32),
    -- Digest of tenant, invoice id, kind, documents and recipients: the same invoice under another id.
    invoice_sha256  BLOB NOT NULL CHECK (octet_length(invoice_sha256) = 32),
    tenant_id       TEXT NOT NULL,
    customer_id     TEXT NOT NULL,
    invoice_id      TEXT NOT NULL,
    invoice_number  TEXT NOT NULL,
    kind            TEXT NOT NULL,
    -- The bytes as they came; deleted after the retention time.
    body            BLOB,
    via             TEXT NOT NULL CHECK (via IN ('amqp', 'http', 'file')),
    received_at     INTEGER NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('accepted', 'waiting', 'dead')),
    -- Until when an unknown customer is waited for.
    wait_until      INTEGER,
    -- The delivery made of it (Bcc deliveries name it as their root).
    delivery_id     BLOB,
    CONSTRAINT waiting_says_until_when CHECK ((state = 'waiting') = (wait_until IS NOT NULL)),
    CONSTRAINT accepted_has_a_delivery CHECK ((state = 'accepted') = (delivery_id IS NOT NULL))
) STRICT;
CREATE INDEX event_same_invoice ON event (invoice_sha256);
-- Retention goes by it; ordered by time, so it grows at one end only.
CREATE INDEX event_remembered ON event (received_at) WHERE body IS NOT NULL;
CREATE INDEX event_waiting ON event (wait_until) WHERE state = 'waiting';
CREATE INDEX event_waiting_for_customer ON event (tenant_id, customer_id) WHERE state = 'waiting';
-- Serve the search: by number, as delivery.number_key, and by the publisher's id.
CREATE INDEX event_waiting_number ON event (
    upper(replace(replace(replace(replace(invoice_number, ' ', ''), char(160), ''), char(8199), ''), char(8239), '')),
    tenant_id) WHERE state = 'waiting';
CREATE INDEX event_named ON event (event_id);

-- One message to one envelope: inserted when it is made, and updated once when it is concluded.
CREATE TABLE delivery (
    id               BLOB NOT NULL PRIMARY KEY,
    -- The delivery whose Message-ID, X-Delivery-Id and portal token this one uses: itself, except for a rest.
    root_id          BLOB NOT NULL,
    -- main: To and Cc. bcc: one Bcc, a message of its own. rest: recipients that a partial acceptance deferred.
    role             TEXT NOT NULL CHECK (role IN ('main', 'bcc', 'rest')),
    -- The main delivery of the same event or resend; of a main delivery itself.
    main_id          BLOB NOT NULL,
    event_key        BLOB NOT NULL,
    -- The delivery that a person sent again, and why.
    resend_of        BLOB,
    resend_reason    TEXT,
    tenant_id        TEXT NOT NULL,
    customer_id      TEXT NOT NULL,
    invoice_id       TEXT NOT NULL,
    invoice_number   TEXT NOT NULL,
    kind             TEXT NOT NULL,
    -- JSON: the snapshot of the recipients ([{role, address, name}]) and the customer's name and locale.
    recipients       TEXT NOT NULL,
    customer_name    TEXT NOT NULL,
    locale           TEXT NOT NULL,
    profile_version  INTEGER NOT NULL,
    template_version TEXT NOT NULL,
    snapshot_at      INTEGER NOT NULL,
    -- Fingerprint of the key that the portal token is made with, and which token of the root it is.
    link_key         TEXT NOT NULL,
    link_generation  INTEGER NOT NULL DEFAULT 0,
    link_only        INTEGER NOT NULL DEFAULT FALSE CHECK (link_only IN (0, 1)),
    expires_at       INTEGER,
    created_at       INTEGER NOT NULL,
    -- How it ended. NULL: it is in lane_entry, due or sending.
    concluded        TEXT CHECK (concluded IN ('sent', 'rejected', 'dead', 'discarded', 'uncertain', 'cancelled', 'expired')),
    concluded_at     INTEGER,
    class            TEXT,
    -- One sentence for people.
    reason           TEXT,
    attempts         INTEGER NOT NULL DEFAULT 0,
    -- The last claim: a late answer of that attempt is known by it, and a redrive counts on from it.
    claim            INTEGER NOT NULL DEFAULT 0,
    decision         TEXT CHECK (decision IN ('attach', 'link')),
    decision_reason  TEXT,
    decision_inputs  TEXT,
    -- As in lane_entry.
    portal_access    TEXT CHECK (portal_access IN ('open', 'verified', 'every_page_verified', 'closed')),
    portal_method    TEXT CHECK (portal_method IN ('postcode_house_number', 'sms_otp')),
    message_id       TEXT,
    message_sha256   BLOB CHECK (octet_length(message_sha256) = 32),
    message_size     INTEGER,
    message_date     INTEGER,
    attachments      TEXT,
    phase            TEXT,
    code             TEXT,
    -- When its refusal caused a hold of its sender: it is sent last afterwards, and causes no other hold. 0: a person has
    -- released it.
    tripped_at       INTEGER,
    -- concluded_at of deliveries that a person may have to look at; NULL of `sent`, whose one update so changes no index.
    attention_at     INTEGER GENERATED ALWAYS AS (CASE WHEN concluded <> 'sent' THEN concluded_at END) STORED,
    -- The number as it is searched: in upper case (ASCII letters only, as SQLite can), without blanks.
    number_key       TEXT GENERATED ALWAYS AS (
        upper(replace(replace(replace(replace(invoice_number, ' ', ''), char(160), ''), char(8199), ''), char(8239), ''))) VIRTUAL,
    CONSTRAINT concluded_says_when_and_why CHECK ((concluded IS NULL) = (concluded_at IS NULL) AND (concluded IS NULL) = (class IS NULL)),
    CONSTRAINT sent_says_what CHECK (concluded IS DISTINCT FROM 'sent' OR message_sha256 IS NOT NULL OR class = 'by_hand'),
    CONSTRAINT a_message_has_a_date CHECK (message_sha256 IS NULL OR message_date IS NOT NULL),
    CONSTRAINT a_link_attaches_nothing CHECK (decision IS DISTINCT FROM 'link' OR attachments IS NULL OR attachments = '[]')
) STRICT;
-- People know an invoice by its number, programs by its identifier. The event's key: what became of one event is looked
-- up without reading every row of its number. Columns of indexes never change after the insert, so that the one update of a
-- delivery that is sent touches none.
CREATE INDEX delivery_of_event ON delivery (tenant_id, invoice_number, event_key);
CREATE INDEX delivery_number ON delivery (number_key, tenant_id);
CREATE INDEX delivery_invoice_id ON delivery (tenant_id, invoice_id);
-- Deliveries that a person may have to look at, by time.
CREATE INDEX delivery_attention ON delivery (attention_at) WHERE attention_at IS NOT NULL;
-- Retention goes by it; ordered by time, so it grows at one end only.
CREATE INDEX delivery_created ON delivery (created_at);
-- Lists of a customer's, and of a tenant's, the newest first.
CREATE INDEX delivery_of_customer ON delivery (tenant_id, customer_id, created_at);
CREATE INDEX delivery_of_tenant ON delivery (tenant_id, created_at);

-- The recipients: 8 bytes of an HMAC, under a subkey of the secret keys, of the mailbox in lower case. From this table
-- alone addresses cannot be guessed.
CREATE TABLE delivery_recipient (
    address_key INTEGER NOT NULL,
    delivery_id BLOB NOT NULL,
    PRIMARY KEY (address_key, delivery_id)
) STRICT, WITHOUT ROWID;
-- Serves the deletion of a delivery or of its recipients.
CREATE INDEX delivery_recipient_of ON delivery_recipient (delivery_id);

-- The narrow, often updated row of a delivery that is due or sending; deleted when it is concluded.
CREATE TABLE lane_entry (
    delivery_id     BLOB NOT NULL PRIMARY KEY,
    relay           TEXT NOT NULL,
    tenant_id       TEXT NOT NULL,
    customer_id     TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('due', 'sending')),
    due_at          INTEGER,
    -- Place in the lane (start-time fair queueing). Only what may be sent now has one; it keeps it while it is sent,
    -- so that a claim given back loses nothing.
    fair_rank       INTEGER,
    -- A person waits for it.
    express         INTEGER NOT NULL DEFAULT FALSE CHECK (express IN (0, 1)),
    expires_at      INTEGER,
    -- Attempts consumed of the retry schedule.
    attempts        INTEGER NOT NULL DEFAULT 0,
    -- Counts the claims: with worker_id it is the fence, so that a worker that has lost the row cannot write it.
    claim           INTEGER NOT NULL DEFAULT 0,
    worker_id       BLOB,
    data_started    INTEGER NOT NULL DEFAULT FALSE CHECK (data_started IN (0, 1)),
    -- How many workers died while they had it, before DATA.
    takeovers       INTEGER NOT NULL DEFAULT 0,
    -- What the last attempt decided (a retry never widens it) and composed; copied to the delivery if its worker dies.
    decision        TEXT CHECK (decision IN ('attach', 'link')),
    decision_reason TEXT,
    decision_inputs TEXT,
    -- What the portal asks of whoever follows the mailed link, and by which method: with `decision` it is what a retry may
    -- not loosen, and what the mail's words depend on. NULL of an attachment.
    portal_access   TEXT CHECK (portal_access IN ('open', 'verified', 'every_page_verified', 'closed')),
    portal_method   TEXT CHECK (portal_method IN ('postcode_house_number', 'sms_otp')),
    message_sha256  BLOB CHECK (octet_length(message_sha256) = 32),
    -- The moment of the `Date` header: when the message was composed whose digest stands beside it. Written with the permit
    -- to start DATA, so that every later attempt sends the same bytes, and a sent message can be composed again and proven.
    -- Of a rest that was not permitted yet it stands without a digest: the message's Date is the root's.
    message_date    INTEGER,
    refused_for_size INTEGER NOT NULL DEFAULT FALSE CHECK (refused_for_size IN (0, 1)),
    -- The relay does not offer SMTPUTF8, and the message is composed without the copies and the Reply-To that need it. Only
    -- of what was never permitted to go out: later attempts repeat every byte.
    without_utf8    INTEGER NOT NULL DEFAULT FALSE CHECK (without_utf8 IN (0, 1)),
    -- An uncertain attempt was followed by another (on_uncertain = resend): the relay may hold the message already.
    may_be_out      INTEGER NOT NULL DEFAULT FALSE CHECK (may_be_out IN (0, 1)),
    -- Since when a document is missed, and since when attempts fail.
    missing_since   INTEGER,
    first_failed_at INTEGER,
    last_class      TEXT,
    last_reply      TEXT,
    -- Why it is not ranked although its time has come: held by hand, or its sender is held.
    held            TEXT,
    -- When it was the trial of its held sender: the next trial takes another delivery.
    tried_at        INTEGER,
    CONSTRAINT due_says_when CHECK ((state = 'due') = (due_at IS NOT NULL)),
    CONSTRAINT sending_says_who CHECK ((state = 'sending') = (worker_id IS NOT NULL)),
    CONSTRAINT held_has_no_rank CHECK (held IS NULL OR fair_rank IS NULL),
    CONSTRAINT a_message_has_a_date CHECK (message_sha256 IS NULL OR message_date IS NOT NULL),
    CONSTRAINT only_sending_has_data_started CHECK (NOT data_started OR state = 'sending')
) STRICT;
-- Serves claim_due: only what may be sent now has a rank, so future retries never stand in its way.
CREATE INDEX lane_entry_next ON lane_entry (relay, express, fair_rank) WHERE state = 'due' AND fair_rank IS NOT NULL;
-- Serves rank_ripe and next_ripening.
CREATE INDEX lane_entry_ripening ON lane_entry (due_at, relay)
    WHERE due_at IS NOT NULL AND fair_rank IS NULL AND held IS NULL;
-- Serves rank_ripe when more is due at once than one round can place: each tenant's share is found by its name.
CREATE INDEX lane_entry_ripening_of_tenant ON lane_entry (tenant_id, due_at)
    WHERE due_at IS NOT NULL AND fair_rank IS NULL AND held IS NULL;
-- Serves take_over: the deliveries of a worker, and which workers have any.
CREATE INDEX lane_entry_of_worker ON lane_entry (worker_id) WHERE worker_id IS NOT NULL;
CREATE INDEX lane_entry_expiring ON lane_entry (expires_at) WHERE expires_at IS NOT NULL;
-- Serves the end of a hold, and the count of the deliveries that it holds.
CREATE INDEX lane_entry_held ON lane_entry (held, relay, due_at) WHERE held IS NOT NULL;
-- Serves claim_suspect: a delivery that workers died with is claimed alone.
CREATE INDEX lane_entry_suspect ON lane_entry (relay, takeovers, fair_rank) WHERE takeovers > 0;

-- The virtual time of a lane, and each tenant's last place in it.
CREATE TABLE lane (
    relay        TEXT NOT NULL PRIMARY KEY,
    virtual_time INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE lane_tenant (
    relay     TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    last_rank INTEGER NOT NULL,
    PRIMARY KEY (relay, tenant_id)
) STRICT;

-- One SMTP transaction. Written once, when it has ended.
CREATE TABLE attempt (
    delivery_id    BLOB NOT NULL,
    claim          INTEGER NOT NULL,
    worker_id      BLOB NOT NULL,
    relay          TEXT NOT NULL,
    started_at     INTEGER NOT NULL,
    ended_at       INTEGER NOT NULL,
    phase          TEXT,
    class          TEXT NOT NULL,
    -- `550 5.7.1` and the relay's words.
    code           TEXT,
    reply          TEXT,
    -- JSON: recipients that were refused or deferred, with their replies.
    refused        TEXT,
    decision       TEXT,
    message_sha256 BLOB,
    message_date   INTEGER,
    -- Digests of the relay, the envelope sender and the From address in one number, so that its index costs little at each
    -- mail; only where the relay's answer was an acceptance, a refusal or a rejection that may speak of the sender.
    sender_key     INTEGER,
    PRIMARY KEY (delivery_id, claim)
) STRICT;
-- Serves last_accepted, refusals_since and the search for what a hold takes back.
CREATE INDEX attempt_of_sender ON attempt (sender_key, ended_at) WHERE sender_key IS NOT NULL;

-- The authoritative list of dead letters; the broker's queue mirrors it.
CREATE TABLE dead_letter (
    id              BLOB NOT NULL PRIMARY KEY,
    -- The dead delivery; none if the event never became one.
    delivery_id     BLOB,
    event_key       BLOB,
    source          TEXT,
    event_id        TEXT,
    tenant_id       TEXT,
    customer_id     TEXT,
    invoice_number  TEXT,
    class           TEXT NOT NULL,
    phase           TEXT,
    code            TEXT,
    -- What is wrong, for people.
    reason          TEXT NOT NULL,
    hint            TEXT NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    -- Dead letters with one cause share it.
    fingerprint     TEXT NOT NULL,
    -- The bytes as they came, where no event row holds them.
    body            BLOB,
    -- Digest of (source, id, sha256 of the body), where the same fault may come twice.
    once            BLOB UNIQUE,
    first_failed_at INTEGER NOT NULL,
    last_failed_at  INTEGER NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('open', 'redriven', 'discarded', 'cured')),
    -- The missing tenant or customer was imported: it is redriven soon.
    curable         INTEGER NOT NULL DEFAULT FALSE CHECK (curable IN (0, 1)),
    concluded_at      INTEGER,
    concluded_by      TEXT,
    note            TEXT,
    -- The state of its copy in the broker: to be published, in the queue, or removed from it.
    mirror          TEXT NOT NULL CHECK (mirror IN ('pending', 'published', 'removed')),
    CONSTRAINT concluded_says_when CHECK ((state = 'open') = (concluded_at IS NULL)),
    CONSTRAINT it_keeps_the_event CHECK (event_key IS NOT NULL OR body IS NOT NULL),
    CONSTRAINT only_open_is_curable CHECK (NOT curable OR state = 'open')
) STRICT;
-- Serve the list, whatever it is filtered by, and the groups.
CREATE INDEX dead_letter_listed ON dead_letter (last_failed_at, id) WHERE state = 'open';
CREATE INDEX dead_letter_of_cause ON dead_letter (fingerprint, last_failed_at, id) WHERE state = 'open';
CREATE INDEX dead_letter_of_class ON dead_letter (class, last_failed_at, id) WHERE state = 'open';
CREATE INDEX dead_letter_of_tenant ON dead_letter (tenant_id, last_failed_at, id) WHERE state = 'open';
CREATE INDEX dead_letter_concluded ON dead_letter (concluded_at, id) WHERE concluded_at IS NOT NULL;
CREATE INDEX dead_letter_of_event ON dead_letter (tenant_id, invoice_number, event_key) WHERE tenant_id IS NOT NULL;
-- Serve the search: by number, and by the publisher's id where no event holds it.
CREATE INDEX dead_letter_number ON dead_letter (
    upper(replace(replace(replace(replace(invoice_number, ' ', ''), char(160), ''), char(8199), ''), char(8239), '')),
    tenant_id) WHERE invoice_number IS NOT NULL;
CREATE INDEX dead_letter_named ON dead_letter (event_id) WHERE event_id IS NOT NULL AND event_key IS NULL;
-- Serves event_fate: a message that never became an event is found by the id that its publisher gave it.
CREATE INDEX dead_letter_unread ON dead_letter (source, event_id) WHERE event_key IS NULL AND source IS NOT NULL;
CREATE INDEX dead_letter_to_cure ON dead_letter (id) WHERE curable;
CREATE INDEX dead_letter_to_publish ON dead_letter (id) WHERE mirror = 'pending';
CREATE INDEX dead_letter_to_remove ON dead_letter (id) WHERE mirror = 'published' AND state <> 'open';
CREATE INDEX dead_letter_delivery ON dead_letter (delivery_id) WHERE delivery_id IS NOT NULL;
-- Serves intake: does an event that comes again have an open dead letter?
CREATE INDEX dead_letter_event ON dead_letter (event_key) WHERE state = 'open' AND event_key IS NOT NULL;
CREATE INDEX dead_letter_curable ON dead_letter (tenant_id, customer_id)
    WHERE state = 'open' AND class IN ('unknown_tenant', 'unknown_customer', 'no_verification_method');

-- Outcomes to be published to the billing system: inserted when a main delivery is concluded, deleted when the broker has
-- confirmed it. A copy, because the delivery may be redriven before it is published.
CREATE TABLE outcome (
    -- The order of publishing; those of one delivery are in the order in which they happened. Never used twice: one
    -- that is deleted late would take another with it.
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id  BLOB NOT NULL,
    concluded    TEXT NOT NULL CHECK (concluded IN ('sent', 'rejected', 'dead', 'cancelled', 'expired')),
    concluded_at INTEGER NOT NULL,
    class        TEXT NOT NULL,
    decision     TEXT CHECK (decision IN ('attach', 'link')),
    reason       TEXT,
    code         TEXT,
    message_id   TEXT
) STRICT;

-- Who did what by hand, or why it was redriven automatically.
CREATE TABLE delivery_note (
    delivery_id BLOB NOT NULL,
    noted_at    INTEGER NOT NULL,
    who         TEXT NOT NULL,
    what        TEXT NOT NULL
) STRICT;
CREATE INDEX delivery_note_of ON delivery_note (delivery_id);

-- The portal's links; the token itself is not stored.
CREATE TABLE portal_link (
    root_id         BLOB NOT NULL,
    generation      INTEGER NOT NULL,
    token_sha256    BLOB NOT NULL UNIQUE CHECK (octet_length(token_sha256) = 32),
    key_fingerprint TEXT NOT NULL,
    expires_at      INTEGER NOT NULL,
    revoked_at      INTEGER,
    PRIMARY KEY (root_id, generation)
) STRICT;

-- The state of each relay, shared by all workers.
CREATE TABLE relay_state (
    relay        TEXT NOT NULL PRIMARY KEY,
    breaker      TEXT NOT NULL DEFAULT 'closed' CHECK (breaker IN ('closed', 'open', 'half_open')),
    reason       TEXT,
    opened_at    INTEGER,
    probes       INTEGER NOT NULL DEFAULT 0,
    probe_at     INTEGER,
    -- The worker that probes, and until when its lease lasts.
    probe_worker BLOB,
    probe_until  INTEGER,
    -- How many deliveries a half-open breaker lets through.
    allowance    INTEGER NOT NULL DEFAULT 0,
    -- Set while the breaker is open because the relay refuses every sender: where, and with which code.
    refused_phase TEXT,
    refused_code  TEXT,
    paused       INTEGER NOT NULL DEFAULT FALSE CHECK (paused IN (0, 1)),
    paused_by    TEXT,
    paused_at    INTEGER,
    -- Counts the changes: a change names the version that it was decided upon.
    version      INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT open_says_when CHECK ((breaker = 'open') = (probe_at IS NOT NULL))
) STRICT;

-- A sender whose deliveries one relay refuses: they wait until it is tried or released.
CREATE TABLE sender_hold (
    relay            TEXT NOT NULL,
    -- What is held: an envelope sender, or one with a From address.
    sender           TEXT NOT NULL,
    phase            TEXT NOT NULL,
    -- `550 5.7.1`.
    code             TEXT NOT NULL,
    -- Without a From address every one of the envelope sender is held.
    envelope_sender  TEXT NOT NULL,
    from_address     TEXT,
    -- Why it is held.
    reason           TEXT NOT NULL DEFAULT 'refused' CHECK (reason IN ('refused', 'same_words', 'daily_limit')),
    -- What lane_entry.held says of its deliveries.
    words            TEXT NOT NULL,
    held_since       INTEGER NOT NULL,
    -- The first of the refusals that caused the hold.
    first_refused_at INTEGER,
    -- Trials so far, when the next is, and which delivery was let through last.
    trials           INTEGER NOT NULL DEFAULT 0,
    trial_at         INTEGER NOT NULL,
    trial_delivery   BLOB,
    -- The claim of trial_delivery before its trial, and the delivery that is tried once more because it was put off.
    trial_claim      INTEGER,
    repeat_delivery  BLOB,
    PRIMARY KEY (relay, sender)
) STRICT;

-- Credentials that a relay has refused (5xx at AUTH): workers that have them do not use the relay, and one of them tries
-- again at try_at. Named by an HMAC under a subkey of the secret keys: from this table alone the password cannot be
-- guessed.
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
    -- The worker that tries, and until when its lease lasts.
    try_worker  BLOB,
    try_until   INTEGER,
    PRIMARY KEY (relay, fingerprint),
    CONSTRAINT lease_has_both CHECK ((try_worker IS NULL) = (try_until IS NULL))
) STRICT;

-- Live workers; each counts up while it lives.
CREATE TABLE worker (
    id           BLOB NOT NULL PRIMARY KEY,
    host         TEXT NOT NULL,
    started_at   INTEGER NOT NULL,
    beats        INTEGER NOT NULL,
    -- The process's name in `lease`: its leases are deleted when the worker is declared dead.
    lease_holder BLOB NOT NULL
) STRICT;
-- The relays that each live worker is configured with: deliveries of a relay that none of them has become dead letters.
CREATE TABLE worker_relay (
    worker_id BLOB NOT NULL REFERENCES worker (id) ON DELETE CASCADE,
    relay     TEXT NOT NULL,
    PRIMARY KEY (worker_id, relay)
) STRICT;

-- The templates that messages were made with, by content hash: a message can be made again.
CREATE TABLE template_version (
    version TEXT NOT NULL PRIMARY KEY,
    sources TEXT NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;

-- Tasks that one process at a time does for all.
CREATE TABLE lease (
    name       TEXT NOT NULL PRIMARY KEY,
    holder     BLOB NOT NULL,
    held_until INTEGER NOT NULL
) STRICT;

-- How many deliveries ended how, so that no query has to count them. Spread over shards, so that transactions rarely wait
-- for each other's row.
CREATE TABLE concluded_count (
    concluded TEXT NOT NULL,
    shard   INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (concluded, shard)
) STRICT;

-- Each delivery with its state.
CREATE VIEW delivery_state AS
    SELECT delivery.id, COALESCE(delivery.concluded, lane_entry.state) AS state, lane_entry.due_at,
           COALESCE(lane_entry.attempts, delivery.attempts) AS attempts
    FROM delivery LEFT JOIN lane_entry ON lane_entry.delivery_id = delivery.id;
