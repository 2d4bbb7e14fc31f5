-- What the billing system is yet to hear of its invoices: written with the end of a main delivery, gone when the broker
-- has it. Copied, because the delivery may be redriven before it is published.
CREATE TABLE outcome (
    -- The order of publishing; those of one delivery are in the order in which they happened. Never used twice: one
    -- that is deleted late would take another with it.
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id BLOB NOT NULL,
    concluded     TEXT NOT NULL CHECK (concluded IN ('sent', 'rejected', 'dead', 'cancelled', 'expired')),
    concluded_at  INTEGER NOT NULL,
    class       TEXT NOT NULL,
    decision    TEXT CHECK (decision IN ('attach', 'link')),
    reason      TEXT,
    code        TEXT,
    message_id  TEXT
) STRICT;
