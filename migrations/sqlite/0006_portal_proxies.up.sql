-- Remembers more than one proxy that is not declared: none hides the others.

-- Where requests to the portal came from that say they were forwarded, and by nobody among the trusted proxies: the last
-- few, deleted after `retention.addresses`.
CREATE TABLE portal_forwarder (
    -- An address of one's own, or the network of another (/24, /64).
    address TEXT NOT NULL PRIMARY KEY,
    is_own  INTEGER NOT NULL CHECK (is_own = (address NOT LIKE '%/%')),
    seen_at INTEGER NOT NULL
) STRICT;

INSERT INTO portal_forwarder (address, is_own, seen_at)
    SELECT address, address NOT LIKE '%/%', seen_at FROM portal_undeclared_proxy;
DROP TABLE portal_undeclared_proxy;
