-- How many sign-ins of accounts that nobody has let nobody in. They are numbers, not entries of the audit log: whoever guesses
-- addresses could fill that without end. Deleted with the networks of clients, after 7 days.

CREATE TABLE sign_in_count (
    -- When the hour begins, in UTC.
    hour    INTEGER NOT NULL,
    -- The network of the peer (/24, /64); '' where it is not known.
    network TEXT NOT NULL,
    -- Compared with nobody's password.
    failed  INTEGER NOT NULL CHECK (failed >= 0),
    -- Not even that: too many had failed before.
    refused INTEGER NOT NULL CHECK (refused >= 0),
    PRIMARY KEY (hour, network)
) STRICT;
