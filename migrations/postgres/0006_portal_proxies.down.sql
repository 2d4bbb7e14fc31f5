-- Remembers one proxy again: the last one, of one's own if there is any.

CREATE TABLE portal_undeclared_proxy (
    only_one BOOLEAN PRIMARY KEY CHECK (only_one),
    address  TEXT NOT NULL,
    seen_at  BIGINT NOT NULL
);

INSERT INTO portal_undeclared_proxy (only_one, address, seen_at)
    SELECT TRUE, address, seen_at FROM portal_forwarder ORDER BY is_own DESC, seen_at DESC LIMIT 1;
DROP TABLE portal_forwarder;
